"""How sure a rate of so many out of so many is."""

from __future__ import annotations

import math
from dataclasses import dataclass

Z95 = 1.959963984540054
"""Of the normal distribution, 97.5 %: two-sided 95 %."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A share from 0 to 1, and between which bounds it may be."""

    share: float
    low: float
    high: float


def wilson(hits: int, total: int, z: float = Z95) -> Interval:
    """The score interval of a binomial share: the shares that a test at this level would not refuse.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927), 209-212. Right
    at the edges too: no hit of 1,000 leaves 0 to 0.38 %, where the usual formula says 0 to 0.
    """
    if not 0 <= hits <= total or total < 1:
        raise ValueError("hits of a total, of which there is at least one")
    share, square = hits / total, z * z
    middle = (share + square / (2 * total)) / (1 + square / total)
    half = z * math.sqrt(share * (1 - share) / total + square / (4 * total * total)) / (1 + square / total)
    return Interval(share, 0.0 if hits == 0 else max(middle - half, 0.0), 1.0 if hits == total else middle + half)


def telling(limit: float) -> int:
    """From how many requests on a true rate of twice the limit stays below it in one window of twenty at most.

    So many that six hits are the limit: by Poisson's distribution fewer than six where twelve are expected have a
    chance of 2 %, and of no greater number is it above 5 % (the tests have it by the binomial one). Of 1,000 requests,
    one of which would be the limit, none fails in one window of seven though two of 1,000 do.
    """
    if not 0 < limit <= 1:
        raise ValueError("a share above 0")
    return math.ceil(6 / limit - 1e-9)
