"""What the users' requests say about a release: nothing, *watch*, *consider* a rollback, or *immediate*. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from deploy_gate.result import one_line
from deploy_gate.statistics import counts
from deploy_gate.statistics.ranks import mann_whitney
from deploy_gate.statistics.rates import Interval, wilson
from deploy_gate.traffic.figures import HEALTH, Figures, Traffic, together
from deploy_gate.units import show_duration


class Band(StrEnum):
    """In rising order, but *inconclusive*, which is none of the others."""

    NOTHING = "nothing"
    WATCH = "watch"
    CONSIDER = "consider"
    IMMEDIATE = "immediate"
    INCONCLUSIVE = "inconclusive"


_ORDER = (Band.NOTHING, Band.WATCH, Band.CONSIDER, Band.IMMEDIATE)


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the bands begin. Shares are from 0 to 1, ratios are of the new p95 to the old one."""

    min_requests: int = 200
    errors_consider: float = 0.001
    errors_immediate: float = 0.05
    slower_consider: float = 1.25
    slower_immediate: float = 4.0
    least_ms: int = 10
    """A baseline below counts as this: at a few milliseconds, of which nginx tells whole ones, a ratio says little."""
    p: float = 0.001
    left_out: float = 0.05
    """Of the traffic: a class that holds more may alone lift the p95 of all, so it may not be passed over."""
    effect: float = 0.64
    """A middling effect: with a small one, 0.56, the noise of an ordinary quarter of an hour was taken for a fault."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A band, why, and the value that decided: a share for errors, a ratio for times."""

    band: Band
    why: str
    value: float | None = None


def errors(traffic: Traffic, limits: Limits = Limits()) -> Judged:
    """The triggers t-errors and c-errors: the error rate of all that users asked for, on its lower Wilson bound."""
    met = traffic.met
    if met.requests < limits.min_requests:
        return _too_few(met.requests, limits, traffic)
    rate = wilson(met.errors, met.requests)
    told = f"{failures(traffic)} ({rate.share:.3%}, at least {rate.low:.3%} with 95 % certainty)"
    if rate.low > limits.errors_immediate:
        return Judged(Band.IMMEDIATE, f"{told}, more than {limits.errors_immediate:.3g}", rate.share)
    if rate.low > limits.errors_consider:
        before, rising = _before(traffic, rate, limits)
        return Judged(Band.CONSIDER if rising else Band.WATCH, f"{told}, {before}", rate.share)
    band = Band.WATCH if rate.share >= limits.errors_consider else Band.NOTHING
    return Judged(band, told, rate.share)


def failures(traffic: Traffic) -> str:
    """How many of how many failed, and which of them are no 5xx of the release itself."""
    met = traffic.met
    parts = {"given up by the client after 5 s": met.hung, "by nginx itself, for no slot": traffic.nowhere}
    named = "".join(f", {number} {what}" for what, number in parts.items() if number)
    return f"{met.errors} of {met.requests} requests failed{named}"


def _before(traffic: Traffic, now: Interval, limits: Limits) -> tuple[str, bool]:
    """Whether it is more than before; where that is not known, it is taken to be.

    By the intervals of both. *Not rising* is one that was surely above the limit before, and not surely less than now.
    """
    old = traffic.baseline.users if traffic.baseline else Figures()
    if not old.requests:
        return "what it was before is not known", True
    if old.requests < limits.min_requests:
        why = f"{old.requests} requests, {limits.min_requests} are needed"
        return f"what it was before is not known: {why}", True
    rate = wilson(old.errors, old.requests)
    told = f"{rate.share:.3%} of {old.requests} before the switch ({rate.low:.3%} to {rate.high:.3%})"
    if now.low > rate.high:
        return f"{told}: rising", True
    if rate.low > limits.errors_consider:
        return f"{told}: not rising", False
    return f"{told}: whether it rises is not sure", True


def slower(traffic: Traffic, limits: Limits = Limits()) -> Judged:
    """The triggers t-latency and c-latency: the p95 of the worst class of endpoints against the other slot's.

    By class, since the mix of requests changes by the hour. A ratio counts when chance alone does not explain it: by
    Mann and Whitney, with an effect worth the name, or by bounds of both quantiles that do not touch.
    """
    if traffic.baseline is None or not traffic.baseline.users.requests:
        return Judged(Band.INCONCLUSIVE, "there is no baseline: how long the other slot took before is not known")
    pairs = {
        name: (new, traffic.baseline.classes.get(name, Figures()))
        for name, new in traffic.window.classes.items()
        if name != HEALTH and (new.requests or new.timed)
    }
    enough = {name: pair for name, pair in pairs.items() if min(one.timed for one in pair) >= limits.min_requests}
    if not enough:
        most = max((min(new.timed, old.timed) for new, old in pairs.values()), default=0)
        return _too_few(most, limits, traffic, " in a class of endpoints both now and before")
    judged = [_class(name, new, old, limits) for name, (new, old) in enough.items()]
    worst = max(judged, key=lambda one: (_ORDER.index(one.band), one.value or 0))
    return _beside(worst, {name: pair for name, pair in pairs.items() if name not in enough}, traffic, limits)


def _beside(worst: Judged, left: dict[str, tuple[Figures, Figures]], traffic: Traffic, limits: Limits) -> Judged:
    """What was judged, and what could not be: nothing is said to be well where that is a real share of the traffic."""
    share = together([new for new, _ in left.values()]).requests / max(traffic.window.users.requests, 1)
    if not left:
        return worst
    named = [f"{name} ({new.timed} requests now, {old.timed} before)" for name, (new, old) in sorted(left.items())]
    words = f"left out for too few requests: {', '.join(named)}"
    if worst.band in (Band.CONSIDER, Band.IMMEDIATE) or share <= limits.left_out:
        return replace(worst, why=f"{worst.why}; {words}")
    why = f"{words}: {share:.0%} of the traffic, at least {limits.min_requests} of each are needed; {worst.why}"
    return Judged(Band.INCONCLUSIVE, one_line(why))


def _class(name: str, new: Figures, old: Figures, limits: Limits) -> Judged:
    now, before = new.quantile(0.95), max(old.quantile(0.95), limits.least_ms)
    ratio = now / before
    told = f"p95 of {name} {show_duration(now / 1000)}, before {show_duration(before / 1000)} ({ratio:.2f} ×)"
    if ratio <= limits.slower_consider:
        return Judged(Band.NOTHING, told, ratio)
    seen = mann_whitney(new.ms, old.ms)
    shifted = seen.p < limits.p and seen.effect >= limits.effect
    low, high = counts.bounds(new.ms, 0.95, 2.576)[0], counts.bounds(old.ms, 0.95, 2.576)[1]
    surely = low / max(high, limits.least_ms)
    words = f"{told}; p = {seen.p:.2g}, effect {seen.effect:.2f}, at least {surely:.2f} ×"
    if ratio > limits.slower_immediate and (shifted or surely > limits.slower_immediate):
        return Judged(Band.IMMEDIATE, words, ratio)
    if shifted or surely > limits.slower_consider:
        return Judged(Band.CONSIDER, words, ratio)
    return Judged(Band.WATCH, f"{words}: may be chance", ratio)


def _too_few(number: int, limits: Limits, traffic: Traffic, where: str = "") -> Judged:
    window = show_duration(max(traffic.window.seconds, 0))
    why = f"too little traffic: {number} requests{where} in {window}, at least {limits.min_requests} are needed"
    return Judged(Band.INCONCLUSIVE, one_line(why))
