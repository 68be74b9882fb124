"""staging-proven: the newest deployment, how it ended, whether it was of this release, and what the ledger says of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from github_server import GitHub, ago
from policies import entry, recorded, written
from support import Repository

from deploy_gate.ledger.entry import Entry, Kind, Outcome
from deploy_gate.result import Result, Status

Ask = Callable[..., Result]
MERGED, OLD = "d" * 40, "e" * 40


class Staging:
    """A release in a clone, and GitHub's record of deployments."""

    def __init__(self, github: GitHub, repository: Repository) -> None:
        self.github, self.repository = github, repository
        repository.write("app.py", "print(1)\n")
        self.commit = repository.commit("feat: one")
        self.tree = repository.git("rev-parse", "HEAD^{tree}")
        self.deployments = github.list("/deployments")
        self.origin = repository.origin()
        for sha, tree in ((MERGED, self.tree), (OLD, "f" * 40)):
            one = github.law.example("git-commit")
            github.object(f"/git/commits/{sha}", one | {"sha": sha, "tree": {"sha": tree, "url": github.url}})

    def deploy(self, sha: str, *states: str, environment: str = "staging", **when: float) -> dict[str, Any]:
        one = self.github.example("deployment-items")
        one |= {"sha": sha, "ref": sha, "environment": environment, "created_at": ago(**(when or {"hours": 1}))}
        self.deployments.insert(0, one)
        statuses = self.github.list(f"/deployments/{one['id']}/statuses")
        for state in states:
            status = self.github.example("deployment-status-items")
            statuses.insert(0, status | {"state": state, "created_at": ago(**(when or {"hours": 1}))})
        return one

    def line(self, outcome: Outcome = Outcome.DEPLOYED, minutes: float = 30, **more: Any) -> Entry:
        """A line of the ledger on this release, that ended so long ago; its deployment began an hour ago."""
        usual = {"environment": "staging", "outcome": outcome, "ended": ago(minutes=minutes)}
        return entry("", **({"release": self.tree} | usual | more))

    def record(self, *lines: Entry) -> None:
        recorded(self.repository, *lines)
        self.push()

    def push(self) -> None:
        self.repository.git("push", "-qf", "origin", "refs/remotes/origin/deploy-ledger:refs/heads/deploy-ledger")


@pytest.fixture
def staging(github: GitHub, repository: Repository) -> Staging:
    return Staging(github, repository)


def test_this_release(ask: Ask, staging: Staging) -> None:
    staging.deploy(staging.commit, "in_progress", "success")
    result = ask("staging-proven")
    assert result.status is Status.PASSED
    assert result.found.endswith("and succeeded 1 h ago, the limit is 30 d")
    assert (result.target, result.measured) == (staging.tree, staging.tree)
    assert len(staging.github.asked) == 2


def test_the_same_tree_under_another_commit(ask: Ask, staging: Staging) -> None:
    staging.deploy(MERGED, "success")
    assert ask("staging-proven").status is Status.PASSED


def test_another_release(ask: Ask, staging: Staging) -> None:
    staging.deploy(staging.commit, "success")
    staging.deploy(OLD, "success")
    result = ask("staging-proven")
    assert result.status is Status.FAILED
    assert result.found.endswith(f"expected {staging.tree[:12]}")


@pytest.mark.parametrize("state", ["failure", "error", "inactive"])
def test_an_older_success_and_a_newer_failure(ask: Ask, staging: Staging, state: str) -> None:
    staging.deploy(staging.commit, "success")
    staging.deploy(staging.commit, "in_progress", state)
    assert ask("staging-proven").status is Status.FAILED


def test_the_last_status_counts_however_they_are_sorted(ask: Ask, staging: Staging) -> None:
    one = staging.deploy(staging.commit, "success", "failure")
    staging.github.list(f"/deployments/{one['id']}/statuses").reverse()
    staging.deployments.insert(0, staging.deployments.pop())
    assert ask("staging-proven").status is Status.FAILED


@pytest.mark.parametrize("states", [(), ("pending",), ("queued",), ("in_progress",)])
def test_one_that_has_not_ended(ask: Ask, staging: Staging, states: tuple[str, ...]) -> None:
    staging.deploy(staging.commit, *states)
    result = ask("staging-proven")
    assert result.status is Status.ERROR
    assert "has not ended" in result.found


def test_never_and_elsewhere(ask: Ask, staging: Staging) -> None:
    staging.deploy(staging.commit, "success", environment="production")
    result = ask("staging-proven")
    assert (result.status, result.found) == (Status.FAILED, "nothing was ever deployed to staging")
    assert ask("staging-proven", environment="production").status is Status.PASSED


