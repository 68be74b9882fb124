"""Numbers that were written down by others: a recorded value may be anything that JSON can hold."""

from __future__ import annotations

import math
from typing import Any


def number(value: Any) -> float | None:
    """A finite number of a sensible size that is not negative, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e15:
        return None
    return float(value) if math.isfinite(value) else None
