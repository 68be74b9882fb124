"""Pairs of schemas: what both have, what is done on either side, and exactly what must be told of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """`told` has a line for each difference: kind, name (without the case's schema) and side; empty: nothing differs.

    `alone` is for objects that are no schema's: they get databases of their own.
    """

    name: str
    both: str
    left: str
    right: str
    told: tuple[str, ...]
    alone: bool = False


def case(
    name: str, both: str, left: str = "", right: str = "", told: str | list[str] = "", *, alone: bool = False
) -> Case:
    """A case from texts; `told` is a text of lines, or a list where a name has line breaks of its own."""
    lines = told.splitlines() if isinstance(told, str) else told
    return Case(name, both, left, right, tuple(lines), alone)
