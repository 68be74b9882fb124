"""What a watch leaves behind for later jobs: one bounded JSON file, written once, at its end."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy_gate.atomic import write_all
from deploy_gate.engine.verdict import Word
from deploy_gate.facts import textfile
from deploy_gate.result import CouldNotTell, brief
from deploy_gate.watch.metrics import Seen
from deploy_gate.watch.rule import State

MAX_BYTES = 1024 * 1024
MOST = 500
MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_FIX = "run the operation watch before this check, in this very run"


@dataclass(frozen=True, slots=True)
class Line:
    """One metric at the end."""

    id: str
    role: str
    state: str
    looks: int
    bad: int
    unknown: int
    found: str


@dataclass(frozen=True, slots=True)
class Watched:
    """One watch."""

    release: str
    environment: str
    phase: str
    ended: datetime
    seconds: float
    verdict: str
    why: str
    lines: tuple[Line, ...]


def line(one: Seen) -> Line:
    """A metric as it is written down."""
    track = one.metric.track
    return Line(
        one.metric.id, str(one.metric.role), str(one.state), track.looks, track.bad, track.none, brief(one.why, 300)
    )


def save(path: Path, watched: Watched, more: dict[str, Any]) -> None:
    """Write it; `more` is for readers, not for the check. CouldNotTell when that is not possible."""
    data = {
        "schema": 1,
        "release": watched.release,
        "environment": watched.environment,
        "phase": watched.phase,
        "ended": watched.ended.astimezone(UTC).strftime(MOMENT),
        "seconds": round(watched.seconds, 1),
        "verdict": watched.verdict,
        "why": brief(watched.why, 600),
        "lines": [{name: getattr(one, name) for name in Line.__slots__} for one in watched.lines[:MOST]],
        **more,
    }
    try:
        write_all({path: json.dumps(data, indent=1, ensure_ascii=False) + "\n"})
    except OSError as fault:
        found = f"the record {brief(str(path), 200)} cannot be written: {textfile.reason(fault)}"
        raise CouldNotTell(found, "name a file that can be written (`record`)") from None


def load(path: Path) -> Watched:
    """CouldNotTell when there is none, or it is something else."""
    name = brief(str(path), 200)
    raw = textfile.read(path, MAX_BYTES)
    if raw is None:
        raise CouldNotTell(f"there is no record {name}: nobody watched", _FIX)
    try:
        return _watched(json.loads(raw))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise CouldNotTell(f"{name} is not a record of the operation watch", _FIX) from None


def _watched(data: Any) -> Watched:
    if data["schema"] != 1 or not all(isinstance(data[one], str) for one in ("release", "environment", "phase", "why")):
        raise ValueError
    lines = tuple(_line(one) for one in data["lines"][:MOST])
    ended = datetime.strptime(data["ended"], MOMENT).replace(tzinfo=UTC)
    return Watched(
        release=data["release"],
        environment=data["environment"],
        phase=data["phase"],
        ended=ended,
        seconds=float(data["seconds"]),
        verdict=str(Word(data["verdict"])),
        why=data["why"],
        lines=lines,
    )


def _line(data: Any) -> Line:
    made = Line(**{name: data[name] for name in Line.__slots__})
    State(made.state)
    if not all(isinstance(getattr(made, one), str) for one in ("id", "role", "found")):
        raise ValueError
    if any(type(getattr(made, one)) is not int or getattr(made, one) < 0 for one in ("looks", "bad", "unknown")):
        raise ValueError
    return made
