"""A whole phase of the checklist on the real ERP behind nginx: all well, and for each fault exactly its lines red."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import declared
import pytest
import yaml
from erp_world import Shop, serving
from slots.world import NEW
from support import ROOT, Repository
from walks import walk

from deploy_gate.result import Status

pytestmark = pytest.mark.long
EXAMPLE = ROOT / "examples" / "erp"
NOT_HERE = "this machine has none"
# What these lines look at is proven by tests of their own: GitHub, other products, fail2ban, the watch's record.
AWAY = ("workflow-progress", "neurolink", "consumer", "all-healthy", "intrusion", "zoho")
# How busy a machine is that runs tests says nothing of the ERP.
BUSY = ("cpu", "memory", "disk-io")
PATIENT = {"target": "20s", "warning": "25s", "critical": "30s"}
# So many that 0.2 % of errors can be told from 0.1 %, and 0 from both.
REQUESTS = 6100
# Of fewer, 0 is told from 0.1 % with a warning: where the share of errors is not the question, or a plain one.
FEW = 1100
FINE = ((), ("errors-0.2-percent",), ("webhook-failing",))
# The pool that the leak fills, with room for the lines that look at other things meanwhile.
POOL = 60
LOG_IN = {"email": "admin@erp.example", "password": "x"}
# Requests that a fault meets before the phase begins.
BEFORE: dict[str, list[tuple[str, str, Any]]] = {
    "connection-leak": [("GET", "/api/products", None)] * POOL,
    "log-tracebacks": [("GET", "/api/products", None)],
    "login-500": [("POST", "/api/auth/login", LOG_IN)],
}


@pytest.fixture(scope="module")
def server() -> Iterator[Shop]:
    with serving() as found:
        yield found


@pytest.fixture(scope="module")
def shop(server: Shop, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """The consumer's repository."""
    folder = tmp_path_factory.mktemp("shop")
    shop = Repository(folder)
    shutil.copytree(EXAMPLE / "journeys", folder / "journeys")
    shutil.copy(EXAMPLE / "access.yml", folder)
    shop.write("checklist.yml", yaml.safe_dump(checklist(server)))
    shop.commit()
    return shop


def checklist(server: Shop) -> dict[str, Any]:
    """Everything that can be measured here."""
    environment = {
        "url": server.url,
        "host": server.door.host,
        "slots_config": str(server.host.config),
        "database_variable": "SHOP_DATABASE_URL",
        "redis_variable": "SHOP_REDIS_URL",
        "journeys": "journeys",
        "access_file": "access.yml",
        "access_secrets": "JOURNEY_PASSWORD, ERP_EXPIRED_TOKEN, ERP_API_KEY, ERP_REVOKED_API_KEY",
        "tds_url": f"{server.url}/tds",
    }
    limited = {"path": "/api/auth/login", "method": "POST", "within": 20}
    limited["body"] = '{"email": "{random}@probe.example", "password": "not the password"}'
    given: dict[str, dict[str, Any]] = {
        "db-pool": {"pool": POOL},
        "cache": {"apart": "1s", "min-lookups": 1_000_000},
        "headers": {"paths": "/health/live, /api/products"},
        "cors": {"path": "/api/auth/me", "allowed": "https://app.shop.example"},
        "production-debug": {"error-paths": "/api/products?page=1&size=1"},
        "rate-limit": limited,
        "tls-live": {"host": server.url, "min-days": 1, "ca-file": server.secrets["SSL_CERT_FILE"]},
        # An idle slot has no certificate: the address of its port is none that these lines could take.
        "tls": {"host": server.url},
        "cert-30": {"host": server.url},
        "audit": {"within": "20s"},
        "public": {"url": f"{server.url}/tds"},
        "p95": {"limit": "30s"},
    }
    items: dict[str, Any] = {name: {"with": values} for name, values in given.items()}
    items |= {name: {"not-applicable": NOT_HERE} for name in (*AWAY, *BUSY)}
    preview = environment | {"slot_url": f"http://127.0.0.1:{server.host.ports['green']}"}
    environments = {"production": environment, "preview": preview}
    rows = {"response-times": {"rows": dict.fromkeys(("health", "read", "write", "search"), PATIENT)}}
    # Through JSON, so that no value is shared: YAML would write an anchor, and the gate refuses those.
    whole = {"version": 1, "extends": "default", "environments": environments, "items": items, "thresholds": rows}
    found: dict[str, Any] = json.loads(json.dumps(whole))
    return found


