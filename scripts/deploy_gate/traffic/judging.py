"""Counts of requests against the limits of a checklist's lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed, warned
from deploy_gate.statistics.rates import telling, wilson
from deploy_gate.traffic import bands
from deploy_gate.traffic.bands import Band, Judged, Limits
from deploy_gate.traffic.figures import Figures, Traffic, Window
from deploy_gate.units import duration, show_duration

Proves = Literal["p95", "errors", "error-band", "latency-band"]
Rows = dict[str, tuple[float, float, float]]
_CLOCK = 5.0
_FEW = 50
_TORN, _UNREADABLE = 5, 0.001
"""Lines that a full disk or a rotation may tear; and the share from which on errors may hide among them."""
_NAMES = ("target", "watch", "warning", "critical")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be proven: `limit` in milliseconds for p95, a share for errors; rows of the table of thresholds."""

    proves: Proves
    limits: Limits = field(default_factory=Limits)
    limit: float = 0.0
    rows: Rows = field(default_factory=dict)
    enough: int = 0
    """Of how many requests a rate of errors below the limit is believed; 0: of so many as tell it from twice that."""


def rows(text: str) -> Rows:
    """From words `read 300ms 600ms 1000ms search 400ms …`; ValueError says what would be legal."""
    words, found = text.split(), dict[str, tuple[float, float, float]]()
    for place in range(0, len(words), 4):
        name, *parts = words[place : place + 4]
        values = [duration(one) * 1000 for one in parts]
        if len(values) != 3 or values != sorted(values):
            raise ValueError("names with three durations that rise, such as read 300ms 600ms 1000ms")
        found[name] = (values[0], values[1], values[2])
    return found


def judge(traffic: Traffic, wanted: Wanted, sent: int = 0) -> Result:
    """What can be told at all first, then the line's own limit."""
    evidence = [_evidence(name, one, wanted.rows) for name, one in sorted(traffic.window.classes.items())]
    evidence += [{"message": one} for one in _asides(traffic, sent)]
    _require_sound(traffic, evidence)
    window = traffic.window
    where = f"{brief(window.slot)}, {show_duration(max(window.seconds, 0))}"
    if sent:
        where += f", {sent} of them ours"
    if wanted.proves == "p95":
        return _p95(window, wanted, where, evidence)
    if wanted.proves == "errors":
        return _errors(traffic, wanted, where, evidence)
    look = bands.errors if wanted.proves == "error-band" else bands.slower
    return _band(look(traffic, wanted.limits), where, evidence)


def _require_sound(traffic: Traffic, evidence: list[Evidence]) -> None:
    if abs(traffic.clock_jump) > _CLOCK:
        found = f"the server's clock was moved by {show_duration(traffic.clock_jump)} since the switch"
        raise CouldNotTell(found, "wait until the clock is right, then ask for a window since then", evidence)
    if traffic.unreadable > max(_TORN, _UNREADABLE * (traffic.unreadable + traffic.taken)):
        found = f"{traffic.unreadable} lines of the access log are in another format, {traffic.taken} are in ours"
        raise CouldNotTell(found, "give that log the log_format of `slots nginx show`, and reload nginx", evidence)


def _p95(window: Window, wanted: Wanted, where: str, evidence: list[Evidence]) -> Result:
    users = window.users
    if users.timed < wanted.limits.min_requests:
        raise _too_few(users.timed, wanted, where, evidence)
    p50, p95, p99 = (users.quantile(share) for share in (0.5, 0.95, 0.99))
    found = (
        f"p95 {_ms(p95)} of {users.timed} requests ({where}), the limit is {_ms(wanted.limit)}; p50 {_ms(p50)}, "
        f"p99 {_ms(p99)}"
    )
    more: dict[str, Any] = {"target": wanted.limit, "measured": p95, "evidence": evidence}
    if p95 >= wanted.limit:
        return failed(found, "see in the evidence which class is slow, then what it waits for; or roll back", **more)
    return passed(found, **more)


