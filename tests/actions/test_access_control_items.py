"""The security lines of the checklist on the real ERP over TLS: all green, and for each fault exactly its lines red."""

from __future__ import annotations

import json
import secrets
import socket
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import declared
import pytest
from sites import Reply, site
from support import ROOT
from tls_doors import tls_door

from deploy_gate.catalog import Catalog
from deploy_gate.checklist import loading
from deploy_gate.engine.child import guarded
from deploy_gate.facts import forgery
from deploy_gate.inputs import bind
from deploy_gate.result import Result, Status
from deploy_gate.workbench import erp

pytestmark = pytest.mark.long

MOMENT = 1.0
PAUSE = Event()
ACCESS = ROOT / "examples" / "erp" / "access.yml"
# Line of the checklist, and what the consumer's file adds to its inputs.
LINES: dict[str, dict[str, str]] = {
    "openapi": {},
    "database": {"url-variable": "SHOP_DATABASE_URL"},
    "redis-up": {},
    "webhooks": {},
    "production-debug": {"error-paths": "/api/products?page=1&size=1"},
    "staging-data": {"tables": "products = 30, users = 4, stock_levels = 30"},
    "headers": {"paths": "/health/live, /api/products"},
    "cors": {"path": "/api/auth/me", "allowed": "https://app.shop.example"},
    "rate-limit": {
        "path": "/api/auth/login",
        "method": "POST",
        "body": '{"email": "{random}@probe.example", "password": "not the password"}',
        "within": "12",
    },
    "auth": {},
    "rbac": {},
    "api-key": {},
    "exposed": {},
    "audit": {"within": "20s"},
}
# Every fault of the ERP that these lines can meet, with those that turn red.
RED = declared.turning(LINES, "erp", "erp-traffic")
# Each of these turns so many red that another one beside it could hide.
ALONE = ("health-503", "login-500")
# Faults that other checks find: one of these lines that turned red here would point at the wrong thing.
OTHERS = (
    "order-total-wrong",
    "stock-unchanged",
    "slow-2x",
    "health-lies",
    "docs-missing",
    "log-tracebacks",
    "sync-drift",
)


# A password hash bears its own cost: cheap ones make log-ins cheap, and nothing else different.
CHEAP = """
from argon2 import PasswordHasher
from erp.app import create_app
from erp.services import passwords
passwords.hasher = lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""


@dataclass(frozen=True)
class Shop:
    """The running ERP behind TLS, and a receiver of its webhooks."""

    erp: erp.Erp
    url: str
    admin: str

    def call(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        """One request past the front door."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.erp.url + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        request.add_header("Authorization", f"Bearer {token or self.admin}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def deliver(self) -> None:
        """Have one webhook delivered, or not, as the present faults say."""
        sql = "truncate webhook_deliveries; insert into webhook_deliveries (id, webhook_id, event, payload, status, attempts,"
        sql += " created_at) select 1, max(id), 'order.created', '{}', 'pending', 0, now() from webhooks"
        self.erp.database.run("psql", "-qc", sql, database="erp")
        self.call("POST", "/api/webhooks/deliveries/1/retry")

    def red(self, *faults: str) -> dict[str, Result]:
        """The lines that did not pass with these faults on."""
        self.erp.set_faults(*faults)
        try:
            self.deliver()
            # What will not come is not waited for long.
            short = {"audit": {"within": "2s"}} if "audit-silent" in faults else {}
            results = {name: self.line(name, **short.get(name, {})) for name in LINES}
        finally:
            self.erp.set_faults()
        return {name: one for name, one in results.items() if one.status is not Status.PASSED}

    def line(self, name: str, **more: str) -> Result:
        """One line, bound as the bundled checklist says."""
        item = loading.load(None).checklist.items[name]
        known = {"url": self.url, "access_file": str(ACCESS), "database_variable": "SHOP_DATABASE_URL"}
        known["access_secrets"] = "JOURNEY_PASSWORD, ERP_EXPIRED_TOKEN, ERP_API_KEY, ERP_REVOKED_API_KEY"
        given = {key: fill(value, known) for key, value in item.with_.items()} | LINES[name] | more
        capability = Catalog().get(item.check)
        bound = bind(capability.manifest.inputs, capability.hints, given)
        assert (bound.wrong, bound.missing, capability.faults(bound.values)) == ([], [], []), name
        result = guarded(lambda: capability.function(**bound.values))
        assert "the check itself broke" not in result.found, result
        assert self.erp.password not in str(result.as_json())
        return result


