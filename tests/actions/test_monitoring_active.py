"""monitoring-active: answers of Prometheus' HTTP API, as its documentation shows them, whole and broken."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sites import Reply, Request, site

from deploy_gate.result import Result, Status

Ask = Callable[..., Result]
JUST_NOW = "just now"


def target(job: str = "erp", **more: object) -> dict[str, Any]:
    labels = {"instance": "10.0.0.1:8000", "job": job}
    base = {"labels": labels, "scrapePool": job, "health": "up", "lastError": "", "lastScrape": JUST_NOW}
    return {**base, **more}


def asked_now(targets: list[Any]) -> list[Any]:
    """The targets as of the request: the cases are made long before they run."""
    scraped = (datetime.now(UTC) - timedelta(seconds=20)).strftime("%Y-%m-%dT%H:%M:%S.123456789Z")
    return [{**one, "lastScrape": scraped} if one.get("lastScrape") == JUST_NOW else one for one in targets]


def rule(name: str = "ErpDown", **more: object) -> dict[str, Any]:
    return {"name": name, "health": "ok", "type": "alerting", "state": "inactive", **more}


def prometheus(targets: list[Any], rules: list[Any], token: str = "") -> Callable[[Request], Reply]:
    def answer(request: Request) -> Reply:
        if token and request.headers.get("authorization") != f"Bearer {token}":
            return Reply(401)
        known = {
            "/prom/api/v1/targets?state=active": {"activeTargets": asked_now(targets), "droppedTargets": []},
            "/prom/api/v1/rules?type=alert": {"groups": [{"name": "erp", "rules": rules}]},
        }
        return Reply(200, {"status": "success", "data": known[request.path]})

    return answer


def run(ask: Ask, targets: list[Any], rules: list[Any], **more: object) -> Result:
    with site(prometheus(targets, rules)) as server:
        return ask("monitoring-active", url=f"{server.url}/prom", jobs="erp, node", **more)


GOOD = [target("erp"), target("node"), target("other", health="down")]


def test_whole(ask: Ask) -> None:
    result = run(ask, GOOD, [rule(), rule("Other", health="err")], alerts="ErpDown")
    assert result.status is Status.PASSED, result.found
    assert result.found == "2 targets of erp, node up, scraped within 5 min; 1 alert rule evaluated without error"


@pytest.mark.parametrize(
    ("targets", "rules", "says"),
    [
        ([target("erp")], [rule()], "the job node has no target, expected one or more"),
        ([*GOOD, target("erp", health="down", lastError="refused")], [rule()], "of erp is down, expected up (refused)"),
        ([*GOOD, target("erp", health="unknown")], [rule()], "is unknown, expected up"),
        ([*GOOD, target("erp", lastScrape="2020-01-01T00:00:00Z")], [rule()], "ago, the limit is 5 min"),
        ([*GOOD, target("erp", lastScrape="0001-01-01T00:00:00Z")], [rule()], "was scraped never, the limit is"),
        (GOOD, [rule("Another")], "the alert rule ErpDown is not loaded"),
        (GOOD, [rule(health="err", lastError="bad")], "the alert rule ErpDown is err, expected ok (bad)"),
        (GOOD, [], "the alert rule ErpDown is not loaded"),
        (GOOD, [rule(type="recording")], "the alert rule ErpDown is not loaded"),
    ],
)
def test_one_fault(ask: Ask, targets: list[Any], rules: list[Any], says: str) -> None:
    result = run(ask, targets, rules, alerts="ErpDown")
    assert (result.status, result.measured) == (Status.FAILED, 1), result.found
    assert says in result.found


def test_without_names_one_rule_must_be_there(ask: Ask) -> None:
    assert run(ask, GOOD, [rule("Any")]).status is Status.PASSED
    assert "no alert rule is loaded" in run(ask, GOOD, []).found


def test_a_token_is_sent_and_not_shown(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_TOKEN", "token-of-prometheus")
    with site(prometheus(GOOD, [rule()], "token-of-prometheus")) as server:
        url = f"{server.url}/prom"
        good = ask("monitoring-active", url=url, jobs="erp", token_variable="PROMETHEUS_TOKEN")
        refused = ask("monitoring-active", url=url, jobs="erp")
    assert good.status is Status.PASSED, good.found
    assert "token-of-prometheus" not in str(good.as_json())
    assert refused.status is Status.ERROR
    assert "not let in" in refused.found


@pytest.mark.parametrize("reply", [Reply(200, "<html>"), Reply(503), Reply(200, {"status": "error"})])
def test_something_else_is_an_error(ask: Ask, reply: Reply) -> None:
    with site(lambda _: reply) as server:
        result = ask("monitoring-active", url=server.url, jobs="erp")
    assert result.status is Status.ERROR
    assert "not as Prometheus' API does" in result.found
