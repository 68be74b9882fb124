"""Values with how often each was seen: quantiles of them, and between which bounds a quantile may be."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

Counts = Mapping[int, int]
"""Value to how often it was seen."""


def total(counts: Counts) -> int:
    """How many there are."""
    return sum(counts.values())


def merged(several: Iterable[Counts]) -> dict[int, int]:
    """All of them in one."""
    found: dict[int, int] = {}
    for counts in several:
        for value, count in counts.items():
            found[value] = found.get(value, 0) + count
    return found


def ranked(counts: Counts, rank: int) -> int:
    """The value at that place of all, sorted; the first place is 1."""
    seen = 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= rank:
            return value
    raise ValueError("there are not so many values")


def quantile(counts: Counts, share: float) -> int:
    """The least value that at least this share of all does not exceed (the inverse of the distribution function).

    Definition 1 of R. J. Hyndman and Y. Fan, "Sample quantiles in statistical packages", The American Statistician 50
    (1996), 361-365: a value that was seen, never one between two. So "95 % within 500 ms" is what it says.
    """
    number = total(counts)
    # A product such as 0.95 * 100 may be a hair above the whole number that is meant.
    return ranked(counts, max(1, math.ceil(share * number - 1e-9)))


def bounds(counts: Counts, share: float, z: float) -> tuple[int, int]:
    """Between which values the quantile of the whole may be: places by the normal approximation of the binomial.

    W. J. Conover, "Practical Nonparametric Statistics", section 3.2. Says nothing of how the values are spread.
    """
    number = total(counts)
    half = z * math.sqrt(number * share * (1 - share))
    low, high = math.floor(number * share - half), math.ceil(number * share + half)
    return ranked(counts, max(low, 1)), ranked(counts, min(high, number))
