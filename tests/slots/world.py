"""A host on loopback: a real nginx of its own, two slots that are plain processes, and the host program."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy_gate.workbench import packages
from deploy_gate.workbench.server import running
from host import slots
from host.boot import restore
from host.config import parse
from host.machine import Machine
from host.releases import receive
from host.settings import Settings
from host.setup import initialise
from host.state import Slot, State
from host.status import status
from host.steps import dangling
from host.traffic import log_format

HERE = Path(__file__).resolve().parent
# What is waited for comes, on a loaded machine too; where a test waits for something that does not, it says so itself.
PATIENT: dict[str, Any] = {
    "limits": {"start": 20, "ready": 10, "lock": 20},
    "front": {"seconds": 10},
    "health": {"timeout": 2},
}
OLD, NEW, THIRD = "a" * 40, "b" * 40, "c" * 40


@dataclass
class Answer:
    """What a command said, as its JSON."""

    code: int
    data: dict[str, Any]

    @property
    def what(self) -> str:
        """What happened, of an error."""
        return str(self.data.get("trouble", {}).get("what", ""))

    @property
    def said(self) -> str:
        """Everything it said, errors too."""
        return "\n".join([*self.data.get("said", []), *self.data.get("trouble", {}).values()])


@dataclass
class World:
    """One host; each command is a process of its own, as over SSH."""

    work: Path
    nginx: Path
    front: int
    ports: dict[str, int]
    changes: dict[str, Any] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    program: Path = HERE / "entry.py"  # its modules are compiled once, those of the zipapp at every start

    @property
    def home(self) -> Path:
        return self.work / "home"

    @property
    def config(self) -> Path:
        return self.work / "slots.json"

    @property
    def settings(self) -> Settings:
        wrong: list[str] = []
        found = parse(self.config.read_text(), wrong)
        assert found is not None, wrong
        assert not wrong, wrong
        return found

    @property
    def machine(self) -> Machine:
        """The host for calls within this process."""
        return Machine(self.settings, who="test")

    def configure(self, **changes: Any) -> None:
        """Write the configuration; `changes` are laid over its sections."""
        run = [sys.executable, "-I"]
        data: dict[str, Any] = {
            "application": "shop",
            "home": str(self.home),
            "slots": self.ports,
            "commands": {
                "start": [*run, str(HERE / "app.py"), "start", str(self.work), "{slot}", "{port}", "{release}"],
                "stop": [*run, str(HERE / "stop.py"), str(self.work), "{slot}"],
                "migrate": ["true"],
                "digests": ["sh", "-c", "echo backend $IMAGE_BACKEND"],
            },
            "front": {"url": f"http://127.0.0.1:{self.front}/health", "seconds": 2},
            "nginx": {
                "command": [str(self.nginx), "-p", str(self.work), "-c", str(self.work / "nginx.conf")],
                "snippets": str(self.work / "snippets"),
                "flags": str(self.work / "flags"),
                "pid": str(self.work / "nginx.pid"),
            },
            "access": {"log": str(self.work / "access.log")},
            "limits": {"start": 2, "ready": 1, "stop": 20, "lock": 5, "drain": 0.1, "drain-most": 2},
            # One that a test stops is no dead one.
            "guard": {"interval": 0.1, "guard-for": 60, "beat": 60, "sample": 0},
            "needs": {"disk-mb": 1},
        }
        for section, values in [*self.changes.items(), *changes.items()]:
            data[section] = {**data.get(section, {}), **values} if isinstance(values, Mapping) else values
        self.config.write_text(json.dumps(data))

    def run(self, *words: str, die_at: str = "", passed: Path | None = None, timeout: float = 120) -> Answer:
        """Run a command to its end."""
        with self.popen(*words, die_at=die_at, passed=passed) as child:
            try:
                return self.read(*child.communicate(timeout=timeout))
            finally:
                child.kill()

    def popen(self, *words: str, die_at: str = "", passed: Path | None = None) -> subprocess.Popen[bytes]:
        """Start a command."""
        env = {
            "PATH": os.environ["PATH"],
            **self.env,
            "SLOTS_TEST_DIE_AT": die_at,
            "SLOTS_TEST_PASSED": str(passed or ""),
        }
        argv = [sys.executable, "-I", str(self.program), "--config", str(self.config), *words, "--json"]
        return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=env)

    def read(self, out: bytes, err: bytes) -> Answer:
        """The answer of a command that ended; -9 when it was killed."""
        assert b"Traceback" not in err, err.decode()
        if not out.strip():
            assert not err, err.decode()
            return Answer(-9, {})
        data = json.loads(out)
        return Answer(data["exit"], data)

    def good(self, *words: str) -> dict[str, Any]:
        """Run a command that must succeed."""
        answer = self.run(*words)
        assert answer.code == 0, answer.data
        return answer.data

    def fault(self, release: str, /, **faults: Any) -> None:
        """Let a release do something wrong from now on (nothing: be well again)."""
        path = self.work / "faults" / f"{release}.json"
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps(faults))
        beside.replace(path)

    def receive(self, *releases: str, **more: Any) -> None:
        """Put manifests on the host."""
        for release in releases:
            receive(self.machine, json.dumps({"release": release, **more}))

    def live(self, release: str, slot: str) -> None:
        """Assert that everything agrees on what is live, and that nothing is left over.

        A guard that was just started has not beaten yet, and a worker of before a reload answers a moment longer:
        what passes by itself is waited for, what stays is the failure.
        """
        expected: dict[str, Any] = {"findings": [], "release": release, "live": slot, "front": slot, "step": None}
        until = time.monotonic() + 60
        while (seen := self._standing()) != expected and time.monotonic() < until:
            select.select([], [], [], 0.1)
        assert seen == expected, seen
        machine = self.machine
        number, digest = machine.load().head
        faults = machine.journal.faults(int(number), str(digest))
        assert faults == [], faults

    def _standing(self) -> dict[str, Any]:
        """What `slots status` tells, asked without a process: after every test, and often in a row."""
        told = status(self.machine)
        return {**{key: told[key] for key in ("findings", "release", "live", "step")}, "front": told["front"]["slot"]}

    def reset(self) -> None:
        """OLD live in blue and nothing else, whatever a test before left."""
        self.configure(**self.changes)
        for release in (OLD, NEW, THIRD):
            self.fault(release)
        machine = self.machine
        # As long as a command may take that lost its caller in the test before: it proves 200 times, or waits for a start.
        with machine.work.taken(150), machine.lock.taken(150):
            slots.stop(machine, "green", NEW)
            machine.pointer.point("blue")
            state = State(
                "blue", {"blue": Slot(OLD, running=True, since=machine.clock.stamp()), "green": Slot()}, known=[OLD]
            )
            state.snippets = machine.load().snippets
            machine.save(state)
        for entry in dangling(machine, machine.load()):
            machine.log("undone", of=entry[0], step=entry[1])
        if slots.trouble(machine, "blue", OLD, ready=False):
            slots.stop(machine, "blue", OLD)
            restore(machine)
        assert not slots.wait(machine, "blue", OLD, 30).trouble

    def app_pid(self, slot: str) -> int:
        """The process of a slot's application."""
        return int((self.work / f"{slot}.pid").read_text())

    def kill_app(self, slot: str) -> None:
        """`kill -9` of a slot."""
        os.kill(self.app_pid(slot), signal.SIGKILL)


