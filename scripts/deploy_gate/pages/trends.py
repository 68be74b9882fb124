"""How figures moved: the checklist's metrics by month, and what users met by deployment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from deploy_gate.ledger import metrics, review
from deploy_gate.ledger.history import Deployment
from deploy_gate.ledger.met import Met
from deploy_gate.ledger.metrics import Figure, Target
from deploy_gate.pages.archive import Record
from deploy_gate.pages.charts import Chart, Series
from deploy_gate.units import show_duration

WINDOW = timedelta(days=90)
_STEP = timedelta(days=30)
_STEPS = 12
MOST = 60
_UNITS = {"share": "share", "rate": "share", "seconds": "s", "per week": "per week"}
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
    past = [
        {one.name: one.value for one in metrics.computed(known, until=end, window=_STEP, targets={})} for end in ends
    ]
    labels = [f"{end:%Y-%m-%d}" for end in ends]
    return [_shown(one, [by.get(one.name) for by in past], labels, place) for one in now]


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
    """What users met with one deployment."""

    record: Record
    met: Met


_MEASURES = {
    "p95": ("Response time of 95 % of the requests", "ms"),
    "errors": ("Requests that failed", "share"),
    "health": ("Answer time of the health document", "s"),
}


def measures(found: Sequence[Measure], place: str) -> list[Chart]:
    """A chart of each over the last deployments, oldest first; none of what was never recorded."""
    kept = sorted(found, key=lambda one: one.record.entry.ended)[-MOST:]
    labels = [f"{one.record.entry.ended[5:16].replace('T', ' ')} #{one.record.number}" for one in kept]
    bad = frozenset(spot for spot, one in enumerate(kept) if one.record.told and one.record.told.failure)
    charts = []
    for name, (title, unit) in _MEASURES.items():
        series = [Series("each deployment", [one.met.values.get(name) for one in kept])]
        limits = [limit for one in kept if (limit := one.met.targets.get(name)) is not None]
        chart = Chart(f"{place}-{name}", title, unit, labels, series, limits[-1] if limits else None, bad=bad)
        if not chart.empty:
            charts.append(chart)
    return charts
