"""A deployment was rehearsed on staging: no request failed, and the rollback was in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from deploy_gate.catalog import About
from deploy_gate.facts import git, onhost, rehearsals
from deploy_gate.facts.onhost import Place
from deploy_gate.facts.rehearsals import Rehearsal
from deploy_gate.facts.remote import TOKEN
from deploy_gate.ledger import signing
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, error, failed, passed
from deploy_gate.units import Duration, Variable, counted, show_duration

ABOUT = About(secrets=(TOKEN,), reads=onhost.READS, timeout=120)
Proves = Literal["rollback", "zero-downtime", "both"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What must have been rehearsed, how lately and how well; an empty release stands for any. Seconds."""

    release: str = ""
    images: Mapping[str, str] = field(default_factory=dict)
    proves: Proves = "both"
    max_age: float = 30 * 86400
    sla: float = 120
    min_requests: int = 20
    skew: float = 300


def check(  # noqa: PLR0913 - one parameter for each input
    *,
    host: str,
    host_keys: str,
    config: str,
    of: Literal["any", "this"],
    release: str,
    images: str,
    proves: Proves,
    max_age: Duration,
    sla: Duration,
    min_requests: int,
    clock_skew: Duration,
    key_variable: Variable,
    environment: str,
    signers: str,
    branch: str,
    remote: str,
) -> Result:
    """Read what was recorded, and judge the newest; CouldNotTell when it cannot be read or trusted."""
    validate(host=host, config=config, images=images, environment=environment, signers=signers)
    limits = Limits(
        release or (_this() if of == "this" else ""), _images(images), proves, max_age, sla, min_requests, clock_skew
    )
    held = rehearsals.read(Place(host, host_keys, config, key_variable)) if host else []
    held += rehearsals.recorded(branch, remote, environment, signers) if environment else []
    return judge(sorted(held, key=lambda one: one.at), limits, datetime.now(UTC))


def validate(*, host: str, config: str, images: str, environment: str, signers: str, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    if not host and not environment:
        raise Misconfigured(["give `host`, whose journal is read, or `environment`, whose rehearsals the ledger holds"])
    signing.check(signers)
    if signers.strip() and not environment:
        raise Misconfigured(["give `environment` beside `signers`: without it the ledger is not read"])
    if host:
        onhost.validate(host, config)
    _images(images)


def _this() -> str:
    if not (tree := git.tree()):
        raise CouldNotTell(
            "no commit is checked out here, so there is no release to ask for", "check out the repository"
        )
    return tree


def _images(text: str) -> dict[str, str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if wrong := [one for one in lines if "=sha256:" not in one]:
        raise Misconfigured([f"input 'images' has the line {brief(wrong[0])!r}, expected service=sha256:…"])
    return dict(line.split("=", 1) for line in lines)


def judge(held: list[Rehearsal], limits: Limits, now: datetime) -> Result:
    """The newest rehearsal that counts decides: an older success does not make up for a later failure."""
    evidence = [_evidence(one) for one in held[-20:]]
    counting = [one for one in held if not limits.release or one.release == limits.release]
    what = f"release {brief(limits.release[:12])}" if limits.release else "any release"
    if not counting:
        found = f"no rehearsal of {what} is recorded; {counted(len(held), 'rehearsal')} of others"
        return failed(found, "deploy this very release to staging and run the rehearse operation", evidence=evidence)
    newest = counting[-1]
    age = (now - newest.at).total_seconds()
    if age < -limits.skew:
        found = f"the newest rehearsal is dated {show_duration(-age)} in the future"
        return error(found, "correct the clock of this machine, or of the server", evidence=evidence)
    if age > limits.max_age:
        found = (
            f"the newest rehearsal of {what} is {show_duration(age)} old, the limit is {show_duration(limits.max_age)}"
        )
        return failed(found, "rehearse again on staging", target=limits.max_age, measured=round(age), evidence=evidence)
    wrong = _wrong(newest, limits)
    told = f"rehearsed {show_duration(max(age, 0))} ago with {brief(newest.release[:12])}"
    if wrong:
        fix = "see the journal of the server for that rehearsal, mend it and rehearse again"
        return failed(f"{told}: {'; '.join(wrong)}", fix, evidence=evidence)
    good = f"{newest.failed} of {newest.sent} requests failed, rollback in {show_duration(newest.rollback_seconds)}"
    return passed(f"{told}: {good}, the limit is {show_duration(limits.sla)}", evidence=evidence)


def _wrong(one: Rehearsal, limits: Limits) -> list[str]:
    if one.trouble:
        return [f"it came to no end: {brief(one.trouble, 200)}"]
    wrong = []
    if limits.images and dict(one.images) != dict(limits.images):
        wrong.append("its images had other digests than those of this release")
    if limits.proves != "rollback":
        if one.failed:
            wrong.append(f"{one.failed} of {one.sent} requests failed, the limit is 0")
        if one.sent < limits.min_requests:
            wrong.append(f"only {one.sent} requests were sent, the limit is {limits.min_requests}")
    if limits.proves != "zero-downtime" and not 0 <= one.rollback_seconds <= limits.sla:
        limit = show_duration(limits.sla)
        wrong.append(f"the rollback took {show_duration(one.rollback_seconds)}, the limit is {limit}")
    return wrong


def _evidence(one: Rehearsal) -> Evidence:
    went = brief(one.trouble, 200) or f"{one.failed} of {one.sent} requests failed, rollback {one.rollback_seconds} s"
    return {
        "message": f"{one.at.isoformat()}: {brief(one.release)} by {brief(one.by)}: {went}",
        "release": brief(one.release),
        "failed": one.failed,
        "sent": one.sent,
        "rollback_seconds": None if one.trouble else one.rollback_seconds,
    }