def fill(value: Any, known: dict[str, str]) -> Any:
    for name, text in known.items():
        value = value.replace(f"${{{name}}}", text) if isinstance(value, str) else value
    return value


@pytest.fixture(scope="module")
def standing() -> Iterator[tuple[Shop, dict[str, str]]]:
    key = secrets.token_hex(32)
    limits = {"LOGIN_RATE_LIMIT": "5", "LOGIN_RATE_WINDOW_SECONDS": "60", "WEBHOOK_ALLOW_PRIVATE": "true"}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dg-sec-")))
        settings = {**limits, "SECRET_KEY": key, "CORS_ORIGINS": "https://app.shop.example"}
        (folder / "cheap.py").write_text(CHEAP)
        running = stack.enter_context(erp.serving(folder, "cheap:create_app", **settings))
        receiver = stack.enter_context(site(lambda _: Reply(204)))
        url = stack.enter_context(tls_door(int(running.url.rpartition(":")[2]), folder))
        shop = Shop(running, url, "")
        who = {"email": "admin@erp.example", "password": running.password}
        token = shop.call("POST", "/api/auth/login", who)["access_token"]
        shop = Shop(running, url, token)
        hook = {"url": f"{receiver.url}/hook", "events": ["order.created"]}
        shop.call("POST", "/api/webhooks", hook)
        yield (
            shop,
            {**keys(shop), "ERP_EXPIRED_TOKEN": forgery.expired(token, key), "SSL_CERT_FILE": f"{folder}/ca.pem"},
        )


def keys(shop: Shop) -> dict[str, str]:
    good, old = (shop.call("POST", "/api/api-keys", {"name": name}) for name in ("gate", "old"))
    shop.call("DELETE", f"/api/api-keys/{old['id']}")
    return {"ERP_API_KEY": good["key"], "ERP_REVOKED_API_KEY": old["key"]}


@pytest.fixture
def shop(standing: tuple[Shop, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> Shop:
    found, environment = standing
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("JOURNEY_PASSWORD", found.erp.password)
    monkeypatch.setenv("SHOP_DATABASE_URL", found.erp.database.url("erp"))
    # A window of the limit passes at once, and no test waits for it.
    monkeypatch.setattr(Catalog().get("rate-limit").module.time, "sleep", lambda seconds: forget(found, seconds))
    return found


def forget(shop: Shop, seconds: float) -> None:
    """End the window of the limit on log-ins; a pause between two looks is only that."""
    if seconds <= MOMENT:
        PAUSE.wait(seconds)
        return
    port = int(shop.erp.redis.rpartition(":")[2].partition("/")[0])
    with socket.create_connection(("127.0.0.1", port), 20) as line:
        line.sendall(b"FLUSHALL\r\n")
        assert line.recv(64) == b"+OK\r\n"


def test_all_lines_are_green_and_each_fault_is_seen_by_its_own(shop: Shop) -> None:
    assert {name: one.found for name, one in shop.red().items()} == {}
    faults = [one for one in RED if one not in ALONE]
    found = shop.red(*faults)
    assert set(found) == {line for fault in faults for line in RED[fault]}, found
    assert {one.status for one in found.values()} == {Status.FAILED}, found
    assert all(one.fix for one in found.values())


@pytest.mark.parametrize("fault", RED)
def test_a_fault_turns_its_own_lines_red_and_no_other(shop: Shop, fault: str) -> None:
    found = shop.red(fault)
    assert set(found) == RED[fault], found
    # Who cannot log in cannot tell what comes after it.
    status = Status.ERROR if fault == "login-500" else Status.FAILED
    assert {one.status for one in found.values()} == {status}, found


def test_what_others_find_stays_green_here(shop: Shop) -> None:
    assert {name: one.found for name, one in shop.red(*OTHERS).items()} == {}


def test_nothing_is_left_behind_by_the_matrix(shop: Shop) -> None:
    before = shop.call("GET", "/api/webhooks")["total"]
    shop.erp.set_faults("rbac-hole")
    result = shop.line("rbac")
    shop.erp.set_faults()
    assert result.status is Status.FAILED
    assert "was answered" in result.found
    assert shop.call("GET", "/api/webhooks")["total"] == before


def test_a_health_document_that_lies_is_found_out(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.erp.set_faults("health-lies")
    monkeypatch.setenv("SHOP_DATABASE_URL", "postgresql://127.0.0.1:1/erp")
    result = shop.line("database")
    shop.erp.set_faults()
    assert result.status is Status.FAILED
    assert "database is up by the health document, but SHOP_DATABASE_URL" in result.found
