"""Demand, estimated by simple exponential smoothing (Brown, 1956)."""

from math import ceil

SMOOTHING = 0.4


def expected_demand(history: list[int]) -> float:
    """Return the demand expected for the next period from past periods, oldest first; at least one is needed."""
    level = float(history[0])
    for demand in history[1:]:
        level += SMOOTHING * (demand - level)
    return round(level, 2)


def reorder_quantity(history: list[int], stock: int, periods: int) -> int:
    """Return how many pieces to order so that the stock lasts for so many periods."""
    return max(0, ceil(expected_demand(history) * periods) - stock)
