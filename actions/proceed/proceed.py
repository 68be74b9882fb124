"""Answers a comment, and lets the deployment's run go on when everything that was asked for is signed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deploy_gate import runner
from deploy_gate.catalog import About
from deploy_gate.facts import git
from deploy_gate.github import client as github
from deploy_gate.github import fields, reruns
from deploy_gate.github.client import Client, Question, path
from deploy_gate.github.reruns import Run
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Result, Status, brief, passed
from deploy_gate.signoff import reply, standing, stopping
from deploy_gate.signoff.reply import Reply
from deploy_gate.signoff.standing import Standing
from deploy_gate.signoff.stopping import Stop, Where
from deploy_gate.units import Variable

ABOUT = About(
    reads=(*github.READS, "GITHUB_EVENT_PATH"),
    github=("contents: read", "actions: write", "issues: write", "pull-requests: write"),
    timeout=600,
    runs_items=True,
)
_INSIDE = ("OWNER", "MEMBER", "COLLABORATOR")
_DONE = (Status.PASSED, Status.WARNED)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the comment was: its command (empty: none), who gave it, about which commit, and whether that person may."""

    name: str
    by: str
    commit: str
    allowed: bool
    result: Result


def operate(  # noqa: PLR0913 - one for each input
    *,
    command: str,
    servers: str,
    environment: str,
    checklist: Path | None,
    manifest: Path | None,
    ledger_signers: str,
    workflow: str,
    job: str,
    branch: str,
    repository: str,
    token_variable: Variable,
) -> Result:
    """One answer to one comment; `measured` is `proceed` when the run goes on, else `waiting`, or empty."""
    validate(command=command, servers=servers, workflow=workflow)
    asked = _asked(command)
    if not asked.name:
        return passed("the comment holds no command, so there is nothing to answer", measured="")
    here, place = github.opened(token_variable), github.repository(repository)
    waits = Where(workflow, job, branch or _default_branch())
    look = partial(standing.look, checklist, environment, manifest, ledger_signers)
    halt = partial(stopping.stop, here, place, by=asked.by, commit=git.head(), waits=waits, environment=environment)
    try:
        answer = outcome(here, place, asked, _result(servers), look, halt, waits)
    except (CouldNotTell, Misconfigured) as fault:
        said = str(fault) if isinstance(fault, Misconfigured) else f"{fault.found} → {fault.fix}"
        _answer(here, place, asked, Reply("confused", "It could not be told how the signatures stand.", [said]))
        raise
    _answer(here, place, asked, answer)
    return passed(
        f"answered /{asked.name}: {answer.headline}", measured="proceed" if answer.reaction == "rocket" else "waiting"
    )


