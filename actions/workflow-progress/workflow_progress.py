"""The jobs of a workflow run go on: none has failed, and none is stuck."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deploy_gate.catalog import About
from deploy_gate.github import client as github
from deploy_gate.github import fields
from deploy_gate.github.client import Question, path
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.units import Duration, counted, show_duration

ABOUT = About(secrets=(github.TOKEN,), reads=github.READS, github=("actions: read",), timeout=120)
_FINE = ("success", "skipped", "neutral")


@dataclass(frozen=True, slots=True)
class Job:
    """One job: `since` is when it began to be what it is."""

    name: str
    status: str
    conclusion: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that a job may run, and may wait for a runner."""

    run: float = 1800
    wait: float = 600


def check(*, repository: str, run_id: str, max_run: Duration, max_wait: Duration) -> Result:
    """Ask for the run's jobs, newest attempt."""
    validate(run_id=run_id)
    number = run_id or os.environ.get("GITHUB_RUN_ID", "")
    if not number:
        raise CouldNotTell("GITHUB_RUN_ID is not set, so which run is not known", "give `run-id`")
    here, where = github.opened(), github.repository(repository)
    address = where + path("actions", "runs", number, "jobs", filter="latest")
    found = here.all(Question(address, f"jobs of run {brief(number)}", "actions=read"), "jobs")
    return judge([_job(one) for one in found], Limits(max_run, max_wait), here.now)


def validate(*, run_id: str, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    if run_id and not (run_id.isascii() and run_id.isdigit()):
        raise Misconfigured([f"input 'run-id' is {brief(run_id)!r}, expected a number"])


def _job(one: fields.Object) -> Job:
    status = fields.text(one, "status")
    since = fields.moment(one, "started_at" if status == "in_progress" else "created_at")
    return Job(fields.text(one, "name"), status, str(one.get("conclusion") or ""), since)


def judge(jobs: Sequence[Job], limits: Limits, now: datetime) -> Result:
    """Failed ones first, then stuck ones."""
    if not jobs:
        raise CouldNotTell("the run has no job", "see that `run-id` is the run that deploys")
    bad = [one for one in jobs if one.status == "completed" and one.conclusion not in _FINE]
    stuck = [one for one in jobs if _over(one, limits, now) > 0]
    evidence: list[Evidence] = [{"message": f"{brief(one.name, 120)}: {_told(one, now)}"} for one in jobs]
    more: dict[str, Any] = {"target": 0, "measured": len(bad) + len(stuck), "evidence": evidence}
    if bad:
        found = f"{len(bad)} of {counted(len(jobs), 'job')} did not succeed: {_named(bad, now)}"
        return failed(found, "read that job's log; take the release out again if it is half deployed", **more)
    if stuck:
        terms = f"limits: {show_duration(limits.run)} to run, {show_duration(limits.wait)} to wait"
        found = f"{len(stuck)} of {counted(len(jobs), 'job')} stuck: {_named(stuck, now)}; {terms}"
        return failed(found, "see what it waits for: a runner, an approval, a server; cancel it if need be", **more)
    done = sum(one.status == "completed" for one in jobs)
    return passed(f"{done} of {counted(len(jobs), 'job')} ended well, {len(jobs) - done} under way, 0 stuck", **more)


def _over(one: Job, limits: Limits, now: datetime) -> float:
    """Seconds past its limit."""
    if one.status == "completed":
        return 0.0
    limit = limits.run if one.status == "in_progress" else limits.wait
    return (now - one.since).total_seconds() - limit


def _told(one: Job, now: datetime) -> str:
    if one.status == "completed":
        return brief(one.conclusion, 40)
    return f"{brief(one.status, 40)} for {show_duration(max((now - one.since).total_seconds(), 0.0))}"


def _named(jobs: Sequence[Job], now: datetime) -> str:
    first = ", ".join(f"{brief(one.name, 60)} ({_told(one, now)})" for one in jobs[:3])
    return first + (f" and {len(jobs) - 3} more" if len(jobs) > 3 else "")