@contextmanager
def world(work: Path, **changes: Any) -> Iterator[World]:
    """A host with OLD live in blue and a guard, NEW and THIRD received; everything is ended afterwards."""
    nginx = packages.ensure("nginx")
    here = World(work, nginx, lasting_port(), {"blue": lasting_port(), "green": lasting_port()}, changes)
    (work / "faults").mkdir()
    (work / "owner").write_text(str(os.getpid()))
    here.configure(**changes)
    try:
        initialise(here.machine, "blue", OLD)
        write_nginx(here)
        restore(here.machine)
        with running([*here.settings.nginx.command, "-g", "daemon off;"], "start worker process"):
            here.receive(OLD, NEW, THIRD)
            here.good("guard", "start")
            yield here
    finally:
        end(here)


def lasting_port() -> int:
    """A free port that no outgoing connection takes while its slot is stopped: below the range the kernel takes them from."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(lowest - 12_000, lowest)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def write_nginx(here: World) -> None:
    """The site as a user writes it, with the snippets included where `slots nginx show` says."""
    # nginx's workers look for the flag in here.
    here.work.chmod(0o755)
    user = "user nobody nogroup;" if os.geteuid() == 0 else ""
    temp = "".join(f"{name}_temp_path {here.work}/tmp-{name};" for name in ("client_body", "proxy"))
    (here.work / "nginx.conf").write_text(f"""
{user} worker_processes 2; pid {here.work}/nginx.pid; error_log stderr notice;
events {{ worker_connections 1024; }}
http {{
  access_log off; {temp} fastcgi_temp_path {here.work}/tmp-f; uwsgi_temp_path {here.work}/tmp-u;
  scgi_temp_path {here.work}/tmp-s;
  include {here.work}/snippets/http.conf;
  {log_format("shop")}
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  server {{
    listen 127.0.0.1:{here.front}; server_name shop.example;
    include snippets/server.conf;
    access_log {here.work}/access.log shop_slots;
    location / {{
      proxy_pass http://$shop_upstream; proxy_http_version 1.1; proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
    }}
  }}
}}
""")


def end(here: World) -> None:
    """Nothing of ours stays: guard first, so that it starts nothing again."""
    if (here.home / "state.json").exists():
        here.run("guard", "stop")
    for slot in here.ports:
        with suppress(OSError, ValueError):
            here.kill_app(slot)
