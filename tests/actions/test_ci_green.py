"""ci-green: what ran, what failed, what still runs, what ran again, and what is left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from github_server import SHA, GitHub

from deploy_gate.result import Result, Status

Ask = Callable[..., Result]


class Commit:
    """What ran on one commit."""

    def __init__(self, github: GitHub) -> None:
        self.github = github
        self.runs = github.list("/actions/runs", "workflow_runs")
        self.checks = github.list(f"/commits/{SHA}/check-runs", "check_runs")
        self.statuses = github.list(f"/commits/{SHA}/status", "statuses")

    def run(self, file: str, conclusion: str | None, *jobs: str, **more: Any) -> dict[str, Any]:
        """A workflow run with its jobs' check runs, all of one end."""
        one = self.github.example("workflow-run-paginated", "workflow_runs")
        status = "completed" if conclusion else "in_progress"
        one |= {"head_sha": SHA, "path": f".github/workflows/{file}", "name": file.removesuffix(".yml").title()}
        one |= {"status": status, "conclusion": conclusion, "event": "push", "head_branch": "main"}
        one |= {"check_suite_id": one["id"] + 50_000, "workflow_id": sum(file.encode())} | more
        self.runs.insert(0, one)
        for job in jobs:
            self.check(job, conclusion, suite=one["check_suite_id"])
        return one

    def check(self, name: str, conclusion: str | None, suite: int = 1) -> dict[str, Any]:
        one = self.github.example("check-run-paginated", "check_runs")
        one |= {"head_sha": SHA, "name": name, "conclusion": conclusion, "check_suite": {"id": suite}}
        one |= {"status": "completed" if conclusion else "in_progress"}
        self.checks.insert(0, one)
        return one

    def status(self, context: str, state: str) -> None:
        one = self.github.example("combined-commit-status", "statuses")
        self.statuses.insert(0, one | {"context": context, "state": state})


