"""One server on loopback that runs the example ERP in two slots, under traffic: PostgreSQL, Redis, nginx, sshd, guard."""

from __future__ import annotations

import http.client
import json
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet import PATIENT, Fleet
from slots import world as slots_world
from slots.world import World

from deploy_gate.workbench import erp
from deploy_gate.workbench.shop import EXAMPLE
from deploy_gate.workbench.sshd import sshd

HERE = Path(slots_world.__file__).parent
PEOPLE = 10


@dataclass
class Shop:
    """The server, and the password of the ERP's seeded accounts."""

    servers: Fleet
    password: str

    @property
    def host(self) -> World:
        return self.servers.hosts[0]

    @property
    def front(self) -> str:
        return f"http://127.0.0.1:{self.host.front}"

    def break_(self, release: str, *switches: str, **faults: Any) -> None:
        """Let a release be bad: by the ERP's own switches, and by what is done around it."""
        (self.host.work / "faults" / f"{release}.txt").write_text(",".join(switches))
        self.host.fault(release, **faults)

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

    def reset(self) -> None:
        for fault in (self.host.work / "faults").iterdir():
            fault.unlink()
        self.servers.reset()
        log = self.host.work / "access.log"
        log.touch()
        os.truncate(log, 0)


@contextmanager
def serving(**changes: Any) -> Iterator[Shop]:
    """All of it until the block is left. Not below pytest's own folder: nginx's workers could not enter that."""
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slots-")))
        found = stack.enter_context(erp.serving(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="erp-")))))
        path = os.pathsep.join([str(HERE), str(EXAMPLE)])
        env = {"DATABASE_URL": found.database.url("erp", "psycopg"), "REDIS_URL": found.redis, "ENVIRONMENT": "test"}
        env |= {"SECRET_KEY": "k" * 64, "LOGIN_RATE_LIMIT": "1000", "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        env |= {"PATH": os.environ["PATH"]}
        told = {"python": str(erp.interpreter()), "environment": env}
        (work / "erp.json").write_text(json.dumps(told))
        (work / "erp.json").chmod(0o600)
        start = [sys.executable, "-I", str(HERE / "erp_slot.py"), str(work), "{slot}", "{port}", "{release}"]
        logs = ["sh", "-c", 'cat "$2"', "x", "{since}", f"{work}/{{slot}}.log"]
        given = {**PATIENT, **changes, "commands": {"start": start, "logs": logs}}
        host = stack.enter_context(slots_world.world(work, **given))
        door = stack.enter_context(sshd(work / "ssh", SetEnv=f"HOME={work}"))
        yield Shop(Fleet([host], [door]), found.password)


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
