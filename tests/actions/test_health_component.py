"""health-component: a health document that tells the truth, and one that lies about a real database."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from databases import Cluster
from sites import Reply, site

from deploy_gate.result import Result, Status
from deploy_gate.workbench.server import free_port

Ask = Callable[..., Result]


def run(ask: Ask, value: str, status: int = 200, **more: object) -> Result:
    with site(lambda _: Reply(status, {"components": {"database": {"status": value}}})) as shop:
        return ask("health-component", url=f"{shop.url}/health", component="database", **more)


def test_up_and_down(ask: Ask) -> None:
    up, down, absent = run(ask, "up"), run(ask, "down", 503), run(ask, "absent")
    assert up.status is Status.PASSED, up.found
    assert up.found.startswith("database is up, expected up or ok or healthy or pass or true")
    assert (down.status, absent.status) == (Status.FAILED, Status.FAILED)
    assert "database is down, expected up" in down.found
    assert "answered 503" in down.found
    assert "see whether database is up" in down.fix


def test_a_field_of_another_name(ask: Ask) -> None:
    with site(lambda _: Reply(200, {"checks": [{"db": True}]})) as shop:
        found = ask("health-component", url=shop.url, component="db", field="checks.0.{component}")
        missing = ask("health-component", url=shop.url, component="db")
    assert found.status is Status.PASSED, found.found
    assert missing.status is Status.ERROR
    assert "has no field components.db.status" in missing.found


@pytest.mark.parametrize("reply", [Reply(502, "<html>Bad Gateway"), Reply(200, "[1]"), Reply(404)])
def test_no_document_is_an_error(ask: Ask, reply: Reply) -> None:
    with site(lambda _: reply) as shop:
        assert ask("health-component", url=shop.url, component="database").status is Status.ERROR


def test_the_database_is_asked_too(ask: Ask, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    with cluster.database() as name:
        monkeypatch.setenv("SHOP_DATABASE_URL", cluster.url(name))
        good = run(ask, "up", url_variable="SHOP_DATABASE_URL")
    monkeypatch.setenv("SHOP_DATABASE_URL", f"postgresql://u:geheim@127.0.0.1:{free_port()}/x")
    lies = run(ask, "up", url_variable="SHOP_DATABASE_URL")
    monkeypatch.setenv("SHOP_DATABASE_URL", cluster.url("nothing"))
    unknown = run(ask, "up", url_variable="SHOP_DATABASE_URL")
    assert good.status is Status.PASSED, good.found
    assert lies.status is Status.FAILED
    assert "database is up by the health document, but SHOP_DATABASE_URL" in lies.found
    assert "geheim" not in str(lies.as_json())
    assert unknown.status is Status.ERROR
