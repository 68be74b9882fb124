"""Requests of a window of time, counted by slot and class of endpoint, wherever they were counted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from deploy_gate.result import CouldNotTell, brief
from deploy_gate.statistics import counts

HEALTH = "health"
_NOWHERE = "-"
_MOST_CELLS = 200
_MOST_VALUES = 20_000


@dataclass(frozen=True, slots=True)
class Figures:
    """Requests of one kind. `closed` ones the client did not wait for, `hung` ones not after seconds; `ms`: how long.

    `errors` were answered with 5xx, or hung.
    """

    requests: int = 0
    errors: int = 0
    refused: int = 0
    closed: int = 0
    ms: Mapping[int, int] = field(default_factory=dict)
    hung: int = 0

    @property
    def timed(self) -> int:
        """How many have a time."""
        return counts.total(self.ms)

    def quantile(self, share: float) -> int:
        """Milliseconds that this share of the requests did not exceed."""
        return counts.quantile(self.ms, share)


@dataclass(frozen=True, slots=True)
class Window:
    """What one slot answered during `seconds`, by class; our own probes and what is to be ignored are left out."""

    slot: str
    seconds: float
    classes: Mapping[str, Figures]
    probes: int = 0
    ignored: int = 0

    @property
    def users(self) -> Figures:
        """All that users asked for: looks at the health document would make everything look quick."""
        return together([one for name, one in self.classes.items() if name != HEALTH])


@dataclass(frozen=True, slots=True)
class Traffic:
    """The release that is live since its switch, and the other slot before it (None: not known)."""

    release: str
    window: Window
    baseline: Window | None = None
    unreadable: int = 0
    taken: int = 0
    clock_jump: float = 0.0
    source: str = "the access log"
    elsewhere: int = 0
    """Requests of the window that the live slot did not answer."""
    nowhere: int = 0
    """Those of them that nginx itself answered with 5xx, for no slot."""

    @property
    def met(self) -> Figures:
        """What users of the live release met: its answers, and failures in front of it, which no slot answered."""
        users = self.window.users
        return replace(users, requests=users.requests + self.nowhere, errors=users.errors + self.nowhere)


def together(several: list[Figures]) -> Figures:
    """All of them as one."""
    names = ("requests", "errors", "refused", "closed", "hung")
    sums = {name: sum(getattr(one, name) for one in several) for name in names}
    return Figures(**sums, ms=counts.merged(one.ms for one in several))


def parse(told: Mapping[str, Any]) -> Traffic:
    """From `slots traffic`; CouldNotTell when it is not what this version knows."""
    try:
        live, read = str(told["live"]), told["read"]
        window, baseline = told["window"], told["baseline"]
        other = next((str(name) for name in baseline["slots"]), "") if baseline else ""
        found = _window(live, window)
        others = [_window(str(slot), window).users.requests for slot in window["slots"] if slot != live]
        return Traffic(
            str(told["release"]),
            found,
            _window(other, baseline) if baseline else None,
            int(read["unreadable"]),
            int(read["taken"]),
            _finite(told["clock_jump"]),
            elsewhere=sum(others),
            nowhere=_window(_NOWHERE, window).users.errors,
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        found_ = "the server's answer does not say how many requests there were"
        fix = "see `slots traffic` on the server; the program there may be another version's"
        raise CouldNotTell(found_, fix) from None


def _window(slot: str, told: Mapping[str, Any]) -> Window:
    cells = told["slots"].get(slot, {})
    if len(cells) > _MOST_CELLS:
        raise ValueError
    classes = {brief(str(name), 40): _figures(cell) for name, cell in cells.items()}
    return Window(slot, _finite(told["seconds"]), classes, int(told["probes"]), int(told["ignored"]))


def _finite(value: Any) -> float:
    found = float(value)
    if not math.isfinite(found):
        raise ValueError
    return found


def _figures(cell: Mapping[str, Any]) -> Figures:
    ms = {int(key): int(value) for key, value in cell["ms"].items()}
    if len(ms) > _MOST_VALUES or any(key < 0 or value < 0 for key, value in ms.items()):
        raise ValueError
    names = ("requests", "errors", "refused", "closed", "hung")
    requests, errors, refused, closed, hung = (int(cell[name]) for name in names)
    if not 0 <= hung <= errors <= requests:
        raise ValueError
    return Figures(requests, errors, refused, closed, ms, hung)
