"""The newest staging deployment succeeded, was of this very release, and was not taken back as far as the ledger knows.

GitHub's status is that of the job which deployed: it stays a success when the release is taken back afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from deploy_gate.catalog import About
from deploy_gate.facts import git
from deploy_gate.github import client, deployments
from deploy_gate.github.deployments import Deployment
from deploy_gate.ledger import branch as branches
from deploy_gate.ledger import chain, ended, reading, signing
from deploy_gate.ledger.entry import Entry, Kind, Outcome, when
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, error, failed, passed
from deploy_gate.units import Duration, show_duration

ABOUT = About(secrets=(client.TOKEN,), reads=client.READS, github=("deployments: read",), timeout=120)
_GOOD, _OPEN = ("success",), ("pending", "queued", "in_progress", "waiting", "")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What would count: environment, release (git tree), and how many seconds ago at most."""

    environment: str
    release: str
    max_age: float


def check(
    *, repository: str, environment: str, release: str, max_age: Duration, branch: str, remote: str, signers: str
) -> Result:
    """Ask for the newest deployment, its last status and its tree, and for what the ledger has of it."""
    wanted = Wanted(environment, release or git.tree(), max_age)
    if not wanted.release:
        raise CouldNotTell("no commit is checked out here, so there is no release to look for", "check out first")
    where, here = client.repository(repository), client.opened()
    found = deployments.newest(here, where, environment)
    lines = _lines(branch, remote, signers) if found and found.state in _GOOD else []
    return judge(found, lines, wanted, here.now)


def validate(*, signers: str, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    signing.check(signers)


def _lines(branch: str, remote: str, signers: str) -> list[Entry]:
    """All of the ledger; nothing where there is none, CouldNotTell where it is broken."""
    with branches.opened(branch, remote) as there:
        state = there.read()
        wrong = chain.faults(state.raw) or signing.faults(
            state.raw, lambda path: there.file(state.commit, path), signers
        )
    if wrong:
        raise CouldNotTell(f"the ledger does not hold together: {wrong[0]}", "see `ledger verify`")
    return reading.read(state.raw).entries


def judge(found: Deployment | None, lines: Sequence[Entry], wanted: Wanted, now: datetime) -> Result:
    """How it ended comes first: a release that did not come up is no proof of anything."""
    place, release = brief(wanted.environment), wanted.release[:12]
    if found is None:
        return failed(f"nothing was ever deployed to {place}", f"deploy release {release} to {place} first")
    age = (now - found.at).total_seconds()
    told = (
        f"the newest deployment to {place} is of release {brief(found.tree[:12])} (commit {brief(found.commit[:12])})"
    )
    entry: Evidence = {"message": f"{told}: {found.state or 'no status yet'}, {show_duration(max(age, 0))} ago"}
    more = {"target": wanted.release, "measured": found.tree, "evidence": [entry]}
    if found.tree != wanted.release and found.state in _GOOD:
        return failed(f"{told}, expected {release}", f"deploy this release to {place} first", **more)
    if (wrong := _github(found, wanted) or _ledger(found, lines, wanted)) is not None:
        return Result.of(wrong.status, f"{told} and {wrong.found}", wrong.fix, **more)
    if age > wanted.max_age:
        limit = show_duration(wanted.max_age)
        found_ = f"{told} and succeeded {show_duration(age)} ago, the limit is {limit}"
        return failed(found_, f"deploy it to {place} again", **more)
    terms = f"{show_duration(max(age, 0))} ago, the limit is {show_duration(wanted.max_age)}"
    return passed(f"{told} and succeeded {terms}", **more)


def _github(found: Deployment, wanted: Wanted) -> Result | None:
    """What GitHub has against it."""
    if found.state in _OPEN:
        return error(f"has not ended: {found.state or 'no status yet'}", "wait for its end, then run again")
    if found.state in _GOOD:
        return None
    meaning = "was taken out again" if found.state == "inactive" else f"ended as {brief(found.state, 20)}"
    return failed(f"{meaning}, expected success", _again(wanted))


def _ledger(found: Deployment, lines: Sequence[Entry], wanted: Wanted) -> Result | None:
    """What the ledger has against it; None where it agrees, or where nobody writes down what that environment gets."""
    own = [one for one in lines if one.environment == wanted.environment]
    newest = next((one for one in reversed(own) if _about(one, found, wanted.release)), None)
    if newest is None:
        if not any(one.kind is Kind.DEPLOY for one in own):
            return None
        fix = "wait for the end of its run, or see why that wrote nothing down"
        return error("succeeded there, but the ledger has no line of it yet", fix)
    if (newest.kind, newest.outcome) == (Kind.DEPLOY, Outcome.DEPLOYED):
        return None
    why = f": {brief(newest.why, 200)}" if newest.why else ""
    said = f"succeeded there, but the ledger says {newest.outcome}{why}"
    if newest.outcome is Outcome.UNKNOWN:
        return error(said, "see how it ended: a release that was held counts once it is confirmed")
    return failed(said, _again(wanted))


def _again(wanted: Wanted) -> str:
    return f"see why, and deploy {wanted.release[:12]} to {brief(wanted.environment)} again"


def _about(one: Entry, found: Deployment, release: str) -> bool:
    """Whether a line is about this deployment: it ended after the beginning, and did or took back this release."""
    if one.kind not in (Kind.DEPLOY, Kind.ROLLBACK) or one.outcome is Outcome.NOT_SWITCHED:
        return False
    subject = one.release if one.kind is Kind.DEPLOY else ended.left(one)
    at = when(one.ended)
    return subject == release and at is not None and at >= found.began