def _errors(traffic: Traffic, wanted: Wanted, where: str, evidence: list[Evidence]) -> Result:
    met = traffic.met
    if met.requests < min(wanted.limits.min_requests, _FEW):
        raise _too_few(met.requests, wanted, where, evidence)
    rate = wilson(met.errors, met.requests)
    found = (
        f"{bands.failures(traffic)} ({rate.share:.3%}; {where}), the limit is "
        f"{wanted.limit:.3%}; with 95 % certainty it is {rate.low:.3%} to {rate.high:.3%}"
    )
    more: dict[str, Any] = {"target": wanted.limit, "measured": round(rate.share, 6), "evidence": evidence}
    if rate.low > wanted.limit:
        return failed(
            found, "read the errors in the log of the live slot (`slots logs`); mend them, or roll back", **more
        )
    if met.requests < wanted.limits.min_requests:
        raise _too_few(met.requests, wanted, where, evidence)
    if rate.share >= wanted.limit:
        return warned(found, "watch it: so few requests leave open whether the rate is above the limit", **more)
    enough = wanted.enough or telling(wanted.limit)
    if met.requests < enough:
        fix = (
            "watch it, and ask again when there was more traffic; or choose `enough-requests`, and know what it misses"
        )
        return warned(f"{found}; {enough} requests are needed to tell", fix, **more)
    return passed(found, **more)


def _band(judged: Judged, where: str, evidence: list[Evidence]) -> Result:
    if judged.band is Band.INCONCLUSIVE:
        fix = "wait for more traffic, or let `top-up` send some; nothing was shown to be well"
        raise CouldNotTell(f"inconclusive: {judged.why}", fix, evidence)
    found = f"band {judged.band}: {judged.why} ({where})"
    more: dict[str, Any] = {"measured": judged.value, "evidence": [{"band": str(judged.band)}, *evidence]}
    if judged.band is Band.IMMEDIATE:
        return failed(found, "roll back now: `slots rollback --from RELEASE`, or the rollback workflow", **more)
    if judged.band is Band.CONSIDER:
        return failed(found, "decide whether to roll back; when in doubt, do", **more)
    if judged.band is Band.WATCH:
        return warned(found, "watch it: it may grow", **more)
    return passed(found, **more)


def _too_few(number: int, wanted: Wanted, where: str, evidence: list[Evidence]) -> CouldNotTell:
    found = f"inconclusive: too little traffic: {number} requests ({where}), at least {wanted.limits.min_requests}"
    return CouldNotTell(f"{found} are needed", "wait for more traffic, or let `top-up` send some", evidence)


def _evidence(name: str, one: Figures, known: Rows) -> Evidence:
    share = one.errors / one.requests if one.requests else 0.0
    told = f"{name}: {one.requests} requests, {one.errors} errors ({share:.3%}), {one.closed} not waited for"
    entry: dict[str, Any] = {"class": name, "requests": one.requests, "errors": one.errors, "closed": one.closed}
    if one.timed:
        p50, p95, p99 = (one.quantile(share) for share in (0.5, 0.95, 0.99))
        told += f", p50 {_ms(p50)}, p95 {_ms(p95)}, p99 {_ms(p99)}"
        entry |= {"p50": p50, "p95": p95, "p99": p99}
        if name in known:
            band = _NAMES[sum(p95 >= limit for limit in known[name])]
            told += f": {band}"
            entry["band"] = band
    return {"message": told, **entry}


def _asides(traffic: Traffic, sent: int) -> list[str]:
    window, found = traffic.window, []
    if sent:
        found.append(f"{sent} of these requests were sent by this check, since users sent too few")
    if window.probes or window.ignored:
        found.append(f"left out: {window.probes} of our own probes, {window.ignored} to be ignored")
    if traffic.unreadable:
        found.append(f"{traffic.unreadable} lines of the access log could not be read")
    if traffic.elsewhere:
        found.append(f"{traffic.elsewhere} requests in that time were not answered by {brief(window.slot)}")
    return found


def _ms(value: float) -> str:
    return show_duration(value / 1000)
