"""What GitHub ran on a commit: workflow runs, check runs and commit statuses, the newest attempt of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from deploy_gate.github import fields
from deploy_gate.github.client import Client, Question, path
from deploy_gate.github.fields import Object
from deploy_gate.result import CouldNotTell, brief

State = Literal["succeeded", "failed", "running", "skipped"]
_GOOD, _IDLE = {"success"}, {"neutral", "skipped"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One thing that ran: how it is called, how it ended, and GitHub's own word for that."""

    name: str
    state: State
    word: str
    kind: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One workflow run; `file` is its workflow's file name."""

    id: int
    suite: int
    workflow: int
    file: str
    title: str
    key: tuple[int, str, str]
    outcome: Outcome


def workflow_runs(client: Client, repository: str, commit: str) -> list[Run]:
    """All runs for a commit."""
    where = f"{repository}/actions/runs?head_sha={commit}"
    found = client.all(Question(where, "workflow runs", "actions=read"), "workflow_runs")
    return [_run(_of(one, commit)) for one in found]


def newest(runs: Iterable[Run]) -> dict[tuple[int, str, str], Run]:
    """Of each workflow, event and branch the newest run: a later one replaces what it ran before."""
    found: dict[tuple[int, str, str], Run] = {}
    for one in runs:
        if one.key not in found or found[one.key].id < one.id:
            found[one.key] = one
    return found


def check_runs(client: Client, repository: str, commit: str, without: Sequence[int]) -> list[Outcome]:
    """The newest check run of each name in each suite that is not left out."""
    where = repository + path("commits", commit, "check-runs", filter="latest")
    found = client.all(Question(where, "check runs", "checks=read"), "check_runs")
    latest: dict[tuple[object, str], Object] = {}
    for one in found:
        suite = fields.inner(_of(one, commit), "check_suite").get("id")
        key = suite, fields.text(one, "name")
        if suite not in without and (key not in latest or _id(latest[key]) < _id(one)):
            latest[key] = one
    return [_check(one) for one in latest.values()]


def statuses(client: Client, repository: str, commit: str) -> list[Outcome]:
    """The newest status of each context."""
    where = repository + path("commits", commit, "status")
    found = client.all(Question(where, "commit statuses", "statuses=read"), "statuses")
    return [_status(one) for one in found]


def _of(one: Object, commit: str) -> Object:
    if one.get("head_sha") != commit:
        found = f"GitHub lists what ran on {brief(str(one.get('head_sha'))[:12])} when asked for {commit[:12]}"
        raise CouldNotTell(found, "run again, and report this if it stays")
    return one


def _id(one: Object) -> int:
    return fields.number(one, "id")


def _run(one: Object) -> Run:
    file = fields.text(one, "path").partition("@")[0].rpartition("/")[2]
    title, workflow = str(one.get("name") or file), fields.number(one, "workflow_id")
    suite = one.get("check_suite_id")
    key = workflow, fields.text(one, "event"), str(one.get("head_branch"))
    state, word = _ended(one)
    outcome = Outcome(title, state, word, "workflow", str(one.get("html_url", "")))
    return Run(_id(one), suite if isinstance(suite, int) else -1, workflow, file, title, key, outcome)


def _check(one: Object) -> Outcome:
    state, word = _ended(one)
    return Outcome(fields.text(one, "name"), state, word, "check", str(one.get("html_url", "")))


def _ended(one: Object) -> tuple[State, str]:
    status, conclusion = fields.text(one, "status"), one.get("conclusion")
    if status != "completed":
        return "running", status
    if conclusion in _GOOD:
        return "succeeded", "success"
    return ("skipped" if conclusion in _IDLE else "failed"), str(conclusion)


def _status(one: Object) -> Outcome:
    word = fields.text(one, "state")
    known: dict[str, State] = {"success": "succeeded", "pending": "running"}
    return Outcome(fields.text(one, "context"), known.get(word, "failed"), word, "status")
