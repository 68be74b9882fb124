"""A server with the real ERP in its slots: PostgreSQL, Redis, nginx and its flag, TLS before it, sshd beside it."""

from __future__ import annotations

import json
import secrets
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cables import Cable, cable
from fleet import PATIENT
from sites import Reply, site
from slots.world import World, world
from tls_doors import tls_door

from deploy_gate.facts import forgery
from deploy_gate.workbench import erp, services
from deploy_gate.workbench.erp import Erp
from deploy_gate.workbench.sshd import Sshd, sshd

HERE = Path(__file__).resolve().parent
# A password hash bears its own cost: cheap ones make log-ins cheap, and nothing else different.
CHEAP = """
from argon2 import PasswordHasher
from erp.app import create_app
from erp.services import passwords
passwords.hasher = lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""
SETTINGS = {
    "LOGIN_RATE_LIMIT": "5",
    "LOGIN_RATE_WINDOW_SECONDS": "3",
    "WEBHOOK_ALLOW_PRIVATE": "true",
    "CORS_ORIGINS": "https://app.shop.example",
}


@dataclass(frozen=True)
class ErpServer:
    """`url` is the public address, `secrets` what a consumer keeps as secrets, by the names that items use.

    `cables` are the ways to the `database` and to `redis`, for the application and for whoever looks at them.
    """

    erp: Erp
    host: World
    door: Sshd
    url: str
    secrets: dict[str, str]
    cables: dict[str, Cable]

    def call(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        """One request past TLS."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"http://127.0.0.1:{self.host.front}{path}", data, method=method)
        request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def deliver(self) -> None:
        """Have one webhook delivered, or not, as the present faults say."""
        sql = "truncate webhook_deliveries; insert into webhook_deliveries (id, webhook_id, event, payload, status, attempts,"
        sql += " created_at) select 1, max(id), 'order.created', '{}', 'pending', 0, now() from webhooks"
        self.erp.database.run("psql", "-qc", sql, database="erp")
        self.call("POST", "/api/webhooks/deliveries/1/retry", token=sign_in(self))

    def forget(self) -> None:
        """An empty log of both slots, and deliveries that all arrived."""
        for log in self.host.work.glob("*.log"):
            if log.name != "access.log":
                log.write_text("the log begins\n")
        self.erp.database.run("psql", "-qc", "truncate webhook_deliveries", database="erp")


@contextmanager
def erp_server(connections: int = 300) -> Iterator[ErpServer]:
    """OLD of it live in blue."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dg-erp-")))
        work = folder / "host"
        work.mkdir()
        database = stack.enter_context(services.postgres(folder / "pg", connections=connections))
        key = secrets.token_hex(32)
        settings = {**SETTINGS, "SECRET_KEY": key}
        files = folder / "erp"
        files.mkdir()
        (files / "cheap.py").write_text(CHEAP)
        shop, env = stack.enter_context(erp.prepared(database, files, **settings))
        ports = {"database": database.port, "redis": int(shop.redis.rpartition(":")[2].partition("/")[0])}
        cables = {name: stack.enter_context(cable(port)) for name, port in ports.items()}
        ways = {
            name: cables[name.partition("_")[0].lower()].address(env[name]) for name in ("DATABASE_URL", "REDIS_URL")
        }
        (work / "erp.json").write_text(json.dumps(env | ways))
        start = [str(erp.interpreter()), str(HERE / "erp_slot.py"), str(work), "{slot}", "{port}", "{release}"]
        # All of it: what a test wants forgotten, it empties.
        commands = {"start": start, "logs": ["sh", "-c", 'cat "$0.log"', f"{work}/{{slot}}", "{since}"]}
        host = stack.enter_context(world(work, **PATIENT, commands=commands))
        door = stack.enter_context(sshd(work / "ssh", SetEnv=f"HOME={work} SSL_CERT_FILE={folder}/ca.pem"))
        url = stack.enter_context(tls_door(host.front, folder))
        receiver = stack.enter_context(site(lambda _: Reply(204)))
        found = ErpServer(shop, host, door, url, {}, cables)
        found.secrets.update(known(found, key), SSL_CERT_FILE=f"{folder}/ca.pem")
        token = sign_in(found)
        hook = {"url": f"{receiver.url}/hook", "events": ["order.created"]}
        found.call("POST", "/api/webhooks", hook, token)
        yield found


def sign_in(server: ErpServer) -> str:
    """A token of the administrator."""
    who = {"email": "admin@erp.example", "password": server.erp.password}
    return str(server.call("POST", "/api/auth/login", who)["access_token"])


def known(server: ErpServer, key: str) -> dict[str, str]:
    """Passwords, keys and addresses, as a consumer has them."""
    token = sign_in(server)
    good, old = (server.call("POST", "/api/api-keys", {"name": name}, token) for name in ("gate", "old"))
    server.call("DELETE", f"/api/api-keys/{old['id']}", token=token)
    return {
        "JOURNEY_PASSWORD": server.erp.password,
        "JOURNEY_CUSTOMER_PASSWORD": server.erp.password,
        "ERP_API_KEY": good["key"],
        "ERP_REVOKED_API_KEY": old["key"],
        "ERP_EXPIRED_TOKEN": forgery.expired(token, key),
        "SHOP_DATABASE_URL": server.cables["database"].address(server.erp.database.url("erp")),
        "SHOP_REDIS_URL": server.cables["redis"].address(server.erp.redis),
        "SSH_PRIVATE_KEY": server.door.key,
        "SSH_KNOWN_HOSTS": server.door.pins,
    }
