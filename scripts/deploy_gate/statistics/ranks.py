"""Whether the values of one set are greater than those of another, whatever shape they have."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deploy_gate.statistics.counts import Counts, total


@dataclass(frozen=True, slots=True)
class Comparison:
    """`u` of the first set, `p` that it is greater by chance alone, and how much greater it is.

    `effect` is the chance that a value of the first set is greater than one of the second, ties counting half: 0.5 is
    no difference, 0.56 a small one, 0.64 a middling one, 0.71 a large one.
    """

    u: float
    z: float
    p: float
    effect: float


def mann_whitney(first: Counts, second: Counts) -> Comparison:
    """Is the first set greater? One-sided, by the normal approximation with correction for ties and continuity.

    H. B. Mann and D. R. Whitney, "On a test of whether one of two random variables is stochastically larger than the
    other", Annals of Mathematical Statistics 18 (1947), 50-60. The effect is A of A. Vargha and H. D. Delaney, "A
    critique and improvement of the CL common language effect size statistics", JEBS 25 (2000), 101-132: U / (m n).
    """
    m, n = total(first), total(second)
    if not m or not n:
        raise ValueError("two sets that are not empty")
    u, below, ties = 0.0, 0, 0.0
    for value in sorted({*first, *second}):
        mine, theirs = first.get(value, 0), second.get(value, 0)
        u += mine * (below + theirs / 2)
        below += theirs
        ties += (mine + theirs) ** 3 - (mine + theirs)
    both = m + n
    variance = m * n / 12 * (both + 1 - ties / (both * (both - 1))) if both > 1 else 0.0
    if variance <= 0:  # all values are the same one
        return Comparison(u, 0.0, 1.0, 0.5)
    z = (u - m * n / 2 - 0.5) / math.sqrt(variance)
    return Comparison(u, z, math.erfc(z / math.sqrt(2)) / 2, u / (m * n))
