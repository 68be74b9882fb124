"""Runs of a workflow on a branch, how far they came, their failed jobs run once more, and a run cancelled."""

from __future__ import annotations

from dataclasses import dataclass

from deploy_gate.github import fields
from deploy_gate.github.client import Client, Question, path
from deploy_gate.result import CouldNotTell, brief


@dataclass(frozen=True, slots=True)
class Run:
    """One run; `state` is its conclusion, or its status while it has none."""

    id: int
    commit: str
    attempt: int
    ended: bool
    state: str


@dataclass(frozen=True, slots=True)
class Job:
    """One job of a run; `began` when a runner has taken it, `state` as that of a run."""

    name: str
    began: bool
    state: str
    started: str
    ended: str
    call: str
    """The job that calls the workflow it is in; empty where none does."""


def newest(client: Client, repository: str, workflow: str, branch: str) -> Run | None:
    """The newest one that this repository's own branch started; None when there was none."""
    return next(iter(_own(client, repository, workflow, branch)), None)


def of_commit(client: Client, repository: str, workflow: str, branch: str, commit: str) -> list[Run]:
    """The newest one of that commit, and the others of it that have not ended."""
    found = [one for one in _own(client, repository, workflow, branch) if one.commit == commit]
    return [one for place, one in enumerate(found) if not place or not one.ended]


def _own(client: Client, repository: str, workflow: str, branch: str) -> list[Run]:
    """Those that this repository's own branch started, the newest first."""
    where = repository + path("actions", "workflows", workflow, "runs", branch=branch, per_page="50")
    found = client.get(Question(where, f"runs of {brief(workflow)}", "actions=read"))
    listed = found.get("workflow_runs") if isinstance(found, dict) else None
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise fields.wrong("workflow_runs")
    # A fork may have a branch of the same name.
    own = [one for one in listed if str(_home(one)).lower() == repository.removeprefix("/repos/").lower()]
    return [_run(one) for one in sorted(own, key=lambda one: fields.number(one, "id"), reverse=True)]


def _home(one: fields.Object) -> object:
    return fields.inner(one, "head_repository").get("full_name")


def _run(one: fields.Object) -> Run:
    status = fields.text(one, "status")
    attempt = one.get("run_attempt")
    return Run(
        fields.number(one, "id"),
        fields.commit(one, "head_sha"),
        attempt if isinstance(attempt, int) else 1,
        status == "completed",
        str(one.get("conclusion")) if status == "completed" else status,
    )


def failed(client: Client, repository: str, run: Run) -> list[str]:
    """The names of its failed jobs, those of a called workflow without the calling job's name."""
    return [one.name for one in jobs(client, repository, run) if one.state == "failure"]


def jobs(client: Client, repository: str, run: Run) -> list[Job]:
    """Its jobs as they are now."""
    where = repository + path("actions", "runs", str(run.id), "jobs", filter="latest")
    return [_job(one) for one in client.all(Question(where, f"jobs of run {run.id}", "actions=read"), "jobs")]


def _job(one: fields.Object) -> Job:
    call, _, name = fields.text(one, "name").rpartition(" / ")
    status = fields.text(one, "status")
    state = str(one.get("conclusion")) if status == "completed" else status
    # One that was skipped, or cancelled while it waited, has no step.
    began = status == "in_progress" or (status == "completed" and bool(one.get("steps")))
    return Job(name, began, state, str(one.get("started_at") or ""), str(one.get("completed_at") or ""), call)


def cancel(client: Client, repository: str, run: Run) -> None:
    """Tell GitHub to cancel it; what has come to its end meanwhile is no fault."""
    where = repository + path("actions", "runs", str(run.id))
    try:
        client.send("POST", Question(f"{where}/cancel", f"an order to cancel run {run.id}", "actions=write"), None)
    except CouldNotTell:
        now = client.get(Question(where, f"run {run.id}", "actions=read"))
        if not isinstance(now, dict) or now.get("id") != run.id or not _run(now).ended:
            raise


def again(client: Client, repository: str, run: Run) -> None:
    """Run its failed jobs once more, and what depends on them; another who asked for the same is no fault."""
    where = repository + path("actions", "runs", str(run.id))
    try:
        client.send(
            "POST", Question(f"{where}/rerun-failed-jobs", f"an order to run {run.id} again", "actions=write"), {}
        )
    except CouldNotTell:
        # Refused since it runs already, or the answer was lost.
        now = client.get(Question(where, f"run {run.id}", "actions=read"))
        found = _run(now) if isinstance(now, dict) and now.get("id") == run.id else run
        if found.attempt <= run.attempt:
            raise
