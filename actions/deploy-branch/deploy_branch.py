"""This run is for the environment's branch, and the commit that is checked out is on it at the remote."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deploy_gate import runner
from deploy_gate.catalog import About
from deploy_gate.facts import git, remote
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.units import Duration

ABOUT = About(secrets=(remote.TOKEN,), timeout=240)
# What git itself refuses in the name of a branch (git-check-ref-format), and a dash in front.
_WRONG = re.compile(r"^[-/.]|[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|[/.]$|\.lock(/|$)|/\.")


@dataclass(frozen=True, slots=True)
class Facts:
    """The ref of this run, the commit that is checked out, the branch's tip at the remote, and whether it has it."""

    ref: str
    commit: str
    tip: str | None
    contained: bool


def check(*, branch: str, remote: str, timeout: Duration) -> Result:
    """Ask the remote and compare; CouldNotTell when it does not answer or nothing is checked out."""
    validate(branch=branch, remote=remote)
    return judge(_look(branch, remote, timeout), branch)


def validate(*, branch: str, remote: str, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    wrong = [f"input '{name}': {brief(one)!r} is no name in git" for name, one in _given(branch, remote) if _bad(one)]
    if wrong:
        raise Misconfigured(wrong)


def _given(branch: str, remote: str) -> list[tuple[str, str]]:
    return [("branch", branch), ("remote", remote)]


def _bad(name: str) -> bool:
    return not name or len(name) > 200 or bool(_WRONG.search(name))


def _look(branch: str, name: str, timeout: float) -> Facts:
    commit = git.head()
    if not commit:
        raise CouldNotTell("no commit is checked out here", "check out the repository first (actions/checkout)")
    ref = runner.ref() or git.git("symbolic-ref", "--quiet", "HEAD").out.strip()
    if not ref:
        found = "nobody says which branch this is: a commit is checked out, and no workflow runs"
        raise CouldNotTell(found, "check out the branch itself, or run this in a workflow")
    with remote.opened(name, timeout) as there:
        tip = there.tip(branch)
        contained = tip is not None and (tip == commit or there.has(branch, commit))
    return Facts(ref, commit, tip, contained)


def judge(facts: Facts, branch: str) -> Result:
    """Failed when ref or commit belong elsewhere."""
    shown, commit = brief(branch), facts.commit[:12]
    more = {"target": branch, "measured": brief(facts.ref), "evidence": [_evidence(facts, branch)]}
    if facts.ref != f"refs/heads/{branch}":
        found = f"this run is for {_named(facts.ref)}, the environment is deployed from the branch {shown}"
        return failed(found, f"deploy from {shown}: merge there first, or start the workflow on that branch", **more)
    if facts.tip is None:
        found = f"the remote has no branch {shown}"
        return failed(found, "correct the environment's branch, or see who removed it at the remote", **more)
    if not facts.contained:
        found = f"commit {commit} is not on {shown} at the remote, which is at {facts.tip[:12]}"
        fix = f"push or merge it to {shown}; if the branch was rewritten since, run again on its newest commit"
        return failed(found, fix, **more)
    where = "the newest commit" if facts.tip == facts.commit else f"older than its newest, {facts.tip[:12]}"
    return passed(f"this run is for {shown}, and commit {commit} is on it at the remote: {where}", **more)


def _named(ref: str) -> str:
    for start, kind in (("refs/heads/", "the branch "), ("refs/tags/", "the tag "), ("refs/pull/", "pull request ")):
        if ref.startswith(start):
            return kind + brief(ref.removeprefix(start))
    return brief(ref)


def _evidence(facts: Facts, branch: str) -> Evidence:
    tip = facts.tip or "not there"
    message = f"ref {brief(facts.ref)}, commit {facts.commit}; {brief(branch)} at the remote: {tip}"
    return {"message": message, "commit": facts.commit, "tip": tip}
