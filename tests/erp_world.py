"""One server on loopback with the real ERP in two slots: PostgreSQL, Redis, nginx, TLS before it, sshd, the guard."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cables import Cable, cable
from fleet import NEW, OLD, PATIENT, Fleet
from sites import Reply, site
from slots import world as slots_world
from slots.world import World
from tls_doors import tls_door

from deploy_gate.facts import forgery
from deploy_gate.workbench import erp, services
from deploy_gate.workbench.erp import Erp
from deploy_gate.workbench.sshd import Sshd, sshd

HERE = Path(slots_world.__file__).parent
PEOPLE = 10
SETTINGS = {
    "LOGIN_RATE_LIMIT": "5",
    "LOGIN_RATE_WINDOW_SECONDS": "3",
    "WEBHOOK_ALLOW_PRIVATE": "true",
    "CORS_ORIGINS": "https://app.shop.example",
}
UNHURRIED = {"LOGIN_RATE_LIMIT": "1000", "LIST_TAKES": "0.4"}
"""For a watch: journeys log in every other second, and so long a list tells a ratio of times from a busy machine's."""


@dataclass(frozen=True)
class Shop:
    """`url` is the public address, `secrets` what a consumer keeps as secrets, by the names that items use.

    `cables` are the ways to the `database` and to `redis`, for the application and for whoever looks at them.
    """

    erp: Erp
    servers: Fleet
    url: str
    secrets: dict[str, str]
    cables: dict[str, Cable]

    @property
    def host(self) -> World:
        return self.servers.hosts[0]

    @property
    def door(self) -> Sshd:
        return self.servers.doors[0]

    @property
    def front(self) -> str:
        """The front door without TLS."""
        return f"http://127.0.0.1:{self.host.front}"

    @property
    def password(self) -> str:
        """Of every seeded account."""
        return self.erp.password

    def break_(self, release: str, *switches: str, **faults: Any) -> None:
        """Let a release be bad: by the ERP's own switches, and by what is done around it."""
        path = self.host.work / "faults" / f"{release}.txt"
        path.with_suffix(".fresh").write_text(",".join(switches))
        path.with_suffix(".fresh").replace(path)
        self.host.fault(release, **faults)

    def set_faults(self, *switches: str) -> None:
        """Let exactly these switches be on, whichever slot answers."""
        for release in (OLD, NEW):
            self.break_(release, *switches)

    def put_live(self, release: str) -> None:
        """A release that was deployed and confirmed before."""
        self.host.receive(release)
        self.host.good("prepare", release)
        self.host.good("switch", release, "--confirm-within", "600")
        self.host.good("confirm", release)

    def answers(self) -> str:
        """The release that the front door's own health document names."""
        link = http.client.HTTPConnection("127.0.0.1", self.host.front, timeout=60)
        link.request("GET", "/health/live")
        found = json.loads(link.getresponse().read())["release"]
        link.close()
        return str(found)

    def call(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        """One request past TLS."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.front}{path}", data, method=method)
        request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def sign_in(self) -> str:
        """A token of the administrator."""
        who = {"email": "admin@erp.example", "password": self.password}
        return str(self.call("POST", "/api/auth/login", who)["access_token"])

    def deliver(self) -> None:
        """Have one webhook delivered, or not, as the present faults say."""
        sql = "truncate webhook_deliveries; insert into webhook_deliveries (id, webhook_id, event, payload, status, attempts,"
        sql += " created_at) select 1, max(id), 'order.created', '{}', 'pending', 0, now() from webhooks"
        self.erp.database.run("psql", "-qc", sql, database="erp")
        self.call("POST", "/api/webhooks/deliveries/1/retry", token=self.sign_in())

    def forget(self) -> None:
        """An empty log of both slots, and deliveries that all arrived."""
        for log in self.host.work.glob("*.log"):
            if log.name != "access.log":
                log.write_text("the log begins\n")
        self.erp.database.run("psql", "-qc", "truncate webhook_deliveries", database="erp")

    def reset(self) -> None:
        """OLD in blue, every release well, and no line of users in the log."""
        for fault in (self.host.work / "faults").iterdir():
            fault.unlink()
        self.servers.reset()
        log = self.host.work / "access.log"
        log.touch()
        os.truncate(log, 0)


@contextmanager
def serving(settings: dict[str, str] | None = None, **changes: Any) -> Iterator[Shop]:
    """All of it until the block is left, OLD live in blue; `settings` of the ERP, `changes` of the host program.

    Not below pytest's own folder: nginx's workers could not enter that.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dg-erp-")))
        folder.chmod(0o755)
        work, files = folder / "host", folder / "erp"
        for one in (work, files):
            one.mkdir()
        database = stack.enter_context(services.postgres(folder / "pg", connections=300))
        given = {**SETTINGS, **(settings or {}), "SECRET_KEY": secrets.token_hex(32)}
        shop, env = stack.enter_context(erp.prepared(database, files, **given))
        ports = {"database": database.port, "redis": int(shop.redis.rpartition(":")[2].partition("/")[0])}
        cables = {name: stack.enter_context(cable(port)) for name, port in ports.items()}
        for name, way in (("DATABASE_URL", "database"), ("REDIS_URL", "redis")):
            env[name] = cables[way].address(env[name])
        env |= {"PYTHONPATH": os.pathsep.join([str(HERE), env["PYTHONPATH"]]), "PATH": os.environ["PATH"]}
        told = {"python": str(erp.interpreter()), "environment": env}
        (work / "erp.json").write_text(json.dumps(told))
        (work / "erp.json").chmod(0o600)
        start = [sys.executable, "-I", str(HERE / "erp_slot.py"), str(work), "{slot}", "{port}", "{release}"]
        # All of it: what a test wants forgotten, it empties.
        logs = ["sh", "-c", 'cat "$2"', "x", "{since}", f"{work}/{{slot}}.log"]
        commands = {"start": start, "logs": logs}
        host = stack.enter_context(slots_world.world(work, **{**PATIENT, **changes, "commands": commands}))
        door = stack.enter_context(sshd(work / "ssh", SetEnv=f"HOME={work} SSL_CERT_FILE={folder}/ca.pem"))
        url = stack.enter_context(tls_door(host.front, folder))
        receiver = stack.enter_context(site(lambda _: Reply(204)))
        found = Shop(shop, Fleet([host], [door]), url, {}, cables)
        found.secrets.update(known(found, given["SECRET_KEY"]), SSL_CERT_FILE=f"{folder}/ca.pem")
        hook = {"url": f"{receiver.url}/hook", "events": ["order.created"]}
        found.call("POST", "/api/webhooks", hook, found.sign_in())
        yield found


def known(shop: Shop, key: str) -> dict[str, str]:
    """Passwords, keys and addresses, as a consumer has them."""
    token = shop.sign_in()
    good, old = (shop.call("POST", "/api/api-keys", {"name": name}, token) for name in ("gate", "old"))
    shop.call("DELETE", f"/api/api-keys/{old['id']}", token=token)
    return {
        "JOURNEY_PASSWORD": shop.password,
        "JOURNEY_CUSTOMER_PASSWORD": shop.password,
        "ERP_API_KEY": good["key"],
        "ERP_REVOKED_API_KEY": old["key"],
        "ERP_EXPIRED_TOKEN": forgery.expired(token, key),
        "SHOP_DATABASE_URL": shop.cables["database"].address(shop.erp.database.url("erp")),
        "SHOP_REDIS_URL": shop.cables["redis"].address(shop.erp.redis),
        "SSH_PRIVATE_KEY": shop.door.key,
        "SSH_KNOWN_HOSTS": shop.door.pins,
    }


@contextmanager
def people(port: int) -> Iterator[None]:
    """A few users who read the list of products, one request after the other, until the block is left."""
    over = threading.Event()

    def read() -> None:
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while not over.is_set():
            try:
                link.request("GET", "/api/products?size=1")
                link.getresponse().read()
            except (OSError, http.client.HTTPException):
                link.close()
                over.wait(0.1)
        link.close()

    crowd = [threading.Thread(target=read) for _ in range(PEOPLE)]
    for one in crowd:
        one.start()
    try:
        yield
    finally:
        over.set()
        for one in crowd:
            one.join()
