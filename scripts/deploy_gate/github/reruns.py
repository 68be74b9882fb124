"""The newest run of a workflow on a branch, where it came to its end, and its failed jobs run once more."""

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


def newest(client: Client, repository: str, workflow: str, branch: str) -> Run | None:
    """The newest one that this repository's own branch started; None when there was none."""
    where = repository + path("actions", "workflows", workflow, "runs", branch=branch, per_page="50")
    found = client.get(Question(where, f"runs of {brief(workflow)}", "actions=read"))
    listed = found.get("workflow_runs") if isinstance(found, dict) else None
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise fields.wrong("workflow_runs")
    # A fork may have a branch of the same name.
    own = [one for one in listed if str(_home(one)).lower() == repository.removeprefix("/repos/").lower()]
    return _run(max(own, key=lambda one: fields.number(one, "id"))) if own else None


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
    where = repository + path("actions", "runs", str(run.id), "jobs", filter="latest")
    jobs = client.all(Question(where, f"jobs of run {run.id}", "actions=read"), "jobs")
    ended = [one for one in jobs if one.get("conclusion") == "failure"]
    return [fields.text(one, "name").rpartition(" / ")[2] for one in ended]


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
