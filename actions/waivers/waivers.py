"""Every waiver of the checklist was put in by the person whom it names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from deploy_gate.catalog import About
from deploy_gate.checklist import loading
from deploy_gate.facts import git
from deploy_gate.github import client as github
from deploy_gate.github.client import Client
from deploy_gate.policy import waivers
from deploy_gate.policy.live import own_file
from deploy_gate.policy.waivers import Proof
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.signoff import commands
from deploy_gate.units import Duration, Variable, counted

ABOUT = About(
    reads=(*github.READS, "GITHUB_EVENT_PATH"),
    github=("contents: read", "issues: read", "pull-requests: read"),
    timeout=180,
)


def check(
    *,
    checklist: Path | None,
    repository: str,
    environment: str,
    issue: int,
    plan: str,
    max_age: Duration,
    token_variable: Variable,
) -> Result:
    """Look at the commits first, and at comments for what they do not prove."""
    validate(issue=issue)
    file = own_file(checklist)
    if file is None:
        raise CouldNotTell("there is no checklist file here", "name it as `checklist`, and check the repository out")
    source = loading.load(file)
    counting = waivers.counting(source, datetime.now(UTC).date())
    if not counting:
        return passed(f"no waiver counts today, of {counted(len(source.checklist.items), 'line')}", measured=0)
    entered = waivers.entered(source, file.read_bytes(), counting)
    here, where = github.opened(token_variable), github.repository(repository)
    found = waivers.by_commits(here, where, entered)
    code = commands.binding(environment, git.tree(), "", plan)
    if any(not one.how for one in found):
        found = _by_comments(here, where, found, code, max_age, issue)
    return judge(found, code)


def validate(*, issue: int, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    if issue < 0:
        raise Misconfigured(["input 'issue' is a number"])


def _by_comments(
    here: Client, where: str, found: Sequence[Proof], code: str, max_age: float, issue: int
) -> list[Proof]:
    try:
        _, said = waivers.comments(here, where, git.head(), issue)
    except CouldNotTell as fault:
        # What commits prove stays proven; the rest is not, and says what was not seen.
        return [one if one.how else Proof(one.entered, why=f"{one.why}; {fault.found}") for one in found]
    return [one if one.how else waivers.by_comments(here, where, said, code, max_age, one) for one in found]


def judge(found: Sequence[Proof], code: str) -> Result:
    """All of them, or the first that nobody proved and what that person can do."""
    evidence = [_evidence(one) for one in found]
    open_ = [one for one in found if not one.how]
    proven = f"{len(found) - len(open_)} of {counted(len(found), 'waiver')} proven"
    if not open_:
        people = ", ".join(sorted({brief(one.entered.waiver.by, 60) for one in found}))
        return passed(f"{proven}, by {brief(people, 200)}", target=len(found), measured=len(found), evidence=evidence)
    first = open_[0]
    by, item = brief(first.entered.waiver.by, 60), first.entered.item
    what = f"/attest {waivers.named(item)} {code} REASON"
    fix = f"have {by} commit the waiver with a signature that GitHub verifies, or comment `{what}` on the pull request"
    told = f"{proven}; that of {brief(item, 60)} names {by}, which nothing proves: {first.why}"
    return failed(told, fix, target=len(found), measured=len(found) - len(open_), evidence=evidence)


def _evidence(one: Proof) -> Evidence:
    waiver, item = one.entered.waiver, one.entered.item
    said = {"waived_by": waiver.by, "until": str(waiver.until), "why": waiver.why}
    told = f"{item}: {brief(waiver.by, 60)}, until {waiver.until}: {one.how or f'not proven: {one.why}'}"
    return {"message": told, "item": item, "proven": bool(one.how), "proof": one.how or one.why, **said}
