"""Everything that GitHub ran on this commit succeeded."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from deploy_gate.catalog import About
from deploy_gate.facts import git
from deploy_gate.github import client, runs
from deploy_gate.github.runs import Outcome, Run
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, error, failed, passed
from deploy_gate.units import counted

ABOUT = About(
    secrets=(client.TOKEN,), reads=client.READS, github=("actions: read", "checks: read", "statuses: read"), timeout=180
)
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


@dataclass(frozen=True, slots=True)
class Facts:
    """What ran and counts, and what was left out, by name."""

    commit: str
    outcomes: Sequence[Outcome]
    left_out: Sequence[str]


def check(
    *, repository: str, commit: str, deploy_workflows: list[str], ignored: list[str], required: list[str]
) -> Result:
    """Read everything that ran on the commit, and judge it."""
    validate(commit=commit)
    wanted = commit or git.head()
    if not wanted:
        raise CouldNotTell("no commit is checked out here", "check the repository out first, or give `commit`")
    where, here = client.repository(repository), client.opened()
    known = runs.workflow_runs(here, where, wanted)
    kept, out = sort(known, os.environ.get("GITHUB_RUN_ID", ""), deploy_workflows)
    # What a left-out or replaced run did is not asked again by its check runs.
    gone = [one.suite for one in known if one not in kept]
    outcomes = [one.outcome for one in kept]
    outcomes += runs.check_runs(here, where, wanted, gone) + runs.statuses(here, where, wanted)
    counting = [one for one in outcomes if one.name not in ignored]
    names = [*out, *dict.fromkeys(one.name for one in outcomes if one.name in ignored)]
    return judge(Facts(wanted, counting, names), required)


def validate(*, commit: str, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    if commit and not _COMMIT.fullmatch(commit):
        raise Misconfigured([f"input 'commit' is {brief(commit)!r}, expected a commit's full hash"])


def sort(known: Sequence[Run], own: str, deploy: Sequence[str]) -> tuple[list[Run], list[str]]:
    """The runs that count, and the names of those that do not: this one's workflow and those that deploy."""
    this = {one.workflow for one in known if str(one.id) == own}
    newest = runs.newest(known).values()
    out = [one for one in newest if one.workflow in this or one.file in deploy or one.title in deploy]
    return [one for one in newest if one not in out], sorted({one.title for one in out})


def judge(facts: Facts, required: Sequence[str]) -> Result:
    """Failures first, then what still runs; nothing at all is no success."""
    by = {state: [one for one in facts.outcomes if one.state == state] for state in ("failed", "running", "succeeded")}
    good = {one.name for one in by["succeeded"]}
    missing = [name for name in required if name not in good]
    left = f"; left out: {brief(', '.join(facts.left_out), 160)}" if facts.left_out else ""
    evidence = [_evidence(one) for one in (*by["failed"], *by["running"])]
    more = {"target": 0, "measured": len(by["failed"]), "evidence": evidence}
    at = f"on {facts.commit[:12]}"
    if by["failed"]:
        found = f"{len(by['failed'])} of {counted(len(facts.outcomes), 'check')} {at} failed, the limit is 0: "
        return failed(found + _named(by["failed"]) + left, "mend it and push, or run the failed jobs again", **more)
    if by["running"]:
        found = f"{len(by['running'])} of {counted(len(facts.outcomes), 'check')} {at} still running: "
        return error(found + _named(by["running"]) + left, "wait until it has ended, then run this job again", **more)
    if missing:
        found = f"{brief(', '.join(missing), 200)} did not succeed {at}, and is required{left}"
        return failed(found, "let it run on this commit, or correct `required`", **more)
    if not good:
        found = f"nothing succeeded {at}, at least 1 check is needed{left}"
        return failed(found, "let a workflow test this commit before it is deployed", **more)
    return passed(f"{counted(len(by['succeeded']), 'check')} {at} succeeded, 0 failed{left}", **more)


def _named(outcomes: Sequence[Outcome]) -> str:
    first = ", ".join(f"{brief(one.name, 60)} ({brief(one.word, 20)})" for one in outcomes[:3])
    return first + (f" and {len(outcomes) - 3} more" if len(outcomes) > 3 else "")


def _evidence(one: Outcome) -> Evidence:
    return {"message": f"{one.kind} {brief(one.name, 200)}: {brief(one.word, 40)} {brief(one.url, 300)}".rstrip()}
