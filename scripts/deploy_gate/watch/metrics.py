"""What is watched: triggers and lines, each with its rule, over the looks of checks that several may share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from deploy_gate.result import Result, Status
from deploy_gate.watch.rule import Kind, Look, Rule, State, Track

_BAD = (Status.FAILED,)
_NONE = (Status.ERROR, Status.PENDING)
_RANK = {"nothing": 0, "watch": 1, "consider": 2, "immediate": 3}


class Role(StrEnum):
    """What a metric that fails may do."""

    IMMEDIATE = "immediate"
    CONSIDER = "consider"
    ASIDE = "aside"
    """It is told, and decides nothing."""


@dataclass(slots=True)
class Metric:
    """One line or trigger. `probe` names the check whose looks it goes by; `of` other metrics instead."""

    id: str
    title: str
    role: Role
    rule: Rule = field(default_factory=Rule)
    probe: str = ""
    of: tuple[str, ...] = ()
    witness: str = ""
    unset: str = ""
    """Why it cannot be looked at at all."""
    track: Track = field(default_factory=Track)


@dataclass(frozen=True, slots=True)
class Seen:
    """A metric and what is known of it now; `since`: the first bad look of the run, `well`: the last good one."""

    metric: Metric
    state: State
    why: str
    fix: str = ""
    since: float = 0.0
    well: float = 0.0


def kind(result: Result, role: Role) -> Kind:
    """What a result is for a metric of that role: one that names its band is bad only where it reaches the role's."""
    if result.status in _NONE:
        return Kind.NONE
    if result.status not in _BAD:
        return Kind.GOOD
    named = [str(one["band"]) for one in result.evidence[:1] if "band" in one and "class" not in one]
    if role in (Role.IMMEDIATE, Role.CONSIDER) and named and named[0] in _RANK:
        return Kind.BAD if _RANK[named[0]] >= _RANK[role] else Kind.GOOD
    return Kind.BAD


def take(metrics: Sequence[Metric], probe: str, result: Result, at: float) -> None:
    """Let every metric that goes by this check know of its look, but those whose time has not come."""
    for metric in metrics:
        if metric.probe == probe and at >= metric.rule.delay:
            metric.track.add(Look(at, kind(result, metric.role), result.found, result.fix))


def seen(metrics: Sequence[Metric], *, over: bool = False) -> list[Seen]:
    """Every metric's state; what lacks its witness is inconclusive."""
    known = {one.id: one for one in metrics}
    found = {one.id: _own(one, over) for one in metrics if not one.of}
    found |= {one.id: _together(one, found) for one in metrics if one.of}
    for metric in metrics:
        found[metric.id] = _witnessed(found[metric.id], found, known)
    return [found[one.id] for one in metrics]


def _own(metric: Metric, over: bool) -> Seen:
    if metric.unset:
        return Seen(metric, State.NO_DATA, metric.unset)
    track = metric.track
    state = track.state(metric.rule, over=over)
    look = track.last_bad if state is State.FAILING and track.bad_run else track.last
    if look is None:
        return Seen(metric, state, "it was not looked at yet")
    counted = f" ({track.bad_run} times in a row)" if track.bad_run > 1 and state is State.FAILING else ""
    return Seen(
        metric,
        state,
        f"{look.found}{counted}",
        look.fix,
        track.bad_since if track.bad_run else look.at,
        track.well_until,
    )


def _together(metric: Metric, found: Mapping[str, Seen]) -> Seen:
    members = [found[name] for name in metric.of if name in found]
    for state in (State.FAILING, State.NO_DATA, State.INCONCLUSIVE):
        for one in members:
            if one.state is state:
                return replace(one, metric=metric, why=f"{one.metric.id}: {one.why}")
    if not members:
        return Seen(metric, State.NO_DATA, f"none of its lines is watched: {', '.join(metric.of)}")
    return Seen(metric, State.FINE, f"{len(members)} lines are well")


def _witnessed(one: Seen, found: Mapping[str, Seen], known: Mapping[str, Metric]) -> Seen:
    name = one.metric.witness
    if one.state is not State.FAILING or not name:
        return one
    other = found.get(name)
    if other is not None and other.state in (State.FAILING, State.NO_DATA) and not known[name].unset:
        return replace(one, why=f"{one.why}; {name}: {other.why}")
    told = f"{name} is {other.state}: {other.why}" if other else f"{name} is not watched"
    return replace(one, state=State.INCONCLUSIVE, why=f"only one side sees it: {one.why}; {told}")


Tell = Callable[[float, str], None]
