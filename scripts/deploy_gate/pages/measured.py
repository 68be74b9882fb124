"""What the lines of a report measured, as charts: series over time where a check recorded one, else bars.

A check records a series as entries of its evidence that have `at` (a moment as text) and numbers whose names end in
their unit: `p95_ms`, `answer_s`, `errors_share`, `cpu_percent`; a text under `class` tells several apart, a number
under `limit` is drawn as one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy_gate.ledger import met
from deploy_gate.pages.charts import MOST_SERIES, Chart, Series
from deploy_gate.pages.sheet import Line
from deploy_gate.result import MAX_EVIDENCE, one_line
from deploy_gate.statistics.recorded import number
from deploy_gate.units import show_duration

UNITS = ("ms", "s", "share", "percent")
MOST_CHARTS = 12
MOST_BARS = 40
BAR = 240


@dataclass(frozen=True, slots=True)
class Bar:
    """One value beside its limit; lengths in units of the drawing, which is `BAR` wide."""

    name: str
    value: str
    limit: str
    length: str
    limit_at: str
    over: bool


@dataclass(frozen=True, slots=True)
class Bars:
    """A table of values, each with a bar."""

    title: str
    first: str
    rows: Sequence[Bar]


def charts(lines: Sequence[Line]) -> list[Chart]:
    """A chart for each kind of number that a line recorded over time."""
    return [chart for line in lines for chart in _over_time(line)][:MOST_CHARTS]


def watched(document: Mapping[str, Any]) -> list[Line]:
    """What the watch saw meanwhile, as a line whose evidence is a series; none where no watch was recorded."""
    kept = met.points(document)
    return [Line("watch", "While it was watched", "", "", evidence=kept)] if kept else []


def _over_time(line: Line) -> Iterator[Chart]:
    entries = [one for one in line.evidence if isinstance(one.get("at"), str)][:MAX_EVIDENCE]
    kinds = dict.fromkeys(
        key for one in entries for key in one if key.rpartition("_")[2] in UNITS and number(one[key]) is not None
    )
    labels = list(dict.fromkeys(str(one["at"]) for one in entries))
    if len(labels) < 2:
        return
    for kind in kinds:
        name, _, unit = kind.rpartition("_")
        classes = list(dict.fromkeys(str(one.get("class") or name) for one in entries if kind in one))[:MOST_SERIES]
        found = {(str(one.get("class") or name), str(one["at"])): number(one.get(kind)) for one in entries}
        series = [Series(one_line(one, 40), [found.get((one, label)) for label in labels]) for one in classes]
        shown = [one_line(label, 30) for label in labels]
        title = one_line(f"{line.title}: {name}", 120)
        limit = next(
            (value for one in entries if kind in one and (value := number(one.get("limit"))) is not None), None
        )
        yield Chart(f"{line.id}-{kind}", title, unit, shown, series, limit).thinned()


def bars(lines: Sequence[Line]) -> list[Bars]:
    """Times and errors by class of endpoint, answer times, and what the server was busy with."""
    found = [_times(lines), _errors(lines), _answers(lines), _loads(lines)]
    return [one for one in found if one.rows]


def _classes(lines: Sequence[Line]) -> list[tuple[str, Mapping[str, Any]]]:
    """The first line that counted requests speaks for all of them: they look at the same log."""
    for line in lines:
        counted = [one for one in line.evidence if isinstance(one.get("class"), str) and number(one.get("requests"))]
        if line.check == "traffic" and counted:
            return [(one_line(str(one["class"]), 40), one) for one in counted][:MOST_BARS]
    return []


def _times(lines: Sequence[Line]) -> Bars:
    limit = next((line.target for line in lines if line.check == "traffic" and (number(line.target) or 0) >= 1), None)
    known = [(name, value) for name, one in _classes(lines) if (value := number(one.get("p95"))) is not None]
    rows = [(name, value / 1000, None if limit is None else limit / 1000) for name, value in known]
    return Bars("95 % of the requests were answered within", "Endpoints", _drawn(rows, show_duration))


def _errors(lines: Sequence[Line]) -> Bars:
    targets = (number(line.target) for line in lines if line.check == "traffic")
    limit = next((one for one in targets if one is not None and 0 < one < 1), None)
    rows = [
        (name, errors / requests, limit)
        for name, one in _classes(lines)
        if (errors := number(one.get("errors"))) is not None and (requests := number(one.get("requests")))
    ]
    return Bars("Requests that failed", "Endpoints", _drawn(rows, lambda value: f"{value:.3%}"))


def _answers(lines: Sequence[Line]) -> Bars:
    rows = [
        (line.title, value, number(line.target))
        for line in lines
        # A status such as 503 stands there too, where the answer was not the one that was expected.
        if line.check == "http-endpoint" and isinstance(line.measured, float) and (value := number(line.measured))
    ]
    return Bars("Answer times", "Address", _drawn(rows, show_duration))


def _loads(lines: Sequence[Line]) -> Bars:
    rows = [
        (line.title, value, number(line.target))
        for line in lines
        if line.check in ("resources", "database-connections") and (value := number(line.measured)) is not None
    ]
    return Bars("Load of the server", "What", _drawn(rows, lambda value: f"{value:.1f} %"))


def times(title: str, rows: Sequence[tuple[str, float]]) -> Bars:
    """A table of durations without limits."""
    return Bars(title, "Line", _drawn([(name, seconds, None) for name, seconds in rows], show_duration))


def _drawn(rows: Sequence[tuple[str, float, float | None]], show: Any) -> list[Bar]:
    kept = rows[:MOST_BARS]
    top = max((value for _, *pair in kept for value in pair if value is not None), default=0.0) * 1.1 or 1.0
    return [
        Bar(
            name,
            show(value),
            "" if limit is None else show(limit),
            f"{BAR * value / top:.1f}",
            "" if limit is None else f"{BAR * limit / top:.1f}",
            limit is not None and value >= limit,
        )
        for name, value, limit in kept
    ]
