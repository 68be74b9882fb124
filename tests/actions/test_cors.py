"""cors: a site that lets in whom it should, and every careless comparison of origins."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from sites import Reply, Request, site

from deploy_gate.result import Result, Status

Ask = Callable[..., Result]
APP = "https://app.shop.example"


def careful(request: Request) -> Reply:
    """Lets one origin in, as a whole; its own public page is nobody's business."""
    return answered(request, request.headers.get("origin") == APP)


def answered(request: Request, good: bool, credentials: bool = False) -> Reply:
    headers = {"Vary": "Origin"}
    good = good and "origin" in request.headers
    if good:
        headers["Access-Control-Allow-Origin"] = request.headers["origin"]
        headers["Access-Control-Allow-Methods"] = "POST"
    if good and credentials:
        headers["Access-Control-Allow-Credentials"] = "true"
    return Reply(200 if good or request.method != "OPTIONS" else 400, {}, headers)


def test_a_careful_site_passes(ask: Ask) -> None:
    with site(careful) as shop:
        result = ask("cors", url=shop.url, path="/api", allowed=APP)
    assert result.status is Status.PASSED, result.found
    assert result.found == "7 foreign origins could read nothing, 1 allowed one could, in 24 requests"
    assert {one.method for one in shop.seen} == {"GET", "OPTIONS"}
    assert all("x-deploy-gate-probe" in one.headers for one in shop.seen)


def test_a_site_without_cors_passes(ask: Ask) -> None:
    with site(lambda _: Reply(401)) as shop:
        result = ask("cors", url=shop.url)
    assert result.status is Status.PASSED, result.found


CARELESS: dict[str, tuple[Callable[[str], bool], str]] = {
    "everybody": (lambda _: True, "a foreign origin"),
    "null": (lambda origin: origin in (APP, "null"), "the origin null null is let in"),
    "suffix": (lambda origin: origin.startswith(APP), "a suffix https://app.shop.example.evil.example is let in"),
    "prefix": (
        lambda origin: origin == APP or (origin.endswith("app.shop.example") and "//evilapp" in origin),
        "a prefix https://evilapp.shop.example is let in",
    ),
    "dot": (
        lambda origin: re.fullmatch(r"https://app.shop\.example", origin) is not None,
        "an unescaped dot https://appxshop.example is let in",
    ),
    "scheme": (lambda origin: origin.partition("://")[2] == "app.shop.example", "another scheme http://app.shop"),
    "subdomain": (
        lambda origin: origin.endswith(".app.shop.example") or origin == APP,
        "a subdomain https://evil.app.",
    ),
}


@pytest.mark.parametrize("name", CARELESS)
@pytest.mark.parametrize("credentials", [True, False])
def test_a_careless_comparison_is_found(ask: Ask, name: str, credentials: bool) -> None:
    rule, says = CARELESS[name]
    with site(lambda request: answered(request, rule(request.headers.get("origin", "")), credentials)) as shop:
        result = ask("cors", url=shop.url, path="/api", allowed=APP)
    assert result.status is Status.FAILED, result.found
    assert says in result.found
    assert ("let in with credentials" in result.found) is credentials


def test_only_the_preflight_is_open(ask: Ask) -> None:
    with site(lambda request: answered(request, request.method == "OPTIONS")) as shop:
        result = ask("cors", url=shop.url)
    assert result.status is Status.FAILED
    assert "(preflight)" in result.found


def test_the_wildcard_is_the_users_choice(ask: Ask) -> None:
    star = {"Access-Control-Allow-Origin": "*"}
    with site(lambda _: Reply(200, {}, star)) as shop:
        refused = ask("cors", url=shop.url)
        accepted = ask("cors", url=shop.url, wildcard="accepted")
    with site(lambda _: Reply(200, {}, {**star, "Access-Control-Allow-Credentials": "true"})) as shop:
        both = ask("cors", url=shop.url, wildcard="accepted")
    assert (refused.status, accepted.status, both.status) == (Status.FAILED, Status.PASSED, Status.FAILED)


def test_an_allowed_origin_must_come_in_and_be_told_apart(ask: Ask) -> None:
    with site(lambda _: Reply(200)) as shop:
        out = ask("cors", url=shop.url, allowed=APP)
    with site(lambda one: Reply(200, {}, {**careful(one).headers, "Vary": "Accept"})) as shop:
        mixed = ask("cors", url=shop.url, allowed=APP)
    assert out.status is Status.FAILED
    assert f"the allowed origin {APP} is not let in" in out.found
    assert mixed.status is Status.WARNED
    assert "Vary: Origin" in mixed.found


@pytest.mark.parametrize("allowed", ["", APP])
@pytest.mark.parametrize("status", [403, 406, 400, 451])
def test_a_firewall_that_refuses_everything_proves_nothing(ask: Ask, status: int, allowed: str) -> None:
    with site(lambda _: Reply(status, "<h1>Blocked</h1>")) as shop:
        result = ask("cors", url=shop.url, allowed=allowed)
    assert result.status is Status.ERROR, result.found
    assert f"answered {status} to a request of no origin" in result.found
    assert "`path`" in result.fix


def test_an_application_that_refuses_by_origin_passes(ask: Ask) -> None:
    def answer(request: Request) -> Reply:
        if request.headers.get("origin") in (None, APP):
            return answered(request, "origin" in request.headers)
        return Reply(403, "Invalid CORS request")

    with site(answer) as shop:
        result = ask("cors", url=shop.url, allowed=APP)
    assert result.status is Status.PASSED, result.found


def test_an_api_that_refuses_strangers_but_has_rules_is_judged(ask: Ask) -> None:
    def answer(request: Request) -> Reply:
        return Reply(403, {}, {"Vary": "Origin", **answered(request, request.headers.get("origin") == APP).headers})

    with site(answer) as shop:
        assert ask("cors", url=shop.url, allowed=APP).status is Status.PASSED
    with site(lambda one: Reply(403, {}, answered(one, "origin" in one.headers).headers)) as shop:
        assert ask("cors", url=shop.url, allowed=APP).status is Status.FAILED


@pytest.mark.parametrize("status", [404, 302, 500, 429])
def test_an_answer_without_rules_proves_nothing(ask: Ask, status: int) -> None:
    with site(lambda _: Reply(status)) as shop:
        assert ask("cors", url=shop.url).status is Status.ERROR
