"""The watch after the switch ended well."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy_gate.catalog import About
from deploy_gate.facts import git
from deploy_gate.facts.served import same_release
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.units import Duration, show_duration
from deploy_gate.watch import record as records
from deploy_gate.watch.record import Line, Watched

ABOUT = About(timeout=30)
SKEW = 300.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What must have been watched (an empty text: anything), how lately (seconds), and how often it was looked."""

    environment: str = ""
    release: str = ""
    max_age: float = 7200.0
    min_looks: int = 10


def check(*, record: Path, environment: str, release: str, max_age: Duration, min_looks: int) -> Result:
    """Read the record and compare."""
    validate(min_looks=min_looks)
    limits = Limits(environment, release or git.tree(), max_age, min_looks)
    return judge(records.load(record), limits, datetime.now(UTC))


def validate(*, min_looks: int, **_: object) -> None:
    """Misconfigured for a watch that may have looked at nothing."""
    if min_looks < 1:
        raise Misconfigured([f"input 'min-looks' is {min_looks}, expected 1 or more"])


def judge(watched: Watched, limits: Limits, now: datetime) -> Result:
    """Whose watch it is first, then whether it looked at all, then what it saw."""
    evidence = [_evidence(one) for one in watched.lines]
    _require_this(watched, limits, now, evidence)
    looks = sum(one.looks for one in watched.lines)
    if looks < limits.min_looks:
        found = f"only {looks} looks were taken, at least {limits.min_looks} are needed"
        raise CouldNotTell(found, "watch for longer, or give the triggers what they need", evidence)
    told = f"watched for {show_duration(watched.seconds)}, {looks} looks"
    bad = [one for one in watched.lines if one.state == "failing" and one.role != "aside"]
    if bad or watched.verdict == "no-go":
        names = ", ".join(brief(one.id) for one in bad[:5]) or brief(watched.why, 300)
        fix = "see the timeline of the watch; mend it and deploy again"
        more: dict[str, Any] = {"target": 0, "measured": len(bad), "evidence": evidence}
        return failed(f"{told}: not well: {names}", fix, **more)
    if watched.verdict != "go":
        raise CouldNotTell(f"{told}: {brief(watched.why, 300)}", "look at it, then confirm it or roll back", evidence)
    return passed(f"{told}: {brief(watched.why, 300)}", target=0, measured=0, evidence=evidence)


def _require_this(watched: Watched, limits: Limits, now: datetime, evidence: list[Evidence]) -> None:
    fix = "watch this very deployment, and hand its record on"
    if limits.release and not same_release(watched.release, limits.release):
        found = f"the record is about {brief(watched.release[:12])}, this is {brief(limits.release[:12])}"
        raise CouldNotTell(found, fix, evidence)
    if limits.environment and watched.environment != limits.environment:
        found = f"the record is about {brief(watched.environment)}, this is {brief(limits.environment)}"
        raise CouldNotTell(found, fix, evidence)
    age = (now - watched.ended).total_seconds()
    if not -SKEW <= age <= limits.max_age:
        ago = show_duration(age)
        raise CouldNotTell(f"the watch ended {ago} ago, the limit is {show_duration(limits.max_age)}", fix, evidence)


def _evidence(one: Line) -> Evidence:
    told = f"{one.id}: {one.state}, {one.looks} looks, {one.bad} bad, {one.unknown} could not tell: {one.found}"
    return {"message": told, "state": one.state, "looks": one.looks}
