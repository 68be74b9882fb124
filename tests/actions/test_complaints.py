"""complaints: labelled issues of the first hour, or a counter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from github_server import GitHub, ago
from sites import Reply, site

from deploy_gate.catalog import Catalog
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Result, Status

Ask = Callable[..., Result]
SINCE = ago(minutes=90)


def complain(github: GitHub, count: int, minutes: float = 60, label: str = "complaint", **more: Any) -> None:
    for _ in range(count):
        one = github.example("issue-items")
        one.pop("pull_request", None)
        one |= {"title": "it is slow", "labels": [{"name": label}], "state": "open"}
        one |= {"created_at": ago(minutes=minutes), "updated_at": ago(minutes=0), "number": one["id"]}
        github.list("/issues").append(one | more)


@pytest.fixture
def heard(ask: Ask, github: GitHub) -> Callable[..., Result]:
    github.list("/issues")
    return lambda **given: ask("complaints", **{"label": "complaint", "since": SINCE} | given)


def test_more_than_ten(github: GitHub, heard: Callable[..., Result]) -> None:
    complain(github, 10)
    assert heard().found == "10 complaints in the first 1 h (issues with the label complaint), the limit is 10"
    assert heard().status is Status.PASSED
    complain(github, 1, state="closed")
    result = heard()
    assert (result.status, result.measured) == (Status.FAILED, 11)
    assert heard(most=11).status is Status.PASSED


def test_what_does_not_count(github: GitHub, heard: Callable[..., Result]) -> None:
    complain(github, 20, minutes=91)
    complain(github, 20, minutes=29)
    complain(github, 20, label="bug")
    complain(github, 20, pull_request=github.law.example("issue-items")[0]["pull_request"])
    assert (heard().status, heard().measured) == (Status.PASSED, 0)
    assert heard(window="2h").status is Status.FAILED


def test_many_pages(github: GitHub, heard: Callable[..., Result]) -> None:
    complain(github, 130)
    assert heard().measured == 130


def test_since_the_deployment(github: GitHub, heard: Callable[..., Result]) -> None:
    deployments = github.list("/deployments")
    assert heard(since="", environment="production").status is Status.ERROR
    one = github.example("deployment-items") | {"environment": "production", "sha": "a" * 40}
    deployments.append(one)
    status = github.example("deployment-status-items") | {"created_at": SINCE, "state": "success"}
    github.list(f"/deployments/{one['id']}/statuses", entries=[status])
    github.object("/git/commits/" + "a" * 40, github.law.example("git-commit"))
    complain(github, 11)
    assert heard(since="", environment="production").status is Status.FAILED
    status["state"] = "failure"
    assert heard(since="", environment="production").status is Status.ERROR


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (Reply(200, {"count": 10}), Status.PASSED),
        (Reply(200, {"count": 11}), Status.FAILED),
        (Reply(200, "11"), Status.FAILED),
        (Reply(200, {"count": -1}), Status.ERROR),
        (Reply(200, {"count": True}), Status.ERROR),
        (Reply(200, {"count": "3"}), Status.ERROR),
        (Reply(200, {"other": 3}), Status.ERROR),
        (Reply(200, "<html>"), Status.ERROR),
        (Reply(500, {"count": 1}), Status.ERROR),
    ],
)
def test_a_counter(ask: Ask, reply: Reply, status: Status) -> None:
    with site(lambda _: reply) as shop:
        assert ask("complaints", counter_url=shop.url + "/complaints").status is status


def test_wrong_inputs() -> None:
    module = Catalog().get("complaints").module
    good = {"label": "x", "counter_url": "", "since": "", "most": 1}
    for wrong in (
        {"label": ""},
        {"counter_url": "http://x"},
        {"since": "noon"},
        {"since": "2026-11-25T02:00:00"},
        {"most": -1},
    ):
        with pytest.raises(Misconfigured):
            module.validate(**good | wrong)


@pytest.mark.parametrize("code", [403, 410, 500])
def test_no_answer(github: GitHub, heard: Callable[..., Result], code: int) -> None:
    github.fail("issues", code, {})
    assert heard().status is Status.ERROR
