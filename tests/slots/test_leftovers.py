"""What a killed command had started itself: it is ended before its step is undone, however it hides."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from slots.test_crash import no_guard
from slots.test_rollback import wait_for_step
from slots.test_switch import deploy
from slots.world import HERE, NEW, OLD, THIRD, World

from host import slots
from host.clock import Clock
from host.heal import pending
from host.leftovers import VARIABLE, end_marked
from host.processes import is_alive

PROCESS = "import sys; print('up', flush=True); sys.stdin.read()"


def until(found: Callable[[], object]) -> None:
    """Wait for a condition."""
    end = time.monotonic() + 30
    while not found():
        assert time.monotonic() < end
        time.sleep(0.02)


def identity(number: int) -> str:
    """As `is_alive` wants it."""
    started = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[19]
    return f"{Clock().boot_id()}:{number}:{started}"


@dataclass
class Late:
    """THIRD starts by a grandchild that takes the port when it is told to."""

    host: World
    seen: str = ""

    def begin(self, how: str, last: str = "wait") -> None:
        """Configure it; `last` is what the start command does when the grandchild waits."""
        work = self.host.work
        os.mkfifo(work / "go")
        app = f"{sys.executable} -I {HERE}/app.py start {work}"
        wait = f"echo $$ >{work}/late.new; mv {work}/late.new {work}/late; read x <{work}/go"
        begin = f"{how} sh -c '{wait}; exec {app} $0 $1 $2' $1 $2 $3 & {last}"
        script = f'case $3 in {THIRD}) {begin};; *) exec {app} "$@";; esac'
        self.host.configure(commands={"start": ["sh", "-c", script, "start", "{slot}", "{port}", "{release}"]})

    def waits(self) -> str:
        """As soon as the grandchild is there: its identity."""
        until((self.host.work / "late").exists)
        self.seen = identity(int((self.host.work / "late").read_text()))
        return self.seen

    def gone(self) -> None:
        """It is ended, and the release of before is still in its slot."""
        until(lambda: not is_alive(self.seen, Clock()))
        assert not slots.trouble(self.host.machine, "blue", OLD, ready=False)


@pytest.fixture
def late(host: World) -> Iterator[Late]:
    """Nothing of it stays, whatever the test found."""
    found = Late(host)
    try:
        yield found
    finally:
        if is_alive(found.seen, Clock()):
            os.kill(int(found.seen.split(":")[1]), signal.SIGKILL)
        for name in ("late", "go"):
            (host.work / name).unlink(missing_ok=True)


@pytest.mark.parametrize(
    "how",
    [
        pytest.param("", id="in its group", marks=pytest.mark.long),
        pytest.param("setsid", id="in a session of its own"),
    ],
)
def test_a_grandchild_of_a_killed_start_takes_no_slot_over(host: World, late: Late, how: str) -> None:
    deploy(host, NEW)
    late.begin(how)
    with no_guard(host):
        preparing = host.popen("prepare", THIRD)
        grandchild = late.waits()
        preparing.kill()
        preparing.communicate(timeout=60)
        assert is_alive(grandchild, Clock()), "the fault is there"
        host.good("guard", "restore")
        late.gone()
    host.live(NEW, "green")
    assert host.good("status")["rollback"]["kind"] == "warm"


@pytest.mark.long
def test_the_guard_ends_it_too(host: World, late: Late) -> None:
    deploy(host, NEW)
    late.begin("")
    preparing = host.popen("prepare", THIRD)
    late.waits()
    preparing.kill()
    preparing.communicate(timeout=60)
    machine = host.machine
    until(lambda: not pending(machine, machine.load()) and machine.work.is_free())
    late.gone()
    host.live(NEW, "green")


def test_a_rollback_ends_it_with_the_preparation(host: World, late: Late) -> None:
    deploy(host, NEW)
    late.begin("setsid")
    preparing = host.popen("prepare", THIRD)
    late.waits()
    wait_for_step(host, "start")
    host.good("rollback", "--from", NEW, "--by", "ada")
    late.gone()
    preparing.communicate(timeout=60)
    host.live(OLD, "blue")


@pytest.mark.long
def test_a_start_that_fails_leaves_nothing_either(host: World, late: Late) -> None:
    deploy(host, NEW)
    late.begin("setsid", f"while [ ! -e {host.work}/late ]; do :; done; exit 1")
    assert host.run("prepare", THIRD).code == 1
    late.waits()
    late.gone()
    host.live(NEW, "green")


def test_a_cold_rollback_that_was_done_but_not_written_cuts_nobody_off(host: World) -> None:
    deploy(host, NEW)
    host.good("stop")
    with no_guard(host):
        assert host.run("rollback", "--from", NEW, die_at="cold-rollback.acted").code == -9
        before = host.app_pid("blue")
        host.good("guard", "restore")
    assert host.app_pid("blue") == before
    host.live(OLD, "blue")


def test_only_what_carries_the_mark_is_ended() -> None:
    environment = {"PATH": os.environ["PATH"], VARIABLE: "ours"}
    argv = [sys.executable, "-c", PROCESS]
    wanted = {"ours": -signal.SIGKILL, "oursandmore": 0, "theirs": 0, "": 0}
    children = {}
    for mark in wanted:
        env = {**environment, VARIABLE: mark}
        children[mark] = subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert children[mark].stdout is not None
        assert children[mark].stdout.readline() == b"up\n"  # type: ignore[union-attr]
    assert end_marked("ours") == []
    assert end_marked("") == []
    for mark, child in children.items():
        child.communicate(timeout=60)
        assert child.returncode == wanted[mark], mark


def test_what_changed_its_environment_is_ended_with_its_session() -> None:
    script = "env -i sleep 60 & echo $!; wait"
    env = {"PATH": os.environ["PATH"], VARIABLE: "hidden"}
    child = subprocess.Popen(["sh", "-c", script], env=env, stdout=subprocess.PIPE, start_new_session=True)
    assert child.stdout is not None
    hidden = identity(int(child.stdout.readline()))
    assert end_marked("hidden") == []
    until(lambda: not is_alive(hidden, Clock()))
    child.communicate(timeout=60)
