"""The figures of the checklist, rework, and what users met: computed from the ledger alone, against their targets.

Definitions, after DORA (https://dora.dev/guides/dora-metrics/): a *deployment* is an attempt that reached production;
what a gate stopped before the switch is none. *Change failure rate* is the share of deployments that had to be taken
back, reverted or hotfixed within a day, each counted once; *rollback rate* the share that was taken back. *Recovery* is
the mean of detect + decide + restore over the failures whose recovery was measured in all three. Shares are n of N.
What users met is the median over the deployments where it was measured, of all that reached production.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from deploy_gate.ledger import met
from deploy_gate.ledger.entry import Entry, Outcome
from deploy_gate.ledger.history import Deployment, Failure, deployments, within

WEEK = timedelta(days=7)
_BACK = (Failure.FELL_BACK, Failure.NOT_BACK, Failure.ROLLED_BACK)
_TARGET = re.compile(
    r"(?:(?P<sign>[<>]=?)\s*(?P<limit>\d+(?:\.\d+)?)|(?P<low>\d+(?:\.\d+)?)\s*-\s*(?P<high>\d+(?:\.\d+)?))"
    r"\s*(?P<unit>%|minutes?|seconds?|hours?|per week)"
)
_FACTOR = {"%": 0.01, "minute": 60.0, "second": 1.0, "hour": 3600.0, "per week": 1.0}


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric: `value` in its unit (per week, seconds, share, rate), None where nothing was there to compute it."""

    name: str
    value: float | None
    unit: str
    n: int
    of: int
    target: str = ""
    met: bool | None = None
    before: float | None = None
    """The same over the window before."""
    parts: Mapping[str, float] | None = None
    """Of the recovery: mean seconds of detect, decide and restore."""


@dataclass(frozen=True, slots=True)
class Target:
    """From `low` to `high`; a bound that is None is open, one that is `open` itself does not count as met."""

    low: float | None
    high: float | None
    strict: bool

    @classmethod
    def parse(cls, text: str) -> Target | None:
        """From the checklist's words, such as `< 10 minutes`, `> 95%` or `1-2 per week`; None for other words."""
        found = _TARGET.fullmatch(text.strip())
        if not found:
            return None
        factor = _FACTOR[found["unit"] if found["unit"] in _FACTOR else found["unit"].removesuffix("s")]
        if found["sign"]:
            limit, strict = float(found["limit"]) * factor, "=" not in found["sign"]
            return cls(limit, None, strict) if found["sign"].startswith(">") else cls(None, limit, strict)
        return cls(float(found["low"]) * factor, float(found["high"]) * factor, strict=False)

    def met(self, value: float) -> bool:
        """Whether the value lies within."""
        if self.low is not None and (value < self.low or (self.strict and value == self.low)):
            return False
        return self.high is None or value < self.high or (not self.strict and value == self.high)


def figures(
    entries: Sequence[Entry], environment: str, *, until: datetime, window: timedelta, targets: Mapping[str, str]
) -> list[Figure]:
    """All figures of one environment for the window that ends at `until`, beside the window before it."""
    return computed(deployments(entries, environment), until=until, window=window, targets=targets)


def computed(
    known: Sequence[Deployment], *, until: datetime, window: timedelta, targets: Mapping[str, str]
) -> list[Figure]:
    """The same from deployments that are known already: who draws a trend asks many times."""
    now, before = within(known, until - window, until), within(known, until - 2 * window, until - window)
    found = []
    for name, compute in {**_METRICS, **_MET}.items():
        figure, earlier = compute(now, window), compute(before, window)
        if name in _MET and figure.n + earlier.n == 0:
            continue
        text = targets.get(name, "")
        target = Target.parse(text)
        met = target.met(figure.value) if target and figure.value is not None else None
        found.append(
            Figure(name, figure.value, figure.unit, figure.n, figure.of, text, met, earlier.value, figure.parts)
        )
    return found


def _frequency(found: Sequence[Deployment], window: timedelta) -> Figure:
    done = [one for one in found if one.entry.outcome is Outcome.DEPLOYED]
    return Figure("deployment-frequency", len(done) / (window / WEEK), "per week", len(done), len(found))


def _duration(found: Sequence[Deployment], _: timedelta) -> Figure:
    done = [one for one in found if one.entry.outcome is Outcome.DEPLOYED]
    taken = [one.entry.times.total for one in done if one.entry.times.total is not None]
    value = statistics.median(taken) if taken else None
    return Figure("deployment-duration", value, "seconds", len(taken), len(done))


def _share(name: str, chosen: Callable[[Deployment], bool]) -> Callable[[Sequence[Deployment], timedelta], Figure]:
    def compute(found: Sequence[Deployment], _: timedelta) -> Figure:
        count = sum(map(chosen, found))
        return Figure(name, count / len(found) if found else None, "share", count, len(found))

    return compute


def _recovery(found: Sequence[Deployment], _: timedelta) -> Figure:
    failed = [one for one in found if one.failure is not None]
    times = [one.recovery.times for one in failed if one.recovery and one.recovery.times.recover is not None]
    if not times:
        return Figure("recovery-time", None, "seconds", 0, len(failed))
    value = statistics.fmean(one.recover for one in times if one.recover is not None)
    parts = {name: statistics.fmean(getattr(one, name) for one in times) for name in ("detect", "decide", "restore")}
    return Figure("recovery-time", value, "seconds", len(times), len(failed), parts=parts)


def _median(name: str, key: str, unit: str, factor: float) -> Callable[[Sequence[Deployment], timedelta], Figure]:
    """The middle one of what users met with each: one bad deployment is no trend."""

    def compute(found: Sequence[Deployment], _: timedelta) -> Figure:
        known = [value * factor for one in found if (value := one.entry.met.get(key)) is not None]
        return Figure(name, statistics.median(known) if known else None, unit, len(known), len(found))

    return compute


_METRICS: dict[str, Callable[[Sequence[Deployment], timedelta], Figure]] = {
    "deployment-frequency": _frequency,
    "deployment-duration": _duration,
    "success-rate": _share("success-rate", lambda one: one.entry.outcome is Outcome.DEPLOYED),
    "rollback-rate": _share("rollback-rate", lambda one: one.failure in _BACK),
    "recovery-time": _recovery,
    "change-failure-rate": _share("change-failure-rate", lambda one: one.failure is not None),
    "rework-rate": _share("rework-rate", lambda one: one.unplanned),
}
_MET: dict[str, Callable[[Sequence[Deployment], timedelta], Figure]] = {
    "response-time": _median("response-time", met.P95, "seconds", 0.001),
    "error-rate": _median("error-rate", met.ERRORS, "rate", 1),
    "health-time": _median("health-time", met.HEALTH, "seconds", 1),
}
"""Shown where something was measured."""