def gate(
    server: Shop, shop: Repository, folder: Path, phase: str = "verify", environment: str = "production"
) -> dict[str, Any]:
    """Run one phase as a step would; status and words of each line that was looked at."""
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | server.secrets
    env |= {key: value for key, value in os.environ.items() if key.startswith(("PIP_", "XDG_", "UV_"))}
    argv = [sys.executable, "-I", str(ROOT / "scripts"), "gate", "--phase", phase, "--environment", environment]
    argv += ["--report", str(folder)]
    done = subprocess.run(argv, cwd=shop.path, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in (0, 1, 3), done.stderr
    report = json.loads((folder / "report.json").read_text())
    return {one["id"]: one for one in report["items"] if one["status"] not in ("skipped", "pending")}


def red(found: dict[str, Any]) -> dict[str, str]:
    return {name: one["found"] for name, one in found.items() if one["status"] not in ("passed", "warned")}


def test_all_is_well(server: Shop, shop: Repository, tmp_path: Path) -> None:
    server.forget()
    found = gate(server, shop, tmp_path)
    assert red(found) == {}
    named = {name for items in declared.faults("erp").values() for name in items}
    assert named <= set(found), "a fault cannot turn a line red that nobody looked at"


def leaked(server: Shop) -> int:
    query = "select count(*) from pg_stat_activity where datname = 'erp'"
    return int(server.erp.database.run("psql", "-Atc", query, database="erp").out)


@contextmanager
def switched(server: Shop, fault: str) -> Iterator[None]:
    """A fault is on, and has been for a while: what leaves a trace has left one."""
    server.set_faults(fault)
    try:
        for method, path, body in BEFORE.get(fault, []):
            with suppress(HTTPError):
                server.call(method, path, body)
        if fault == "order-500":
            walk(EXAMPLE / "journeys" / "order.yml", server.url)
        yield
    finally:
        server.set_faults()
        # The next request closes what was left open, and a server's process ends a moment after its client has gone.
        server.call("GET", "/api/products")
        ends = time.monotonic() + 60
        while leaked(server) > POOL / 2 and time.monotonic() < ends:
            time.sleep(0.05)


@pytest.mark.parametrize("fault", declared.faults("erp"))
def test_a_fault_turns_exactly_its_lines_red(
    server: Shop, shop: Repository, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.secrets.items():
        monkeypatch.setenv(name, value)
    server.forget()
    with switched(server, fault):
        found = gate(server, shop, tmp_path)
    seen = red(found)
    assert set(seen) == set(declared.faults("erp")[fault]), seen
    assert all(found[name]["fix"] for name in seen)


# What is cut off, and the switch that is on with it.
OUTAGES = {
    "redis-gone": ("redis", ()),
    "redis-gone-and-health-lies": ("redis", ("health-lies",)),
    "database-gone": ("database", ()),
}


def recovered(server: Shop) -> bool:
    """Wait until it takes orders and sends news of them again."""
    ends = time.monotonic() + 120
    while walk(EXAMPLE / "journeys" / "notifications.yml", server.url).status is not Status.PASSED:
        if time.monotonic() > ends:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.parametrize("fault", declared.faults("erp-outages"))
def test_what_is_gone_turns_exactly_its_lines_red(
    server: Shop, shop: Repository, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.secrets.items():
        monkeypatch.setenv(name, value)
    what, switches = OUTAGES[fault]
    server.forget()
    server.set_faults(*switches)
    try:
        with server.cables[what].cut():
            found = gate(server, shop, tmp_path)
    finally:
        server.set_faults()
        back = recovered(server)
    assert back, "the ERP has not come back"
    seen = red(found)
    assert set(seen) == set(declared.faults("erp-outages")[fault]), seen
    assert all(found[name]["fix"] for name in seen)
    server.forget()
    assert red(gate(server, shop, tmp_path)) == {}, "nothing of it is left"


# At once, since none of them hides another.
BEFORE_THE_SWITCH = ("docs-missing", "stock-unchanged", "rbac-hole", "api-key-ignored", "env-served", "header-missing")


def test_the_idle_slot_shows_them_before_the_switch(server: Shop, shop: Repository, tmp_path: Path) -> None:
    server.host.good("prepare", NEW)
    try:
        well = gate(server, shop, tmp_path, "idle-slot", "preview")
        server.set_faults(*BEFORE_THE_SWITCH)
        found = gate(server, shop, tmp_path, "idle-slot", "preview")
    finally:
        server.set_faults()
        server.host.reset()
    assert red(well) == {}
    named = {line for fault in BEFORE_THE_SWITCH for line in declared.faults("erp")[fault]}
    seen = red(found)
    assert set(seen) == named & set(well), seen
    assert named - set(well) == {"headers"}, "a line that only `verify` has is not looked at"


def requests(server: Shop, count: int) -> None:
    """As users send them: without a mark."""

    def some(number: int) -> None:
        line = HTTPConnection("127.0.0.1", server.host.front, timeout=60)
        for _ in range(number):
            line.request("GET", "/api/products?size=1")
            line.getresponse().read()
        line.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(some, [count // 4] * 4))


def monitored(server: Shop, shop: Repository, folder: Path, *faults: str) -> dict[str, Any]:
    """The phase `monitor`, of a release that has just got the traffic."""
    server.host.reset()
    for words in (["prepare", NEW], ["switch", NEW, "--confirm-within", "300"], ["confirm", NEW]):
        server.host.good(*words)
    server.deliver()
    server.set_faults(*faults)
    try:
        if "webhook-failing" in faults:
            server.deliver()
        requests(server, REQUESTS if faults in FINE else FEW)
        return gate(server, shop, folder, "monitor")
    finally:
        server.set_faults()


@pytest.mark.parametrize("fault", ["", *declared.faults("erp-traffic")])
def test_a_fault_that_only_counting_shows(server: Shop, shop: Repository, fault: str, tmp_path: Path) -> None:
    found = monitored(server, shop, tmp_path, *filter(None, [fault]))
    assert set(found) == {"p95", "errors", "webhooks", "db-connections"}
    seen = red(found)
    assert set(seen) == set(declared.faults("erp-traffic").get(fault, [])), seen
