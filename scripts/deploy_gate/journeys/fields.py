"""Fields of a mapping in a journey's file: each fault is kept with its line, and reading goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from deploy_gate import units
from deploy_gate.problems import Problem, nearest
from deploy_gate.result import brief
from deploy_gate.yamlfile import Document

T = TypeVar("T")
Where = tuple[str | int, ...]


class Fields:
    """One mapping of the file; `legal` are the keys it may have."""

    def __init__(self, document: Document, where: Where, problems: list[Problem], legal: Iterable[str]) -> None:
        self.document, self.where, self.problems = document, where, problems
        data: Any = document.data
        for step in where:
            data = data[step]
        self.data: dict[str, Any] = data if isinstance(data, dict) else {}
        if not isinstance(data, dict):
            self.fault("", f"is {_shown(data)}, expected a mapping with {', '.join(legal)}")
        for key in self.data:
            if key not in legal:
                self.fault(key, f"unknown key '{brief(key)}'{nearest(key, legal)}")

    def __contains__(self, key: object) -> bool:
        return key in self.data

    def fault(self, key: str, message: str) -> None:
        """Keep a fault at a key of this mapping."""
        place = self.line(key)
        self.problems.append(Problem(self.document.path, place, message))

    def line(self, key: str = "") -> int:
        """The line of a key, or of the nearest thing around it."""
        where: Where = (*self.where, key) if key else self.where
        while where and where not in self.document.lines:
            where = where[:-1]
        return self.document.lines.get(where, 1)

    def get(self, key: str, read: Callable[[Any], T], otherwise: T) -> T:
        """The value of a key as `read` takes it (ValueError says what is legal), or `otherwise`."""
        if key not in self.data:
            return otherwise
        try:
            return read(self.data[key])
        except ValueError as fault:
            self.fault(key, f"'{key}' is {_shown(self.data[key])}, expected {fault}")
            return otherwise

    def within(self, key: str, legal: Iterable[str]) -> Fields:
        """The mapping at a key."""
        return Fields(self.document, (*self.where, key), self.problems, legal)

    def list(self, key: str) -> int:
        """How many entries the list at a key has; anything else is a fault, and counts as none."""
        value = self.data.get(key, [])
        if not isinstance(value, list):
            self.fault(key, f"'{key}' is {_shown(value)}, expected a list of steps")
            return 0
        return len(value)


def text(value: Any) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError("a text on one line")
    return value.strip()


def mapping(value: Any) -> dict[str, Any]:
    """A mapping with keys of text."""
    if not isinstance(value, dict) or not value:
        raise ValueError("a mapping of names to values")
    return value


def duration(low: float, high: float) -> Callable[[Any], float]:
    """A reader of durations between two limits, both in seconds."""

    def read(value: Any) -> float:
        seconds = units.duration(str(value))
        if not low <= seconds <= high:
            raise ValueError(f"{units.show_duration(low)} to {units.show_duration(high)}")
        return float(seconds)

    return read


def statuses(value: Any) -> tuple[int, ...]:
    """One status of HTTP or a list of them."""
    found = value if isinstance(value, list) else [value]
    if not found or not all(type(one) is int and 100 <= one <= 599 for one in found):
        raise ValueError("a status such as 200, or a list of them")
    return tuple(found)


def _shown(value: Any) -> str:
    if value is None:
        return "empty"
    return brief(repr(value))
