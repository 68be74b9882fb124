"""Statistics against published examples, and against what counting by hand gives."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from deploy_gate.statistics import counts, ranks, rates


def of(*values: float) -> dict[int, int]:
    found: dict[int, int] = {}
    for value in values:
        found[round(value * 100)] = found.get(round(value * 100), 0) + 1
    return found


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    # R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998), table I.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_as_published(hits: int, total: int, low: float, high: float) -> None:
    found = rates.wilson(hits, total)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_the_bounds_of_wilson_are_where_the_test_just_refuses() -> None:
    for hits, total in ((10, 5000), (3, 50), (49, 50)):
        found = rates.wilson(hits, total)
        for bound in (found.low, found.high):
            z = abs(hits / total - bound) / math.sqrt(bound * (1 - bound) / total)
            assert z == pytest.approx(rates.Z95)
    assert rates.wilson(7, 7).high == 1
    for hits, total in ((1, 0), (2, 1), (-1, 5)):
        with pytest.raises(ValueError, match="hits of a total"):
            rates.wilson(hits, total)


def test_mann_whitney_as_published() -> None:
    # M. Hollander and D. A. Wolfe, "Nonparametric Statistical Methods" (1973), p. 69: permeability of membranes.
    first = of(0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46)
    second = of(1.15, 0.88, 0.90, 0.74, 1.21)
    found = ranks.mann_whitney(first, second)
    assert (found.u, found.effect) == (35, 0.7)
    deviation = math.sqrt(10 * 5 * 16 / 12)
    without_correction = math.erfc((found.z + 0.5 / deviation) / math.sqrt(2)) / 2
    assert round(without_correction, 4) == 0.1103, "their large-sample approximation"
    assert round(found.p, 4) == 0.1223
    # The example of SciPy's documentation: ages at diagnosis of diabetes.
    found = ranks.mann_whitney(of(19, 22, 16, 29, 24), of(20, 11, 17, 12))
    assert (found.u, round(2 * found.p, 6)) == (17, 0.111347)


def test_ties_as_counted_by_hand() -> None:
    first, second = (1, 2, 2, 3, 3, 3), (1, 1, 2, 3, 4)
    found = ranks.mann_whitney(of(*first), of(*second))
    pairs = sum((a > b) + (a == b) / 2 for a in first for b in second)
    assert (found.u, found.effect) == (pairs, pairs / 30)
    # The variance of U over all ways to deal the values out is what the correction for ties says it is.
    everything = first + second
    dealt = []
    for chosen in itertools.combinations(range(11), 6):
        mine = [everything[one] for one in chosen]
        theirs = [everything[one] for one in range(11) if one not in chosen]
        dealt.append(sum((a > b) + (a == b) / 2 for a in mine for b in theirs))
    variance = sum((one - 15) ** 2 for one in dealt) / len(dealt)
    assert found.z == pytest.approx((pairs - 15 - 0.5) / math.sqrt(variance))


def test_no_difference_is_told_as_none() -> None:
    found = ranks.mann_whitney({5: 1000}, {5: 10})
    assert (found.p, found.effect) == (1.0, 0.5)
    assert ranks.mann_whitney({1: 1}, {1: 1}).p == 1.0
    with pytest.raises(ValueError, match="not empty"):
        ranks.mann_whitney({}, {1: 1})


def test_quantiles_are_values_that_were_seen() -> None:
    values = dict.fromkeys(range(1, 101), 1)
    assert [counts.quantile(values, share) for share in (0.0, 0.5, 0.95, 0.951, 0.99, 1.0)] == [1, 50, 95, 96, 99, 100]
    assert counts.quantile({7: 19, 501: 1}, 0.95) == 7
    assert counts.quantile({7: 18, 501: 2}, 0.95) == 501
    assert counts.merged([{1: 2}, {1: 1, 3: 4}]) == {1: 3, 3: 4}
    with pytest.raises(ValueError, match="not so many"):
        counts.quantile({}, 0.5)


def test_bounds_of_a_quantile_hold_it_as_often_as_they_say() -> None:
    chance = random.Random(1)
    inside = 0
    for _ in range(400):
        values: dict[int, int] = {}
        for _ in range(300):
            value = round(100 * math.exp(chance.gauss(0, 1)))
            values[value] = values.get(value, 0) + 1
        low, high = counts.bounds(values, 0.95, rates.Z95)
        inside += low <= 100 * math.exp(1.6449) <= high
    assert 360 <= inside <= 396, inside


def test_twice_the_limit_is_taken_for_less_in_one_window_of_twenty_at_most() -> None:
    def passes(number: int, rate: float, limit: float) -> float:
        """The chance that so few fail that their share is below the limit."""
        most = math.ceil(number * limit - 1e-9) - 1
        return sum(math.comb(number, k) * rate**k * (1 - rate) ** (number - k) for k in range(most + 1))

    for limit, number in ((0.01, 600), (0.001, 6000), (0.05, 120)):
        assert rates.telling(limit) == number
        for more in range(number, 2 * number, max(number // 40, 1)):
            assert passes(more, 2 * limit, limit) <= 0.05
    assert passes(1000, 0.002, 0.001) > 0.13, "with a thousand it is one of seven"
