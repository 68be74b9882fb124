"""What the host program says of slots and of its preflight, read strictly: what it does not say is not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy_gate.result import CouldNotTell, brief

_FIX = "see `slots status` on the server; the program there may be another version's"


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot: what should run there, and how it answered; the two words are `yes` or the trouble."""

    name: str
    port: int
    live: bool
    running: bool
    release: str = ""
    names: str = ""
    alive: str = "not asked"
    ready: str = "not asked"
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Releases:
    """What is live, and what was live before it was switched to; empty: nothing, or it was rolled back to."""

    live: str
    before: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the preflight: passed, failed, unknown or skipped."""

    name: str
    status: str
    found: str
    fix: str = ""


def slots(told: Mapping[str, Any]) -> list[Slot]:
    """From `slots status`; CouldNotTell when it is not what this version knows."""
    try:
        live = str(told["live"])
        found = [_slot(name, one, live=name == live) for name, one in told["slots"].items()]
    except (KeyError, TypeError, ValueError, AttributeError):
        found = []
    if len(found) != 2 or sum(one.live for one in found) != 1:
        raise CouldNotTell("the server's answer names no two slots of which one is live", _FIX)
    return found


def name(told: Mapping[str, Any], *, live: bool) -> str:
    """The name of the live slot, or of the other; CouldNotTell when it is not what this version knows."""
    try:
        found = [str(one) for one in told["slots"] if (one == told["live"]) == live]
    except (KeyError, TypeError):
        found = []
    if len(found) != 1:
        raise CouldNotTell("the server's answer names no two slots of which one is live", _FIX)
    return found[0]


def releases(told: Mapping[str, Any]) -> Releases:
    """From `slots status`; CouldNotTell when it is not what this version knows."""
    try:
        live, before = told["release"], told["rollback"]["release"]
    except (KeyError, TypeError):
        live = before = None
    if not isinstance(live, str) or not isinstance(before, str):
        raise CouldNotTell("the server's answer does not say which releases are live and were live before", _FIX)
    return Releases(live, before)


def _slot(name: str, one: Mapping[str, Any], *, live: bool) -> Slot:
    port, release = int(one["port"]), str(one["release"])
    if not one["running"]:
        return Slot(name, port, live, running=False, release=release)
    names, alive, ready = str(one["names"]), str(one["alive"]), str(one["ready"])
    return Slot(name, port, live, True, release, names, alive, ready, float(one["ready_seconds"]))


def lines(told: Mapping[str, Any]) -> dict[str, Line]:
    """From `slots preflight`, by name; CouldNotTell when it is not what this version knows."""
    try:
        listed = [Line(*(str(one.get(key, "")) for key in Line.__slots__)) for one in told["lines"]]
    except (KeyError, TypeError, AttributeError):
        raise CouldNotTell("the server's answer holds no lines of a preflight", _FIX) from None
    return {one.name: one for one in listed}


def shown(line: Line) -> str:
    """`memory: 900 MB available, 1024 MB wanted`, for a message."""
    return f"{brief(line.name, 30)}: {brief(line.found, 300)}"


def settled(all_lines: Mapping[str, Line], names: list[str], skippable: tuple[str, ...] = ()) -> list[Line]:
    """The lines of these names that failed; CouldNotTell when one was not looked at, or could not be told.

    What failed is known, so it is told first.
    """
    failed = [all_lines[name] for name in names if name in all_lines and all_lines[name].status == "failed"]
    if failed:
        return failed
    for name in names:
        line = all_lines.get(name) or all_lines.get("preflight") or Line(name, "unknown", "the server did not say")
        if line.status == "passed" or (line.status == "skipped" and name in skippable):
            continue
        raise CouldNotTell(
            f"not measured on the server: {shown(line)}", brief(line.fix, 300) or _MEASURE.get(name, _FIX)
        )
    return []


_SET = "set needs.{0} in the host program's configuration, or leave {1} out of `measured`"
_MEASURE = {
    "memory": _SET.format("memory-mb", "memory"),
    "disk": _SET.format("disk-mb", "disk"),
    "connections": _SET.format("connections-per-worker and commands.psql", "connections"),
}
