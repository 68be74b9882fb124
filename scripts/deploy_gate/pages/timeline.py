"""When what happened in a deployment: the runs of its gates between its beginning and its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy_gate.facts.findings import called
from deploy_gate.ledger.entry import Entry, when
from deploy_gate.result import one_line
from deploy_gate.statistics.recorded import number
from deploy_gate.units import show_duration

WIDTH = 600
MOST = 40
_MOODS = {"go": "go", "no-go": "bad", "could-not-tell": "open"}


@dataclass(frozen=True, slots=True)
class Span:
    """One event; `x` and `width` are of the drawing, `WIDTH` wide."""

    name: str
    at: str
    took: str
    x: str
    width: str
    mood: str


def spans(entry: Entry, reports: Sequence[Mapping[str, Any]]) -> list[Span]:
    """The whole deployment first, then each run of a gate; what has no readable moment is left out."""
    began, ended = when(entry.began), when(entry.ended)
    if began is None or ended is None:
        return []
    whole = max((ended - began).total_seconds(), 0.001)
    found = [_span("the whole deployment", entry.began, (0.0, whole), whole, "")]
    for one in reports[:MOST]:
        start = when(str(one.get("started", "")))
        seconds = number(one.get("seconds"))
        if start is None or start.tzinfo is None or seconds is None:
            continue
        name = one_line(f"gate {called(one)}: {one.get('verdict')}", 200)
        mood = _MOODS.get(str(one.get("verdict")), "")
        found.append(_span(name, str(one["started"]), ((start - began).total_seconds(), seconds), whole, mood))
    return found


def _span(name: str, at: str, spot: tuple[float, float], whole: float, mood: str) -> Span:
    start, length = (min(max(one, 0.0), whole) for one in spot)
    x, width = WIDTH * start / whole, max(WIDTH * min(length, whole - start) / whole, 2.0)
    shown = one_line(at, 40).replace("T", " ").removesuffix("Z").split(".")[0]
    return Span(name, shown, show_duration(spot[1]), f"{min(x, WIDTH - 2):.1f}", f"{width:.1f}", mood)


def recovery(entry: Entry) -> str:
    """`detect 20 s, decide 5 s, restore 1 s, in all 26 s`; empty where nothing was to be recovered from."""
    known = {name: getattr(entry.times, name) for name in ("detect", "decide", "restore")}
    parts = [f"{name} {show_duration(value)}" for name, value in known.items() if value is not None]
    if entry.times.recover is not None:
        parts.append(f"in all {show_duration(entry.times.recover)}")
    return ", ".join(parts)
