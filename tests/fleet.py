"""Servers on loopback for operations: each a host of `slots.world` behind an ssh server of its own."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from slots.world import NEW, OLD, World, world
from support import ROOT

from deploy_gate.result import CouldNotTell
from deploy_gate.workbench.sshd import Sshd, sshd

# A machine that is busy with other things is slow, not broken: a test of a limit sets its own.
PATIENT: dict[str, Any] = {
    "limits": {"start": 60, "ready": 60, "lock": 30},
    "front": {"seconds": 60},
    "health": {"timeout": 20},
}


@dataclass
class Told:
    """What an operation said: its exit code and its result."""

    code: int
    data: dict[str, Any]
    log: str

    @property
    def found(self) -> str:
        return str(self.data["found"])

    @property
    def lines(self) -> list[str]:
        return [str(one.get("message")) for one in self.data["evidence"]]


@dataclass
class Fleet:
    """Some servers, the first one's key in the environment of every operation."""

    hosts: list[World]
    doors: list[Sshd]
    patience: float = 300
    within: tuple[str, ...] = ()
    """Put before the command of an operation: where it runs."""

    @property
    def key(self) -> str:
        return self.doors[0].key

    def inputs(self, count: int = 1, **more: str) -> dict[str, str]:
        """What every operation wants to know, for the first `count` servers."""
        doors = self.doors[:count]
        login = {"host": "\n".join(one.host for one in doors), "host-keys": "".join(one.pins for one in doors)}
        return {**login, "config": "slots.json", **{name.replace("_", "-"): value for name, value in more.items()}}

    def popen(self, name: str, inputs: dict[str, str], **more: str) -> subprocess.Popen[str]:
        """Start an operation as a step would, in a process of its own; `more` are variables of its environment."""
        env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        env |= {"SSH_PRIVATE_KEY": self.key, "DEPLOY_GATE_INPUTS": json.dumps(inputs)}
        env |= {"GITHUB_TRIGGERING_ACTOR": "ada", "GITHUB_RUN_ID": "7"}
        env |= {key: value for key, value in os.environ.items() if key.startswith(("PIP_", "XDG_", "UV_"))}
        env |= more
        argv = [*self.within, sys.executable, "-I", str(ROOT / "scripts"), "do", name, "--json"]
        return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd="/")

    def read(self, child: subprocess.Popen[str], timeout: float = 300) -> Told:
        """Its end."""
        try:
            out, err = child.communicate(timeout=timeout)
        finally:
            child.kill()
            child.wait()
        assert "Traceback" not in err, err
        assert out.strip(), err
        return Told(child.returncode, json.loads(out), err)

    def do(self, name: str, count: int = 1, **more: str) -> Told:
        """Run an operation on the first `count` servers."""
        return self.read(self.popen(name, self.inputs(count, **more)), self.patience)

    def deploy(self, release: str = NEW, count: int = 1, **more: str) -> Told:
        """A deployment with a short watch."""
        return self.do("deploy", count, **{"release": release, "watch": "500ms", "confirm_within": "4m", **more})

    def live(self, *expected: tuple[str, str]) -> None:
        """Assert what is live where, that all agrees, and that every lease is free."""
        for host, (release, slot) in zip(self.hosts, expected, strict=False):
            host.live(release, slot)
            assert host.machine.load().lease is None

    def reset(self) -> None:
        """OLD in blue everywhere, and every release well: one of a git tree may be another test's too."""
        for host in self.hosts:
            for fault in (host.work / "faults").glob("*.json"):
                fault.unlink()
            host.reset()


@contextmanager
def fleet(count: int) -> Iterator[Fleet]:
    """So many servers; skipped, by name, where there is no nginx or sshd."""
    with ExitStack() as stack:
        try:
            # Not below pytest's own folder: nginx's workers could not enter that.
            folders = [Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slots-"))) for _ in range(count)]
            hosts = [stack.enter_context(world(folder, **PATIENT)) for folder in folders]
            doors: list[Sshd] = []
            for folder in folders:
                settings = f"HOME={folder} PATH={folder}/programs:/usr/local/bin:/usr/bin:/bin"
                doors.append(stack.enter_context(sshd(folder / "ssh", SetEnv=settings)))
                (folder / "ssh" / "authorized").write_text((folders[0] / "ssh" / "user_key.pub").read_text())
        except CouldNotTell as fault:
            pytest.skip(f"no servers: {fault.found}; {fault.fix}")
        yield Fleet(hosts, doors)


def let_pass(host: World, seconds: float) -> None:
    """So long is less left until a release that nobody confirmed is left."""
    machine = host.machine
    with machine.lock.taken(60):
        state = machine.load()
        assert state.watch is not None
        state.watch.deadline["boot"] -= seconds
        machine.save(state)


def wait_for(host: World, release: str, phase: str = "") -> None:
    """Until a release is live there (and watched so)."""
    machine = host.machine

    def is_so() -> bool:
        state = machine.load()
        return state.release() == release and (not phase or (state.watch is not None and state.watch.phase == phase))

    wait_until(is_so)


def wait_until(true: Callable[[], bool]) -> None:
    """Until something is so; bounded, by far more than it takes."""
    until = time.monotonic() + 120
    while not true():
        assert time.monotonic() < until
        select.select([], [], [], 0.02)


__all__ = ["NEW", "OLD", "PATIENT", "Fleet", "Told", "fleet", "let_pass", "wait_for", "wait_until"]