@pytest.fixture
def commit(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> Commit:
    """A commit whose CI succeeded, while the deployment that asks is running."""
    found = Commit(github)
    found.run("ci.yml", "success", "test", "lint")
    own = found.run("deploy.yml", None, "gate")
    monkeypatch.setenv("GITHUB_RUN_ID", str(own["id"]))
    return found


def test_all_succeeded(ask: Ask, commit: Commit) -> None:
    commit.status("external/scan", "success")
    commit.check("optional", "skipped")
    result = ask("ci-green", commit=SHA)
    assert result.status is Status.PASSED
    assert result.found == "4 checks on aaaaaaaaaaaa succeeded, 0 failed; left out: Deploy"
    assert len(commit.github.asked) == 3


@pytest.mark.parametrize("word", ["failure", "cancelled", "timed_out", "action_required"])
def test_one_failing(ask: Ask, commit: Commit, word: str) -> None:
    commit.check("coverage", word)
    result = ask("ci-green", commit=SHA)
    assert (result.status, result.measured) == (Status.FAILED, 1)
    assert f"1 of 4 checks on aaaaaaaaaaaa failed, the limit is 0: coverage ({word})" in result.found


def test_one_failing_on_the_last_page(ask: Ask, commit: Commit) -> None:
    commit.check("last", "failure")
    for number in range(120):
        commit.check(f"job {number}", "success")
    assert ask("ci-green", commit=SHA).status is Status.FAILED


@pytest.mark.parametrize("state", ["failure", "error"])
def test_a_failing_status(ask: Ask, commit: Commit, state: str) -> None:
    commit.status("external/scan", state)
    assert f"external/scan ({state})" in ask("ci-green", commit=SHA).found


def test_one_still_running(ask: Ask, commit: Commit) -> None:
    commit.check("slow", None)
    result = ask("ci-green", commit=SHA)
    assert result.status is Status.ERROR
    assert "1 of 4 checks on aaaaaaaaaaaa still running: slow (in_progress)" in result.found


def test_a_run_that_has_no_job_yet(ask: Ask, commit: Commit) -> None:
    commit.run("slow.yml", None, status="queued")
    assert "Slow (queued)" in ask("ci-green", commit=SHA).found
    commit.runs.pop(0)
    commit.status("external", "pending")
    assert ask("ci-green", commit=SHA).status is Status.ERROR


def test_a_workflow_that_could_not_start(ask: Ask, commit: Commit) -> None:
    commit.run("broken.yml", "startup_failure")
    assert "Broken (startup_failure)" in ask("ci-green", commit=SHA).found


def test_none_at_all(ask: Ask, github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = Commit(github)
    assert ask("ci-green", commit=SHA).found == "nothing succeeded on aaaaaaaaaaaa, at least 1 check is needed"
    own = commit.run("deploy.yml", "success", "gate")
    monkeypatch.setenv("GITHUB_RUN_ID", str(own["id"]))
    commit.check("optional", "skipped")
    result = ask("ci-green", commit=SHA)
    assert result.status is Status.FAILED
    assert "nothing succeeded" in result.found


def test_the_newest_attempt_counts(ask: Ask, github: GitHub) -> None:
    commit = Commit(github)
    commit.run("ci.yml", "failure", "test")
    commit.run("ci.yml", "success", "test")
    assert ask("ci-green", commit=SHA).status is Status.PASSED
    commit.run("ci.yml", "failure", "test")
    assert ask("ci-green", commit=SHA).status is Status.FAILED


def test_another_event_or_branch_is_no_newer_attempt(ask: Ask, github: GitHub) -> None:
    commit = Commit(github)
    commit.run("ci.yml", "failure", "test", event="push")
    commit.run("ci.yml", "success", "test", event="pull_request")
    assert ask("ci-green", commit=SHA).status is Status.FAILED


def test_a_job_that_was_run_again(ask: Ask, github: GitHub) -> None:
    commit = Commit(github)
    run = commit.run("ci.yml", "success")
    commit.check("test", "failure", suite=run["check_suite_id"])
    commit.check("test", "success", suite=run["check_suite_id"])
    assert ask("ci-green", commit=SHA).status is Status.PASSED


def test_a_failed_deployment_before_is_no_reason(ask: Ask, commit: Commit) -> None:
    commit.run("deploy.yml", "failure", "deploy", event="workflow_dispatch")
    commit.run("rollback.yml", "failure", "back")
    assert ask("ci-green", commit=SHA).status is Status.FAILED
    result = ask("ci-green", commit=SHA, deploy_workflows="rollback.yml")
    assert result.status is Status.PASSED
    assert result.found.endswith("left out: Deploy, Rollback")


def test_ignored_is_named(ask: Ask, commit: Commit) -> None:
    commit.status("flaky/scan", "failure")
    result = ask("ci-green", commit=SHA, ignored="flaky/scan")
    assert result.status is Status.PASSED
    assert result.found.endswith("left out: Deploy, flaky/scan")


def test_required_must_have_succeeded(ask: Ask, commit: Commit) -> None:
    assert ask("ci-green", commit=SHA, required="test,lint").status is Status.PASSED
    result = ask("ci-green", commit=SHA, required="test,end to end")
    assert result.status is Status.FAILED
    assert result.found.startswith("end to end did not succeed on aaaaaaaaaaaa, and is required")


def test_an_answer_about_another_commit(ask: Ask, commit: Commit) -> None:
    commit.checks[0]["head_sha"] = "c" * 40
    assert "GitHub lists what ran on cccccccccccc when asked for aaaaaaaaaaaa" in ask("ci-green", commit=SHA).found


@pytest.mark.parametrize("where", ["actions/runs", "check-runs", "status"])
@pytest.mark.parametrize("code", [403, 404, 422, 500])
def test_no_answer_is_no_success(ask: Ask, commit: Commit, where: str, code: int) -> None:
    commit.github.fail(where, code, {"message": "no"})
    result = ask("ci-green", commit=SHA)
    assert result.status is Status.ERROR
    assert result.fix


def test_a_field_that_is_missing(ask: Ask, commit: Commit) -> None:
    commit.github.fail("check-runs", 200, {"total_count": 1, "check_runs": [{"id": 1, "head_sha": SHA}]})
    assert ask("ci-green", commit=SHA).status is Status.ERROR
