"""A declared allow-list: differences between two databases that are meant to be."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowed:
    """Patterns of kind and name with `*` for any text; every other sign, brackets included, stands for itself."""

    patterns: tuple[str, ...]
    compiled: tuple[re.Pattern[str], ...]

    @classmethod
    def of(cls, patterns: Iterable[str]) -> Allowed:
        """From the lines of an input."""
        kept = tuple(patterns)
        parts = [".*".join(map(re.escape, one.split("*"))) for one in kept]
        return cls(kept, tuple(re.compile(one, re.DOTALL) for one in parts))

    def covers(self, kind: str, name: str) -> str:
        """The pattern that allows this object to differ; empty when none does."""
        told = f"{kind} {name}"
        return next((text for text, one in zip(self.patterns, self.compiled, strict=True) if one.fullmatch(told)), "")
