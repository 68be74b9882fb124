"""How a watch ended: the result with its exit code, the record, the summary, the last message."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from deploy_gate import runner
from deploy_gate.atomic import write_all
from deploy_gate.engine.verdict import Word
from deploy_gate.result import CouldNotTell, Evidence, Result, error, fall_back_failed, fell_back, passed, pending
from deploy_gate.rollout.back import Back
from deploy_gate.rollout.stopped import Stopped
from deploy_gate.ssh.hostprogram import FELL_BACK
from deploy_gate.units import show_duration
from deploy_gate.watch import chart, decision, record, summary
from deploy_gate.watch.acting import Acting
from deploy_gate.watch.chart import Point
from deploy_gate.watch.decision import Verdict
from deploy_gate.watch.hostlook import GUARD, HOST
from deploy_gate.watch.loop import Loop
from deploy_gate.watch.record import Watched


@dataclass(frozen=True, slots=True)
class Terms:
    """What the end is to do, and what it is about."""

    release: str
    environment: str
    phase: str
    confirm: bool
    record: Path


def finish(loop: Loop, hands: Acting, terms: Terms, cancelled: str = "") -> Result:
    """Judge, act on it, write everything down once."""
    seconds = loop.now
    if not cancelled:
        loop.last_word()
    verdict, result = _ended(loop, hands, terms, cancelled)
    loop.timeline.add(loop.now, "ended", verdict.by, f"{verdict.word}: {result.found}")
    # Whoever is cancelled has seconds left: the servers are not asked for a picture then.
    samples, now = ([], 0.0) if cancelled else hands.samples(seconds + 30)
    faults = _written(loop, terms, verdict, result, seconds, chart.points(samples, now - loop.now))
    evidence: list[Evidence] = [
        {"message": f"{show_duration(one.at)} {one.what} {one.id}: {one.text}", "at": one.at, "what": one.what}
        for one in loop.timeline.moments
    ]
    if faults and verdict.word is Word.GO:
        found = f"it is well, yet could not be written down: {'; '.join(faults)}"
        return error(found, "make those files writable", evidence=evidence, measured=str(Word.COULD_NOT_TELL))
    return replace(result, evidence=tuple(evidence), measured=str(verdict.word))


def _ended(loop: Loop, hands: Acting, terms: Terms, cancelled: str) -> tuple[Verdict, Result]:
    if loop.back is not None:
        return _left(loop, loop.back)
    if found := loop.standing.gone:
        return Verdict(Word.NO_GO, HOST, found), fell_back(found, "see `slots journal`, mend it, deploy again")
    if cancelled:
        found = f"cancelled ({cancelled}); nothing was confirmed, so the servers go back by themselves"
        return Verdict(Word.COULD_NOT_TELL, "", found), error(found, "watch again, or roll back")
    verdict, short = decision.verdict(loop.seen(over=True)), terms.release[:12]
    if loop.held and not loop.not_held and loop.standing.phase == GUARD:
        verdict = Verdict(Word.GO, loop.held, f"a person confirmed {short} although {loop.held} was failing")
        return verdict, passed(verdict.why)
    if loop.held and verdict.word is Word.GO:
        verdict = Verdict(Word.COULD_NOT_TELL, loop.held, "it was failing, is well again, and a person was asked")
    return (
        _go(loop, hands, terms, verdict) if verdict.word is Word.GO else (verdict, _held(loop, hands, verdict, short))
    )


def _left(loop: Loop, found: Back) -> tuple[Verdict, Result]:
    """We took it out, or could not."""
    decided = next(one for one in reversed(loop.timeline.moments) if one.what == "decided")
    verdict, why = Verdict(Word.NO_GO, decided.id, decided.text), f"{decided.id}: {decided.text}"
    if found.good:
        told = f"{why}; fell back: {found.told}; {loop.times.told}"
        return verdict, fell_back(told, "see the timeline, mend it, deploy again")
    fix = found.worst.fix if found.worst else "see where it is live: `do diagnose`"
    return verdict, fall_back_failed(f"{why}; and not back: {found.told}", fix)


def _go(loop: Loop, hands: Acting, terms: Terms, verdict: Verdict) -> tuple[Verdict, Result]:
    found = f"{terms.release[:12]} was watched for {show_duration(loop.now)}: {verdict.why}"
    if not terms.confirm:
        return verdict, passed(found)
    trouble = hands.confirm()
    if trouble is None:
        return verdict, passed(f"{found}; confirmed")
    if isinstance(trouble, Stopped) and trouble.answer.code == FELL_BACK:
        verdict = Verdict(Word.NO_GO, HOST, str(trouble))
        return verdict, fell_back(f"{found}; but {trouble}", "see `slots journal` on the server")
    verdict = Verdict(Word.COULD_NOT_TELL, HOST, f"not confirmed: {trouble}")
    return verdict, error(f"{found}; but not confirmed: {trouble}", "confirm it, else the servers go back")


def _held(loop: Loop, hands: Acting, verdict: Verdict, short: str) -> Result:
    """A person is to say; the servers wait for him, with the old slot warm."""
    if not loop.held:
        loop.not_held = hands.hold(f"{verdict.by or 'watch'}: {verdict.why}")
        loop.timeline.add(loop.now, "done", verdict.by, loop.not_held or "held for a person")
        loop.tell("running", f"{verdict.by}: {verdict.why}; {loop.not_held or 'held for a person'}")
    fix = f"look at it, then `slots confirm {short}…` or `slots rollback --from {short}…`; without a word it goes back"
    if loop.not_held:
        fix = "decide now: `do rollback` leaves it" + (f"; {verdict.fix}" if verdict.fix else "")
    name = f"{verdict.by}: " if verdict.by else ""
    return pending(f"{name}{verdict.why}; {loop.not_held or 'held for a person'}", fix)


def _written(
    loop: Loop, terms: Terms, verdict: Verdict, result: Result, seconds: float, points: list[Point]
) -> list[str]:
    """Record, picture and summary; what could not be written."""
    seen = loop.seen(over=True)
    lines = tuple(record.line(one) for one in seen)
    watched = Watched(
        terms.release,
        terms.environment,
        terms.phase,
        datetime.now(UTC),
        seconds,
        str(verdict.word),
        verdict.why,
        lines,
    )
    more = {
        "decided_by": verdict.by,
        "times": {name: getattr(loop.times, name) for name in ("detect", "decide", "restore")},
        "timeline": loop.timeline.as_json(),
        "left_out": loop.watched.left_out,
        "points": chart.kept(points),
    }
    marks = [(one.at, one.id) for one in loop.timeline.moments if one.what in ("decided", "done")]
    moments = loop.timeline.moments
    text = summary.text(verdict, result.found, seen, moments, loop.times, points, loop.watched.left_out)
    faults = []
    try:
        record.save(terms.record, watched, more)
        write_all({terms.record.with_suffix(".svg"): chart.svg(points, marks)})
    except (CouldNotTell, OSError) as fault:
        faults.append(str(fault))
    try:
        if len(text.encode()) < runner.summary_room():
            runner.add_summary(text)
    except CouldNotTell as fault:
        faults.append(fault.found)
    return faults
