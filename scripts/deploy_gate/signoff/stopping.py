"""What a no stops. The gate reads comments once: a run that is past it is cancelled, where no server changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deploy_gate.github import reruns
from deploy_gate.github.client import Client
from deploy_gate.github.reruns import Job, Run
from deploy_gate.signoff.standing import Standing

STOPPED = "This deployment is stopped until the same person approves it."
UNREAD = "The gate does not see this no, so rely on nothing: write it where the lines below ask for a signature."
NOT_ASKED = "The checklist asks for no signature here, so this stops no run."
_DEPLOY = "deploy to "
"""How the jobs of pipeline.yml and deploy.yml are called that go to the servers, before the environment."""
_BESIDE = ("code", "gate")
"""Jobs of ours that may begin after the gate's and do nothing on the servers."""


@dataclass(frozen=True, slots=True)
class Where:
    """The run that waits: of which workflow, at which job, on which branch."""

    workflow: str
    job: str
    branch: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Whether everything is stopped that the no is about, and what people are told."""

    whole: bool
    headline: str


def stop(client: Client, place: str, found: Standing, by: str, commit: str, waits: Where, environment: str) -> Stop:
    """Stop what is under way with that commit, as far as it can be stopped."""
    said: list[str] = []
    gone = False
    for run in reruns.of_commit(client, place, waits.workflow, waits.branch, commit):
        jobs = reruns.jobs(client, place, run)
        if not past_the_gate(jobs, waits.job, environment):
            continue
        if not on_servers(jobs, waits.job, environment) and not run.ended:
            reruns.cancel(client, place, run)
            # It may have gone on in the meantime.
            jobs = reruns.jobs(client, place, run)
            said.append(f"Run {run.id} was past the gate and is cancelled.")
        if on_servers(jobs, waits.job, environment):
            gone = True
            said.append(on_its_way(run))
    seen = any(one.stopped_by(by) for one in found.lines)
    if not gone:
        said.append(STOPPED if seen else UNREAD if found.lines else NOT_ASKED)
    return Stop(seen and not gone, " ".join(said))


def on_its_way(run: Run) -> str:
    """Of a run that has come to the servers."""
    ends = "has ended" if run.ended else "goes on"
    return f"Run {run.id} is past the gate, has come to the servers and {ends}: /rollback with a reason takes it out."


def past_the_gate(jobs: Sequence[Job], gate: str, environment: str) -> bool:
    """Whether the gate may have read the comments already, and not said no."""
    others = {one.call for one in jobs if one.name.startswith(_DEPLOY) and one.name != _DEPLOY + environment}
    # The gate of another environment is another gate.
    asked = [one for one in jobs if one.name == gate and one.call not in others]
    return any(one.began and one.state in ("in_progress", "success") for one in asked)


def on_servers(jobs: Sequence[Job], gate: str, environment: str) -> bool:
    """Whether the job began that goes to the servers; where none is called so, any behind the gate."""
    deploys = [one for one in jobs if one.name.startswith(_DEPLOY)]
    if deploys:
        return any(one.began for one in deploys if one.name == _DEPLOY + environment)
    ends = [one.ended for one in jobs if one.name == gate and one.state == "success"]
    behind = [one for one in jobs if one.began and one.name not in (gate, *_BESIDE)]
    return bool(ends) and any(one.started >= min(ends) for one in behind)
