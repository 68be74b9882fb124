"""A journey as it was read from its file: steps, what each expects, what it keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Class = Literal["read", "write", "search", "health"]
CLASSES: tuple[Class, ...] = ("read", "write", "search", "health")
Operator = Literal["equals", "not", "at-least", "at-most", "contains", "exists"]
OPERATORS: tuple[Operator, ...] = ("equals", "not", "at-least", "at-most", "contains", "exists")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One expectation: the value at `what` (a path or a header's name) against `value` by `operator`."""

    what: str
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Expectations:
    """What an answer must be. Without `statuses` every 2xx will do."""

    statuses: tuple[int, ...] = ()
    headers: tuple[Wanted, ...] = ()
    json: tuple[Wanted, ...] = ()


@dataclass(frozen=True, slots=True)
class Until:
    """The request is sent again, `every` so many seconds, until its expectations hold, for `within` seconds."""

    within: float
    every: float


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. Texts may hold `${…}`."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    form: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """A connection over which the application speaks by itself: opened now, listened to by later steps."""

    name: str
    kind: Literal["websocket", "sse"]
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    send: Any = None


@dataclass(frozen=True, slots=True)
class Receive:
    """Wait for the first message of the stream `source` that is as expected."""

    source: str
    within: float


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `unless` names a capture: the step is left out once that is there."""

    name: str
    line: int
    action: Request | Stream | Receive
    kind: Class = "read"
    expect: Expectations = Expectations()
    capture: Mapping[str, str] = field(default_factory=dict)
    until: Until | None = None
    unless: str = ""


@dataclass(frozen=True, slots=True)
class Journey:
    """A whole file. `timeout` is for the steps; the clean-up has its own time."""

    path: str
    name: str
    timeout: float
    values: Mapping[str, Any]
    steps: tuple[Step, ...]
    cleanup: tuple[Step, ...]
    secrets: tuple[str, ...]
    """Environment variables that it names."""
