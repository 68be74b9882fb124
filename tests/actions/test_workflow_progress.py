"""workflow-progress: jobs that end well, fail, run too long and wait too long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from github_server import GitHub, ago

from deploy_gate.result import Result, Status

Ask = Callable[..., Result]


def job(github: GitHub, name: str, status: str, minutes: float, conclusion: str | None = None) -> None:
    one: dict[str, Any] = github.example("job-paginated", "jobs")
    one |= {"name": name, "status": status, "conclusion": conclusion, "steps": []}
    one |= {"created_at": ago(minutes=minutes), "started_at": ago(minutes=minutes)}
    github.list("/actions/runs/42/jobs", "jobs").append(one)


@pytest.fixture
def run(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> GitHub:
    monkeypatch.setenv("GITHUB_RUN_ID", "42")
    job(github, "gate", "completed", 40, "success")
    job(github, "deploy", "in_progress", 5)
    return github


def test_under_way(ask: Ask, run: GitHub) -> None:
    result = ask("workflow-progress")
    assert (result.status, result.found) == (Status.PASSED, "1 of 2 jobs ended well, 1 under way, 0 stuck")


@pytest.mark.parametrize("word", ["failure", "cancelled", "timed_out"])
def test_one_that_failed(ask: Ask, run: GitHub, word: str) -> None:
    job(run, "migrate", "completed", 3, word)
    result = ask("workflow-progress")
    assert (result.status, result.found) == (Status.FAILED, f"1 of 3 jobs did not succeed: migrate ({word})")


def test_one_that_is_stuck(ask: Ask, run: GitHub) -> None:
    job(run, "copy", "in_progress", 31)
    result = ask("workflow-progress")
    terms = "limits: 30 min to run, 10 min to wait"
    assert (result.status, result.found) == (
        Status.FAILED,
        f"1 of 3 jobs stuck: copy (in_progress for 31 min); {terms}",
    )
    assert ask("workflow-progress", max_run="32m").status is Status.PASSED


@pytest.mark.parametrize("status", ["queued", "waiting"])
def test_one_that_waits_too_long(ask: Ask, run: GitHub, status: str) -> None:
    job(run, "copy", status, 9)
    assert ask("workflow-progress").status is Status.PASSED
    job(run, "verify", status, 11)
    assert f"verify ({status} for 11 min)" in ask("workflow-progress").found


def test_no_run_and_no_job(ask: Ask, github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask("workflow-progress").found.startswith("GITHUB_RUN_ID is not set")
    github.list("/actions/runs/7/jobs", "jobs")
    assert ask("workflow-progress", run_id="7").found == "the run has no job"


@pytest.mark.parametrize("code", [403, 404, 500])
def test_no_answer(ask: Ask, run: GitHub, code: int) -> None:
    run.fail("jobs", code, {})
    assert ask("workflow-progress").status is Status.ERROR