def validate(*, command: str, servers: str, workflow: str, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    wrong = [] if re.fullmatch(r"[\w.-]+\.ya?ml", workflow) else [f"input 'workflow' is '{brief(workflow)}', no file"]
    for name, text in (("command", command), ("servers", servers)):
        try:
            _result(text)
        except (ValueError, KeyError, TypeError):
            wrong.append(f"input '{name}' is not the result of an operation, as JSON")
    if wrong:
        raise Misconfigured(wrong)


def _result(text: str) -> Result | None:
    return Result.from_json(json.loads(text)) if text.strip() else None


def _asked(command: str) -> Asked:
    result = _result(command)
    if result is None or not result.evidence:
        return Asked("", "", "", False, result or passed("no command"))
    first = result.evidence[0]
    allowed = result.status is Status.PASSED and bool(result.measured)
    name, by, commit = (str(first.get(key) or "") for key in ("command", "by", "commit"))
    return Asked(name, by, commit, allowed, result)


def _default_branch() -> str:
    return fields.text(fields.inner(runner.event(), "repository"), "default_branch")


def outcome(
    here: Client,
    place: str,
    asked: Asked,
    servers: Result | None,
    look: Callable[[], Standing],
    halt: Callable[[Standing], Stop],
    waits: Where,
) -> Reply:
    """What became of the command, and whether the run goes on."""
    if asked.result.status is not Status.PASSED:
        return Reply("-1", "This command does not count.", [reply.told(asked.result)])
    if asked.name == "rollback" and asked.allowed:
        return rolled_back(servers)
    if asked.commit not in ("", git.head()):
        what = f"{asked.commit[:12]}, which this pull request is about, is not checked out"
        raise CouldNotTell(what, "a fork's commit is not here before it is merged: sign it then")
    found = look()
    lines = reply.lines(found.lines)
    if not asked.allowed:
        return Reply("confused", "Edited and deleted comments do not count; write a new one.", lines)
    if asked.name in ("hold", "reject"):
        stop = halt(found)
        return held(servers, stop, lines) if asked.name == "hold" else rejected(stop, lines)
    return signed(here, place, asked, found, waits)


def signed(here: Client, place: str, asked: Asked, found: Standing, waits: Where) -> Reply:
    """The answer to a signature; with the last one the run goes on."""
    lines = reply.lines(found.lines)
    if not found.complete:
        counts = any(one.counts(asked.by) for one in found.lines)
        return Reply("+1" if counts else "-1", missing(found, counts=counts), lines)
    return go_on(here, place, waits, lines)


def go_on(here: Client, place: str, waits: Where, lines: list[str]) -> Reply:
    """Everything is signed: the newest run goes on, if it is one that stopped at the gate with this very commit."""
    run = reruns.newest(here, place, waits.workflow, waits.branch)
    trouble = obstacle(run, git.head(), waits) or stopped_elsewhere(run, here, place, waits)
    if trouble or run is None:
        return Reply("+1", "Everything that was asked for is signed; no run goes on from here.", [trouble, *lines])
    reruns.again(here, place, run)
    said = f"Everything is signed: the failed jobs of run {run.id} run again, and the gate reads the comments itself."
    return Reply("rocket", said, lines)


def rolled_back(servers: Result | None) -> Reply:
    """The answer to a rollback; what did not come to its end is never told as done."""
    if servers is None:
        return Reply("confused", "Nobody can tell what became of the rollback: look at the servers now.")
    if servers.status in _DONE:
        return Reply("+1", "The rollback came to its end.", [reply.told(servers)])
    return Reply("-1", "The rollback did not come to its end: a person must look now.", [reply.told(servers)])


def rejected(stop: Stop, lines: list[str]) -> Reply:
    """The answer to a no."""
    return Reply("+1" if stop.whole else "confused", stop.headline, lines)


def held(servers: Result | None, stop: Stop, lines: list[str]) -> Reply:
    """The answer to a hold: the signatures wait where the gate sees it, the servers only where they said so."""
    if servers is not None and servers.status in _DONE:
        return rejected(stop, [f"servers: {reply.told(servers)}", *lines])
    said = reply.told(servers) if servers else "no answer came from them"
    return Reply(
        "confused", f"{stop.headline} The servers do not wait: look at them now.", [f"servers: {said}", *lines]
    )


def missing(found: Standing, *, counts: bool) -> str:
    """Of an approval: whether it counts, and that more is wanted."""
    if not found.lines:
        return "The checklist asks for no signature here."
    return "That counts; more is wanted." if counts else "That does not count."


def obstacle(run: Run | None, head: str, waits: Where) -> str:
    """Why a run cannot go on, as far as it tells itself; empty when it may."""
    if run is None:
        return f"{waits.workflow} did not run on {brief(waits.branch)} yet"
    which = f"the newest run of {waits.workflow} on {brief(waits.branch)}, {run.id},"
    if run.commit != head:
        return f"{which} is of {run.commit[:12]}, and this is signed for {head[:12]}"
    if not run.ended:
        return f"{which} is {brief(run.state)}; if it stops at the gate, run its failed jobs again"
    return "" if run.state == "failure" else f"{which} ended with {brief(run.state)}"


def stopped_elsewhere(run: Run | None, here: Client, place: str, waits: Where) -> str:
    """Why it did not stop at the gate: then something was done on the servers, and nobody repeats the rest of that."""
    names = reruns.failed(here, place, run) if run else []
    if waits.job in names:
        return ""
    return f"it did not stop at the job {brief(waits.job)}; failed: {brief(', '.join(names), 200) or 'none'}"


def _answer(here: Client, place: str, asked: Asked, answer: Reply) -> None:
    """The sign at the comment, and the reply; a stranger whose word does not count gets the sign alone."""
    payload = runner.event()
    comment, issue = fields.inner(payload, "comment"), fields.inner(payload, "issue")
    if payload.get("action") != "deleted":
        where = place + path("issues", "comments", str(fields.number(comment, "id")), "reactions")
        here.send("POST", Question(where, "a reaction", "issues=write"), {"content": answer.reaction})
    if asked.allowed or comment.get("author_association") in _INSIDE:
        where = place + path("issues", str(fields.number(issue, "number")), "comments")
        here.send("POST", Question(where, "a comment", "issues=write"), {"body": answer.text()})
