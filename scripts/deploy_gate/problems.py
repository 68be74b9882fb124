"""Faults in what the user wrote: the checklist, an input, a command line. All of them at once, each with its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One fault: where it stands (a file's path relative to the working directory, 1-based line) and what is legal."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}: " if self.path and self.line else f"{self.path}: " if self.path else ""
        return place + self.message


class Misconfigured(Exception):
    """The checklist or an input is wrong; nothing was run. Exit code 2."""

    def __init__(self, problems: Iterable[Problem | str]) -> None:
        self.problems = [one if isinstance(one, Problem) else Problem("", 0, one) for one in problems]
        super().__init__("\n".join(map(str, self.problems)))


def similar(name: str, legal: Iterable[str]) -> str:
    """`; did you mean 'x'?` when a legal name is close, else nothing."""
    close = get_close_matches(name, list(legal), n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""


def nearest(name: str, legal: Iterable[str]) -> str:
    """`; did you mean 'x'?` when a legal name is close, else the legal names (at most ten)."""
    names = sorted(legal)
    if close := similar(name, names):
        return close
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return f"; legal: {', '.join(names[:10])}{more}" if names else ""


def shown(path: Path) -> str:
    """A path as the user would type it: relative to the working directory when it lies below it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
