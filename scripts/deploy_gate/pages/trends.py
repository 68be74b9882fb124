"""How figures moved: the checklist's metrics by month, and what users met by deployment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from deploy_gate.checklist.model import Checklist
from deploy_gate.ledger import metrics, review
from deploy_gate.ledger.history import Deployment
from deploy_gate.ledger.metrics import Figure, Target
from deploy_gate.ledger.rules import AFTER
from deploy_gate.pages import measured
from deploy_gate.pages.archive import Record
from deploy_gate.pages.charts import Chart, Series
from deploy_gate.statistics.recorded import number
from deploy_gate.units import show_duration

WINDOW = timedelta(days=90)
_STEP = timedelta(days=30)
_STEPS = 12
MOST = 60
_UNITS = {"share": "share", "seconds": "s", "per week": "per week"}
_MET = {True: "yes", False: "no", None: "—"}


@dataclass(frozen=True, slots=True)
class Shown:
    """One figure as a row of a table, and its chart."""

    title: str
    value: str
    parts: str
    target: str
    met: str
    share: str
    before: str
    chart: Chart


def figures(known: Sequence[Deployment], targets: Mapping[str, str], until: datetime, place: str) -> list[Shown]:
    """All metrics of one environment: the last ninety days, and twelve times thirty days as a line."""
    now = metrics.computed(known, until=until, window=WINDOW, targets=targets)
    ends = [until - _STEP * back for back in reversed(range(_STEPS))]
    past = [metrics.computed(known, until=end, window=_STEP, targets={}) for end in ends]
    labels = [f"{end:%Y-%m-%d}" for end in ends]
    return [_shown(one, [by[spot].value for by in past], labels, place) for spot, one in enumerate(now)]


def _shown(one: Figure, values: Sequence[float | None], labels: Sequence[str], place: str) -> Shown:
    target, title = Target.parse(one.target), review.TITLES[one.name]
    limit = None if target is None else (target.high if target.high is not None else target.low)
    name = f"{place}-{one.name}"
    chart = Chart(name, title, _UNITS[one.unit], labels, [Series("30 days until then", values)], limit, "target")
    parts = ", ".join(f"{name} {show_duration(value)}" for name, value in (one.parts or {}).items())
    value, before = review.shown(one, one.value), review.shown(one, one.before)
    return Shown(title, value, parts, one.target or "—", _MET[one.met], f"{one.n} of {one.of}", before, chart)


@dataclass(frozen=True, slots=True)
class Measure:
    """What users met with one deployment; None where it was not recorded."""

    record: Record
    values: Mapping[str, float | None]
    targets: Mapping[str, float | None]


_MEASURES = {
    "p95": ("Response time of 95 % of the requests", "ms"),
    "errors": ("Requests that failed", "share"),
    "health": ("Answer time of the health document", "s"),
}


_POINTS = {"p95": "p95_ms", "errors": "errors_share"}


def names(checklist: Checklist) -> dict[str, list[str]]:
    """Which lines measure what: `health` by its name, the others by what they prove."""
    found: dict[str, list[str]] = {"p95": [], "errors": [], "health": ["health"]}
    for name, item in checklist.items.items():
        if item.check == "traffic" and item.with_.get("proves") in found:
            found[str(item.with_["proves"])].append(name)
    return found


def measure(record: Record, document: Mapping[str, Any], known: Mapping[str, Sequence[str]]) -> Measure:
    """The last value of each that was recorded after the switch; of what no line measured, the watch's worst moment."""
    reports = document.get("reports")
    values = _watched(document)
    targets: dict[str, float | None] = {}
    for report in reports if isinstance(reports, list) else []:
        if not isinstance(report, dict) or report.get("phase") not in list(map(str, AFTER)):
            continue
        for item in report["items"] if isinstance(report.get("items"), list) else []:
            for name, ids in known.items():
                if isinstance(item, dict) and item.get("id") in ids and isinstance(item.get("measured"), float):
                    values[name], targets[name] = number(item["measured"]), number(item.get("target"))
    return Measure(record, values, targets)


def _watched(document: Mapping[str, Any]) -> dict[str, float | None]:
    points = [point for line in measured.watched(document) for point in line.evidence]
    known = {name: [number(point.get(key)) for point in points] for name, key in _POINTS.items()}
    return {name: max((one for one in values if one is not None), default=None) for name, values in known.items()}


def measures(found: Sequence[Measure], place: str) -> list[Chart]:
    """A chart of each over the last deployments, oldest first; none of what was never recorded."""
    kept = sorted(found, key=lambda one: one.record.entry.ended)[-MOST:]
    labels = [f"{one.record.entry.ended[5:16].replace('T', ' ')} #{one.record.number}" for one in kept]
    bad = frozenset(spot for spot, one in enumerate(kept) if one.record.told and one.record.told.failure)
    charts = []
    for name, (title, unit) in _MEASURES.items():
        series = [Series("each deployment", [one.values.get(name) for one in kept])]
        limits = [limit for one in kept if (limit := one.targets.get(name)) is not None]
        chart = Chart(f"{place}-{name}", title, unit, labels, series, limits[-1] if limits else None, bad=bad)
        if not chart.empty:
            charts.append(chart)
    return charts
