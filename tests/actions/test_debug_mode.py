"""debug-mode: what health, error pages and documentation tell, together and against each other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sites import Reply, routes, site

from deploy_gate.facts import traces
from deploy_gate.result import Result, Status

Ask = Callable[..., Result]
TRACE = 'Traceback (most recent call last):\n  File "/app/erp/api.py", line 7, in read\nKeyError: 1\n'
ON, OFF = Reply(200, {"debug": True}), Reply(200, {"debug": False})


def run(ask: Ask, expected: str, known: dict[str, Reply], **more: object) -> Result:
    with site(routes(known)) as shop:
        result = ask("debug-mode", url=shop.url, expected=expected, **more)
    assert all("x-deploy-gate-probe" in one.headers for one in shop.seen)
    return result


@pytest.mark.parametrize(
    ("known", "mode"),
    [
        ({"/health": ON}, "enabled"),
        ({"/health": OFF}, "disabled"),
        ({"/health": OFF, "/boom": Reply(500, TRACE)}, "enabled"),
        ({"/health": Reply(503, {"debug": False}), "/boom": Reply(500, "Internal Server Error")}, "disabled"),
        ({"/boom": Reply(500, TRACE)}, "enabled"),
        ({"/boom": Reply(500, "Internal Server Error")}, "disabled"),
    ],
)
def test_what_is_and_what_is_expected(ask: Ask, known: dict[str, Reply], mode: str) -> None:
    for expected in ("enabled", "disabled"):
        result = run(ask, expected, known, error_paths="/boom")
        assert result.status is (Status.PASSED if expected == mode else Status.FAILED), result.found
        assert f"debug mode is {mode}" in result.found
        assert "expected" in result.found


def test_the_finding_names_page_and_next_step(ask: Ask) -> None:
    result = run(ask, "disabled", {"/health": OFF, "/boom": Reply(500, TRACE)}, error_paths="/boom")
    assert result.found == "debug mode is enabled, expected disabled: a Python traceback at /boom (500)"
    assert result.fix.startswith("set DEBUG=false")
    assert "/app/erp" not in str(result.as_json())


def test_a_page_that_is_no_error_may_show_a_trace(ask: Ask) -> None:
    result = run(ask, "disabled", {"/health": OFF, "/help": Reply(200, TRACE)}, error_paths="/help")
    assert result.status is Status.PASSED, result.found


def test_without_any_sign_nobody_can_tell(ask: Ask) -> None:
    for expected in ("enabled", "disabled"):
        result = run(ask, expected, {"/health": Reply(200, {"status": "ok"})})
        assert result.status is Status.ERROR
        assert "has no debug, and no error page" in result.found


@pytest.mark.parametrize(("status", "is_"), [(200, "open"), (404, "closed"), (401, "closed")])
def test_the_documentation_is_as_declared(ask: Ask, status: int, is_: str) -> None:
    known = {"/health": OFF, "/docs": Reply(status)}
    for policy in ("open", "closed"):
        result = run(ask, "disabled", known, docs_policy=policy)
        assert result.status is (Status.PASSED if policy == is_ else Status.FAILED), result.found
    assert run(ask, "disabled", known).status is Status.PASSED


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_that_answers_for_the_application_proves_nothing(ask: Ask, status: int) -> None:
    for policy in ("any", "closed"):
        with site(lambda _: Reply(status, "<h1>Bad Gateway</h1>")) as shop:
            result = ask("debug-mode", url=shop.url, expected="disabled", docs_policy=policy, error_paths="/boom")
        assert result.status is Status.ERROR, result.found
        assert str(status) in result.found
    behind = run(ask, "disabled", {"/health": OFF, "/boom": Reply(status, "x")}, error_paths="/boom")
    assert behind.status is Status.ERROR, behind.found
    assert f"/boom answered {status}" in behind.found


@pytest.mark.parametrize(
    "health", [Reply(200, "<html>"), Reply(401), Reply(500), Reply(301, "", {"Location": "https://x.example/health"})]
)
def test_a_health_document_that_cannot_be_read_proves_nothing(ask: Ask, health: Reply) -> None:
    known = {"/health": health, "/boom": Reply(500, "Internal Server Error")}
    for expected in ("enabled", "disabled"):
        result = run(ask, expected, known, error_paths="/boom")
        assert result.status is Status.ERROR, result.found
        assert f"/health answered {health.status}" in result.found
    shown = run(ask, "disabled", {**known, "/boom": Reply(503, TRACE)}, error_paths="/boom")
    assert shown.status is Status.FAILED, "a trace is a sign, whatever else is not known"


def test_the_documentation_behind_a_slash_is_open(ask: Ask) -> None:
    known = {"/health": OFF, "/docs": Reply(307, b"", {"Location": "/docs/"}), "/docs/": Reply(200, "Swagger")}
    result = run(ask, "disabled", known, docs_policy="closed")
    assert result.status is Status.FAILED, result.found
    assert "documentation is open" in result.found


def test_documentation_that_asks_for_a_log_in_is_closed(ask: Ask) -> None:
    known = {"/health": OFF, "/docs": Reply(302, b"", {"Location": "/login"}), "/login": Reply(200, "Who are you?")}
    assert run(ask, "disabled", known, docs_policy="closed").status is Status.PASSED


@pytest.mark.parametrize("goal", ["https://shop.example/docs", "https://shop.example/docs/", ""])
def test_documentation_that_moved_proves_nothing(ask: Ask, goal: str) -> None:
    known = {"/health": OFF, "/docs": Reply(301, b"", {"Location": goal} if goal else {})}
    result = run(ask, "disabled", known, docs_policy="closed")
    assert result.status is Status.ERROR, result.found
    assert "redirect" in result.found


@pytest.mark.parametrize(
    "page",
    [
        "<title>KeyError // Werkzeug Debugger</title>",
        "you're seeing this error because you have <code>DEBUG = True</code>",
        "Error: x\n    at Object.get (/srv/app/server.js:10:5)\n",
        "java.lang.NullPointerException\n\tat com.shop.Api.read(Api.java:42)\n",
        "app/orders.rb:12:in `show'",
        "<b>Fatal error</b>: Uncaught",
        "goroutine 1 [running]:",
        "   at Shop.Api.Read(String id) in /src/Api.cs:line 7",
    ],
)
def test_traces_of_other_frameworks(page: str) -> None:
    assert traces.told(page.encode())


@pytest.mark.parametrize(
    "page", ["Internal Server Error", '{"detail": "Not Found"}', "We are at your service, call 10:30", "no traceback"]
)
def test_plain_error_pages(page: str) -> None:
    assert traces.told(page.encode()) == ""
