"""The verdict on a walk: pure, with every threshold there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from deploy_gate.facts.http import NoAnswer
from deploy_gate.journeys.model import Class
from deploy_gate.journeys.walk import Outcome, Walk
from deploy_gate.result import CouldNotTell, Evidence, Result, failed, passed, warned
from deploy_gate.units import counted, show_duration


@dataclass(frozen=True, slots=True)
class Band:
    """Latencies of one class in seconds: aimed at, warned about, refused."""

    target: float
    warning: float
    critical: float


Bands = Mapping[Class, Band]
TOO_MANY = 429


def judge(walk: Walk, bands: Bands) -> Result:
    """What is wrong comes before what is slow, and both before a clean-up that left something behind.

    CouldNotTell when nothing answered at all: then nothing is known of the other side.
    """
    if not walk.steps:
        fix = "correct `unless:`: a journey that does nothing proves nothing"
        raise CouldNotTell(f"{walk.journey.name}: every step was left out, nothing was asked", fix)
    evidence = [_evidence(one, walk.journey.path, bands) for one in (*walk.steps, *walk.cleanup)]
    broken = next((one for one in walk.steps if one.troubles), None)
    left = [one for one in walk.cleanup if one.troubles]
    also = f"; and the clean-up '{left[0].step}' failed: {left[0].troubles[0]}" if left else ""
    if broken is not None:
        return _broken(walk, broken, also, evidence)
    slow = [(one, bands[one.kind]) for one in walk.steps if _timed(one) and one.kind in bands]
    critical = _worst((one, band) for one, band in slow if _seconds(one) > band.critical)
    if critical is not None:
        limit = bands[critical.kind].critical
        return failed(_slow(walk, critical, "limit", limit) + also, _FASTER, target=limit, **_more(critical, evidence))
    middle = _worst((one, band) for one, band in slow if _seconds(one) > band.warning)
    if left:
        found = f"{_done(walk)}, but the clean-up '{left[0].step}' failed: {'; '.join(left[0].troubles)}"
        return warned(found, "see what the journey left behind and take it back by hand", evidence=evidence)
    if middle is not None:
        limit = bands[middle.kind].warning
        return warned(_slow(walk, middle, "warning", limit), _FASTER, target=limit, **_more(middle, evidence))
    return passed(f"{_done(walk)}{_slowest(walk, bands)}", evidence=evidence)


_FASTER = "see what this request waits for (database, cache, CPU, another service), then run again"


def _broken(walk: Walk, broken: Outcome, also: str, evidence: list[Evidence]) -> Result:
    answered = any(one.status is not None for one in walk.steps)
    if broken.lost is not None and not answered:
        raise NoAnswer(broken.lost.kind, f"{walk.journey.name}: {broken.lost.found}{also}", broken.lost.fix)
    place = f"step {len(walk.steps)} of {len(walk.journey.steps)} '{broken.step}'"
    found = f"{walk.journey.name}: {place}: {broken.what}: {'; '.join(broken.troubles)}{also}"
    if broken.lost is not None:
        return failed(
            found, "the requests before were answered: read the service's log for this one", evidence=evidence
        )
    if broken.status == TOO_MANY:
        # A limit that we met ourselves tells nothing of what lies behind it.
        raise CouldNotTell(found, "see what else uses this address or account now, and run it again later")
    fix = "read the service's log for this request, then run the journey again"
    if broken.status is not None and broken.status in (401, 403):
        fix = "see whether the journey's account and password are right and not locked, then the service's log"
    return failed(found, fix, measured=broken.status, evidence=evidence)


def _worst(slow: Iterable[tuple[Outcome, Band]]) -> Outcome | None:
    """The one that is furthest beyond its own target."""
    ordered = sorted(slow, key=lambda pair: _seconds(pair[0]) / pair[1].target)
    return ordered[-1][0] if ordered else None


def _timed(one: Outcome) -> bool:
    # Opening a stream and waiting for a message have limits of their own, in the file.
    return one.seconds is not None and one.status is not None


def _seconds(one: Outcome) -> float:
    return one.seconds or 0.0


def _done(walk: Walk) -> str:
    return f"{walk.journey.name}: {counted(len(walk.steps), 'step')} as expected in {show_duration(walk.seconds)}"


def _slow(walk: Walk, one: Outcome, word: str, limit: float) -> str:
    took = f"{one.kind} step '{one.step}' ({one.what}) took {show_duration(_seconds(one))}"
    return f"{walk.journey.name}: {took}, the {word} is {show_duration(limit)}"


def _slowest(walk: Walk, bands: Bands) -> str:
    """The step nearest to its limits, against its target."""
    one = _worst((one, bands[one.kind]) for one in walk.steps if _timed(one) and one.kind in bands)
    if one is None:
        return ""
    target = bands[one.kind].target
    word = "over the target of" if _seconds(one) > target else "within"
    took = f"{show_duration(_seconds(one))}, {word} {show_duration(target)}"
    return f"; slowest for its kind '{one.step}' ({one.kind}), {took}"


def _more(one: Outcome, evidence: list[Evidence]) -> dict[str, object]:
    return {"measured": round(_seconds(one), 4), "evidence": evidence}


def _evidence(one: Outcome, path: str, bands: Bands) -> Evidence:
    took = f" in {show_duration(one.seconds)}" if one.seconds is not None else ""
    said = "; ".join(one.troubles) or (f"answered {one.status}{took}" if one.status is not None else f"done{took}")
    return {
        "message": f"{one.step}: {one.what}: {said}",
        "step": one.step,
        "class": one.kind,
        "status": one.status,
        "seconds": None if one.seconds is None else round(one.seconds, 4),
        "attempts": one.attempts,
        "band": _band(one, bands),
        "path": path,
        "line": one.line,
    }


def _band(one: Outcome, bands: Bands) -> str:
    if not _timed(one) or one.kind not in bands:
        return ""
    band, seconds = bands[one.kind], _seconds(one)
    if seconds > band.warning:
        return "critical" if seconds > band.critical else "warning"
    return "watch" if seconds > band.target else "target"