def test_long_ago(ask: Ask, staging: Staging) -> None:
    staging.deploy(staging.commit, "success", days=31)
    assert ask("staging-proven").found.endswith("and succeeded 31 d ago, the limit is 30 d")
    assert ask("staging-proven", max_age="32d").status is Status.PASSED


@pytest.mark.parametrize("sha", ["HEAD", "main", "-h", ""])
def test_a_name_is_no_commit(ask: Ask, staging: Staging, sha: str) -> None:
    staging.deploy(sha, "success")
    result = ask("staging-proven")
    assert (result.status, result.found) == (Status.ERROR, "GitHub's answer has no usable 'sha'")


@pytest.mark.parametrize("where", ["/deployments", "/statuses", "/git/commits"])
@pytest.mark.parametrize("code", [403, 404, 503])
def test_no_answer_is_no_success(ask: Ask, staging: Staging, where: str, code: int) -> None:
    staging.deploy(MERGED, "success")
    staging.github.fail(where, code, {"message": "no"})
    assert ask("staging-proven").status is Status.ERROR


def test_a_list_of_another_environment(ask: Ask, staging: Staging) -> None:
    one = staging.deploy(staging.commit, "success", environment="production")
    staging.github.fail("/deployments.environment", 200, [one])
    assert ask("staging-proven").status is Status.ERROR


BACK: dict[str, Any] = {"outcome": Outcome.ROLLED_BACK, "kind": Kind.ROLLBACK, "release": OLD}


@pytest.mark.parametrize("outcome", [Outcome.FELL_BACK, Outcome.NOT_BACK, Outcome.ROLLED_BACK])
def test_github_calls_it_a_success_and_the_ledger_does_not(ask: Ask, staging: Staging, outcome: Outcome) -> None:
    """The job that deployed was green, and what came after it took the release back."""
    staging.deploy(staging.commit, "in_progress", "success")
    staging.record(staging.line(outcome, why="p95 900 ms, the limit is 500 ms"))
    result = ask("staging-proven")
    assert result.status is Status.FAILED
    assert result.found.endswith(f"but the ledger says {outcome}: p95 900 ms, the limit is 500 ms")
    assert ask("staging-proven", branch="not-there").status is Status.PASSED


def test_it_was_held_and_somebody_answered(ask: Ask, staging: Staging) -> None:
    staging.deploy(staging.commit, "success")
    held = staging.line(Outcome.UNKNOWN, began=ago(minutes=40))
    staging.record(held)
    result = ask("staging-proven")
    assert result.status is Status.ERROR
    assert result.found.endswith("but the ledger says unknown")
    staging.record(held, staging.line(minutes=20, kind=Kind.CONFIRM))
    assert ask("staging-proven").status is Status.PASSED


def test_it_was_rolled_back_later(ask: Ask, staging: Staging) -> None:
    staging.deploy(staging.commit, "success")
    staging.record(staging.line(), staging.line(minutes=20, **BACK, from_release=staging.tree))
    assert ask("staging-proven").found.endswith("but the ledger says rolled-back")
    # That of another release, and one that changed nothing, are not about it.
    other = staging.line(minutes=20, **BACK, from_release="a" * 40)
    nothing = staging.line(minutes=10, **BACK | {"outcome": Outcome.NOT_SWITCHED}, from_release=staging.tree)
    staging.record(staging.line(), other, nothing)
    assert ask("staging-proven").status is Status.PASSED


def test_the_line_of_an_earlier_deployment_is_none_of_this_one(ask: Ask, staging: Staging) -> None:
    """While this one is still looked at GitHub calls it a success: its job has ended."""
    staging.deploy(staging.commit, "success")
    staging.record(staging.line(minutes=61), staging.line(environment="production"))
    result = ask("staging-proven")
    assert (result.status, result.found.rpartition(", but ")[2]) == (
        Status.ERROR,
        "the ledger has no line of it yet",
    )
    staging.record(staging.line(Outcome.FELL_BACK, minutes=61), staging.line())
    assert ask("staging-proven").status is Status.PASSED


def test_a_ledger_that_knows_nothing_of_that_environment(ask: Ask, staging: Staging) -> None:
    staging.deploy(staging.commit, "success")
    staging.record(staging.line(Outcome.FELL_BACK, environment="production"))
    assert ask("staging-proven").status is Status.PASSED


@pytest.mark.parametrize("way", ["broken", "unsigned", "no remote"])
def test_a_ledger_that_cannot_be_read_proves_nothing(ask: Ask, staging: Staging, way: str) -> None:
    staging.deploy(staging.commit, "success")
    staging.record(staging.line())
    given = {}
    if way == "broken":
        written(staging.repository, b'{"seq":7}\n')
        staging.push()
    elif way == "unsigned":
        given = {"signers": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDummy"}
    else:
        staging.origin.rename(staging.origin.with_name("away.git"))
    assert ask("staging-proven", **given).status is Status.ERROR
