"""`kill -9` at every step of every command: the next command finds the old state or the new one, and says what it did."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from slots.test_switch import WITHIN, deploy
from slots.world import NEW, OLD, THIRD, World

from deploy_gate import hostprogram
from host.guarding import seen
from host.heal import pending
from host.steps import dangling

Setup = Callable[[World], None]


def nothing(host: World) -> None:
    """From the beginning."""


def prepared(host: World) -> None:
    """NEW is in the idle slot."""
    host.good("prepare", NEW)


def switched(host: World) -> None:
    """NEW has the traffic, nobody confirmed."""
    prepared(host)
    host.good("switch", NEW, *WITHIN)


def deployed(host: World) -> None:
    """NEW is live and confirmed, OLD is warm."""
    deploy(host, NEW)


def cold(host: World) -> None:
    """NEW is live, OLD is stopped."""
    deploy(host, NEW)
    host.good("stop")


def ill(host: World) -> None:
    """NEW is live, THIRD will not come up."""
    deploy(host, NEW)
    host.fault(THIRD, live=503)
    host.configure(limits={"start": 4})  # so long for each: it does not come up, and the one put back does


# Name: what is there before, the command, and which releases may be live after the kill was healed.
COMMANDS: dict[str, tuple[Setup, tuple[str, ...], set[str]]] = {
    "prepare": (nothing, ("prepare", NEW), {OLD}),
    "prepare over a warm slot": (deployed, ("prepare", THIRD), {NEW}),
    "prepare of a release that fails": (ill, ("prepare", THIRD), {NEW}),
    "migrate": (prepared, ("migrate", NEW), {OLD}),
    "switch": (prepared, ("switch", NEW, *WITHIN), {OLD, NEW}),
    "confirm": (switched, ("confirm", NEW), {NEW}),
    "hold": (switched, ("hold", NEW, "--within", "60"), {NEW}),
    "rollback": (deployed, ("rollback", "--from", NEW), {OLD, NEW}),
    "cold rollback": (cold, ("rollback", "--from", NEW), {OLD, NEW}),
    "stop": (deployed, ("stop",), {NEW}),
    "lease": (nothing, ("lease", "acquire", "--by", "run 7", "--seconds", "0.01"), {OLD}),
    "receive": (nothing, ("receive", "manifest.json"), {OLD}),
}


@contextmanager
def no_guard(host: World) -> Iterator[None]:
    """The guard stands still: the next command has to heal. It must not hold a lock meanwhile."""
    machine = host.machine
    pid = int(seen(machine)["process"].split(":")[1])
    with machine.work.taken(10), machine.lock.taken(10):
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def words_of(host: World, name: str) -> tuple[str, ...]:
    words = COMMANDS[name][1]
    if name != "receive":
        return words
    path = host.work / "manifest.json"
    path.write_text('{"release": "%s"}' % ("d" * 40))
    return ("receive", str(path))


def killed(host: World, name: str, point: str, *more: str) -> None:
    """Run a command until its point, and no further."""
    answer = host.run(*words_of(host, name), *more, die_at=point)
    assert answer.code == -9, (point, answer.data)


def agreed(host: World, name: str) -> str:
    """Traffic is on a good slot, state and journal agree, nothing hangs; the release that is live."""
    machine = host.machine
    state = machine.load()
    assert state.step is None
    assert dangling(machine, state) == []
    until = machine.clock.boot() + 60
    while not (machine.lock.is_free() and machine.work.is_free()):  # the guard holds them for moments, too
        assert machine.clock.boot() < until
        machine.clock.sleep(0.05)
    host.fault(THIRD)
    host.live(state.release(), state.live)
    assert state.release() in COMMANDS[name][2]
    for slot in state.slots.values():
        assert not (slot.running and not slot.release)
    return state.release()


def kill_and_heal(host: World, name: str, point: str) -> None:
    """One kill, healed by the next command."""
    host.reset()
    COMMANDS[name][0](host)
    with no_guard(host):
        killed(host, name, point)
        told = host.good("status", "--quick")
        healed = host.good("guard", "restore")
    unfinished = [text for text in told["findings"] if "killed" in text or "has no end" in text]
    assert bool(unfinished) == bool([text for text in healed["said"] if "killed" in text]), (point, told, healed)
    agreed(host, name)


@pytest.mark.parametrize(
    ("name", "point"),
    [
        ("prepare over a warm slot", "start.started"),
        ("switch", "switch.begun"),
        ("switch", "switch.acted"),
        ("switch", "switch.proven"),
        ("rollback", "rollback.acted"),
        ("rollback", "rollback.saved"),
        ("cold rollback", "cold-rollback.started"),
        ("confirm", "confirm.intent"),
    ],
)
def test_the_next_command_heals(host: World, name: str, point: str) -> None:
    kill_and_heal(host, name, point)


@pytest.mark.parametrize(("name", "point"), [("switch", "switch.acted"), ("switch", "switch.saved")])
def test_the_guard_heals(host: World, name: str, point: str) -> None:
    COMMANDS[name][0](host)
    killed(host, name, point)
    machine = host.machine
    until = machine.clock.boot() + 60
    while pending(machine, machine.load()) or not machine.work.is_free():
        assert machine.clock.boot() < until
        machine.clock.sleep(0.05)
    assert agreed(host, name) == OLD


def test_what_was_undone_can_be_done_again(host: World) -> None:
    prepared(host)
    with no_guard(host):
        killed(host, "switch", "switch.acted")
        answer = host.good("switch", NEW, *WITHIN)
    assert answer["said"][0] == f"a switch to {NEW[:12]} was killed half way: undone, blue is live"
    host.good("confirm", NEW)
    host.live(NEW, "green")


@pytest.mark.parametrize(("name", "point"), [("prepare over a warm slot", "start.started"), ("stop", "stop.acted")])
def test_a_new_holder_heals_what_the_old_one_left(host: World, name: str, point: str) -> None:
    COMMANDS[name][0](host)
    with no_guard(host):
        held = host.good("lease", "acquire", "--by", "run 7", "--seconds", "60")
        killed(host, name, point, "--lease", held["lease"])
        host.good("lease", "break", "--reason", "its runner died")
        host.good("lease", "acquire", "--by", "run 8")
        host.good("guard", "restore")
    agreed(host, name)


@pytest.mark.parametrize(
    ("name", "point", "again"),
    [
        ("prepare over a warm slot", "start.started", "start.put-back"),
        ("switch", "switch.acted", "switch.saved"),
        ("switch", "switch.saved", "rollback.acted"),
        ("cold rollback", "cold-rollback.started", "cold-rollback.stopped"),
    ],
)
def test_healing_can_be_killed_too(host: World, name: str, point: str, again: str) -> None:
    COMMANDS[name][0](host)
    with no_guard(host):
        killed(host, name, point)
        assert host.run("guard", "restore", die_at=again).code == -9
        host.good("guard", "restore")
    agreed(host, name)


@pytest.mark.long
@pytest.mark.parametrize("name", COMMANDS)
def test_a_kill_at_every_step(host: World, name: str, tmp_path: Path) -> None:
    COMMANDS[name][0](host)
    passed = tmp_path / "passed"
    host.run(*words_of(host, name), passed=passed)
    points = list(dict.fromkeys(passed.read_text().split()))
    assert points
    for point in points:
        kill_and_heal(host, name, point)


@pytest.mark.long
def test_the_walk_leaves_no_step_out(host: World, tmp_path: Path) -> None:
    written = {
        match
        for path in hostprogram.SOURCE.glob("*.py")
        for match in re.findall(r'points\.reached\("([\w.-]+)"\)', path.read_text())
    }
    passed = tmp_path / "passed"
    for name, (setup, _, _) in COMMANDS.items():
        host.reset()
        setup(host)
        host.run(*words_of(host, name), passed=passed)
        host.fault(THIRD)
    assert written <= set(passed.read_text().split())
