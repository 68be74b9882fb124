"""The guard: two looks, timers, nobody needed; and what comes back after a reboot."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from slots.test_parts import FakeClock
from slots.test_rollback import wait_for_step
from slots.test_switch import deploy
from slots.world import NEW, OLD, THIRD, World

from host import guard, lease, slots
from host.clock import Deadline
from host.guard import Guard
from host.guarding import seen
from host.prepare import stop_idle
from host.probe import front_look
from host.rollback import roll_back
from host.state import CONFIRM, PROVING, Slot, State, Watch
from host.trouble import Trouble, disk_trouble
from host.watch import require_idle


def wait_for(host: World, release: str, seconds: float = 60) -> None:
    """Until five answers in a row come from that release."""
    begun, row = time.monotonic(), 0
    settings = host.settings
    while row < 5:
        look = front_look(settings.front, settings.health)
        row = 0 if look.trouble("", release) else row + 1
        assert time.monotonic() - begun < seconds, look


@contextmanager
def without_guard(host: World) -> Iterator[None]:
    """The real one stands still (its process lives, and holds no lock), so that a test can tick by itself."""
    machine = host.machine
    pid = int(seen(machine)["process"].split(":")[1])
    with machine.work.taken(60), machine.lock.taken(60):
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def alerts(host: World, since: int) -> list[str]:
    return [one["kind"] for one in host.machine.journal.entries() if one["event"] == "alert" and one["seq"] > since]


def newest(host: World) -> int:
    return int(host.machine.journal.tail(1)[-1]["seq"])


def test_a_dead_runner_is_healed_by_the_host(host: World) -> None:
    host.good("prepare", NEW)
    begun = time.monotonic()
    switched = host.run("switch", NEW, "--confirm-within", "2")
    assert switched.code in (0, 4), "4: so slow that the time was over before the proof was"
    wait_for(host, OLD)
    assert time.monotonic() - begun >= 2, "not before"
    left = host.good("status")["left"][-1]
    assert (left["by"], left["reason"]) == ("guard", "no confirm came in time")
    host.live(OLD, "blue")


def test_a_killed_slot_is_left_within_seconds(host: World) -> None:
    deploy(host, NEW)
    host.kill_app("green")
    wait_for(host, OLD)
    left = host.good("status")["left"][-1]
    assert left["by"] == "guard"
    assert re.search(r"green: Connection refused; \d+ times in a row$", left["reason"])
    host.live(OLD, "blue")


def test_a_hanging_slot_is_left(host: World) -> None:
    deploy(host, NEW)
    pid = host.app_pid("green")
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(host, OLD)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert "no answer within 2 s" in host.good("status")["left"][-1]["reason"]
    host.live(OLD, "blue")


def test_three_bad_double_looks_in_a_row(host: World) -> None:
    deploy(host, NEW)
    with without_guard(host):
        watcher = Guard(host.machine)
        for bad in (1, 2):
            host.fault(NEW, ready=500)
            watcher.tick()
            assert watcher.bad == bad
        host.fault(NEW)
        watcher.tick()
        assert watcher.bad == 0
        host.fault(NEW, ready=500)
        for _ in range(3):
            watcher.tick()
        assert host.machine.load().release() == OLD
    host.fault(NEW)
    host.live(OLD, "blue")


def test_a_bad_front_door_alone_is_an_alert(host: World, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(host, NEW)
    before = newest(host)
    with without_guard(host):
        watcher = Guard(host.machine)
        look = front_look(host.settings.front, host.settings.health)
        monkeypatch.setattr(guard, "front_look", lambda *_: type(look)(502, "green", "", 0.1, ""))
        for _ in range(5):
            watcher.tick()
        assert alerts(host, before) == ["inconclusive"], "once, not every tick"
    host.live(NEW, "green")


def test_when_both_slots_are_ill_the_release_is_not_the_cause(host: World) -> None:
    deploy(host, NEW)
    before = newest(host)
    with without_guard(host):
        watcher = Guard(host.machine)
        host.fault(NEW, ready=503)
        host.fault(OLD, ready=503)
        for _ in range(5):
            watcher.tick()
        assert alerts(host, before) == ["both"]
        host.fault(NEW)
        host.fault(OLD)
    host.live(NEW, "green")


def test_the_watcher_never_confirms_and_ends_after_its_time(host: World) -> None:
    clock = FakeClock()
    host.good("prepare", NEW)
    host.good("switch", NEW, "--confirm-within", "600", "--guard-for", "5")
    with without_guard(host):
        watcher = Guard(host.machine)
        for _ in range(3):
            watcher.tick()
        assert phase(host) == "confirm"
        host.good("confirm", NEW)
        watcher.machine.clock = clock
        clock.start, clock.up = host.machine.clock.boot_id(), host.machine.clock.boot() + 4
        watcher.tick()
        assert phase(host) == "guard"
        clock.up += 2
        watcher.tick()
        assert phase(host) == ""
    host.live(NEW, "green")


def phase(host: World) -> str:
    watch = host.machine.load().watch
    return watch.phase if watch else ""


@pytest.mark.parametrize("jump", [-86400.0, 86400.0])
def test_a_clock_that_jumps_rolls_nothing_back(host: World, jump: float) -> None:
    host.good("prepare", NEW)
    host.good("switch", NEW, "--confirm-within", "600")
    with without_guard(host):
        watcher = Guard(host.machine)
        clock, real = FakeClock(), host.machine.clock
        clock.start, clock.up, clock.now = real.boot_id(), real.boot(), real.wall() + jump
        watcher.machine.clock = clock
        for _ in range(4):
            watcher.tick()
        assert phase(host) == "confirm"
    host.live(NEW, "green")


def test_a_switch_that_hangs_in_its_proof_is_undone_by_the_timer(host: World) -> None:
    host.good("prepare", NEW)
    with without_guard(host):
        host.good("switch", NEW, "--confirm-within", "0.01")
        machine = host.machine
        state = machine.load()
        assert state.watch is not None
        state.watch.phase, state.watch.owner = PROVING, seen(machine)["process"]  # alive, and stands still
        machine.save(state)
        Guard(machine).tick()
        assert machine.load().release() == OLD
    host.live(OLD, "blue")


def test_a_confirm_in_the_last_moment_counts(host: World) -> None:
    deploy(host, NEW)
    done = roll_back(host.machine, NEW, by="guard", reason="no confirm came in time", timer=True)
    assert done["changed"] is False
    host.live(NEW, "green")


def test_a_rollback_that_an_error_cut_short_is_tried_again(host: World, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(host, NEW)
    host.good("stop")
    with without_guard(host):
        watcher = Guard(host.machine)
        host.fault(NEW, ready=500)

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(slots, "start", full)
            for _ in range(3):
                watcher.tick()
        step = host.machine.load().step
        assert step is not None
        assert step.name == "cold-rollback"
        watcher.not_before = 0
        watcher.tick()
        assert host.machine.load().release() == OLD
    host.fault(NEW)
    host.live(OLD, "blue")


def test_no_lease_while_a_cold_rollback_is_under_way(host: World) -> None:
    deploy(host, NEW)
    host.good("stop")
    host.fault(OLD, live=503)
    back = host.popen("rollback", "--from", NEW)
    wait_for_step(host, "cold-rollback")
    answer = host.run("lease", "acquire", "--by", "run 8")
    host.fault(OLD)
    assert (answer.code, answer.what) == (6, f"a rollback from {NEW[:12]} is under way")
    assert host.read(*back.communicate(timeout=60)).code == 0
    host.live(OLD, "blue")


@pytest.mark.parametrize("words", [("prepare", THIRD), ("stop",), ("confirm", NEW)], ids=lambda words: words[0])
def test_no_command_overwrites_a_cold_rollback(host: World, words: tuple[str, ...]) -> None:
    host.configure(limits={"drain-most": 0})
    deploy(host, NEW)
    host.good("stop")
    host.fault(OLD, live=503)
    back = host.popen("rollback", "--from", NEW)
    wait_for_step(host, "cold-rollback")
    answer = host.run(*words)
    host.fault(OLD)
    assert (answer.code, answer.what) == (6, f"a rollback from {NEW[:12]} is under way")
    assert host.read(*back.communicate(timeout=60)).code == 0
    host.live(OLD, "blue")


def test_a_stop_finds_out_that_its_slot_became_live(host: World, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(host, NEW)
    machine = host.machine

    def back_meanwhile(*_: object) -> None:
        roll_back(host.machine, NEW, by="ada", reason="errors")

    monkeypatch.setattr(slots, "drain", back_meanwhile)
    with pytest.raises(Trouble, match="blue is live by now; nothing was changed"):
        stop_idle(machine, token="")
    host.live(OLD, "blue")


def test_what_was_looked_at_before_the_lock_is_looked_at_again() -> None:
    state = State("blue", {"blue": Slot(OLD, running=True), "green": Slot(NEW, running=True)})
    require_idle(state, "green")
    require_idle(state, "green", NEW)
    for slot, release, told in (("blue", OLD, "blue is live"), ("green", THIRD, f"green is holding {NEW[:12]}")):
        with pytest.raises(Trouble, match=told):
            require_idle(state, slot, release)
    state.slots["green"].condemned = "rolled back"
    with pytest.raises(Trouble, match="rolled back"):
        require_idle(state, "green", NEW)


@pytest.mark.parametrize("words", [("confirm", NEW), ("hold", NEW, "--within", "60")], ids=lambda words: words[0])
def test_a_word_that_comes_too_late(host: World, words: tuple[str, ...]) -> None:
    host.configure(guard={"beat": 600})
    host.good("prepare", NEW)
    with without_guard(host):
        host.good("switch", NEW, "--confirm-within", "0.01")
        answer = host.run(*words)
        assert answer.code == 6
        assert answer.what == f"the time to confirm {NEW[:12]} is over, and the guard is switching back"
    wait_for(host, OLD, 20)


@pytest.mark.parametrize("words", [("confirm", NEW), ("hold", NEW, "--within", "60")], ids=lambda words: words[0])
def test_a_word_that_comes_too_late_while_no_guard_lives_switches_back(host: World, words: tuple[str, ...]) -> None:
    host.good("prepare", NEW)
    with without_guard(host):
        host.good("switch", NEW, "--confirm-within", "0.01")
        (host.home / "guard.json").unlink()
        answer = host.run(*words)
        assert answer.code == 4, answer
        assert answer.what == (
            f"the time to confirm {NEW[:12]} is over, and the guard does not run: this command switched back to "
            f"{OLD[:12]}"
        )
        assert "slots guard start" in answer.said
        left = host.good("status")["left"][-1]
        assert (left["release"], left["reason"]) == (NEW, "no confirm came in time, and the guard does not run")
    host.live(OLD, "blue")


def test_a_confirm_during_the_proof(host: World) -> None:
    host.good("prepare", NEW)
    with without_guard(host):
        host.good("switch", NEW, "--confirm-within", "600")
        machine = host.machine
        state = machine.load()
        assert state.watch is not None
        state.watch.phase, state.watch.owner = PROVING, seen(machine)["process"]
        machine.save(state)
        answer = host.run("confirm", NEW)
        assert (answer.code, answer.what) == (6, f"the switch to {NEW[:12]} is still being proven")
        state.watch.phase = CONFIRM
        machine.save(state)
        host.good("confirm", NEW)
    host.live(NEW, "green")


def test_after_a_reboot_everything_comes_back(host: World) -> None:
    host.good("prepare", NEW)
    host.good("switch", NEW, "--confirm-within", "600")
    os.kill(int(seen(host.machine)["process"].split(":")[1]), signal.SIGKILL)
    for slot in host.ports:
        host.kill_app(slot)
    for path in Path(host.settings.nginx.flags).iterdir():
        path.unlink()
    told = host.good("guard", "boot")
    assert (told["flag"], told["started"], told["guard"]["started"]) == ("restored", ["green", "blue"], True)
    assert host.good("status")["live"] == "green"
    machine = host.machine
    with machine.lock.taken(20):
        state = machine.load()
        assert state.watch is not None
        state.watch.deadline["boot"] -= 1000
        machine.save(state)
    wait_for(host, OLD)  # the timer was armed before the reboot, and nobody confirms
    host.live(OLD, "blue")


def test_after_a_reboot_with_a_clock_that_is_behind_timer_and_lease_still_end(host: World) -> None:
    host.good("prepare", NEW)
    with without_guard(host):
        host.good("lease", "acquire", "--by", "run 7", "--seconds", "100")
        token = host.machine.load().lease
        assert token is not None
        host.good("switch", NEW, "--confirm-within", "100", "--lease", token.token)
        watcher = Guard(host.machine)
        clock = FakeClock()
        clock.start, clock.up, clock.now = "another", 5.0, 0.0
        watcher.machine.clock = clock
        watcher.tick()
        assert host.machine.load().release() == NEW
        clock.up, clock.now = 101.0, 96.0
        assert lease.is_active(watcher.machine, token) is False
        watcher.tick()
        assert host.machine.load().release() == OLD
    host.live(OLD, "blue")


def test_a_lost_flag_is_put_back_and_told(host: World) -> None:
    deploy(host, NEW)
    host.good("stop")
    before = newest(host)
    with without_guard(host):
        (Path(host.settings.nginx.flags) / "green").unlink()
        assert front_look(host.settings.front, host.settings.health).trouble("green", NEW)
        Guard(host.machine).tick()
        assert host.machine.pointer.read() == "green"
    assert "flag" in alerts(host, before)  # a look that took too long is told beside it
    host.live(NEW, "green")


def test_a_flag_that_cannot_be_put_back_stops_no_timer(host: World, monkeypatch: pytest.MonkeyPatch) -> None:
    host.good("prepare", NEW)
    before = newest(host)
    with without_guard(host):
        host.good("switch", NEW, "--confirm-within", "0.01")
        (Path(host.settings.nginx.flags) / "green").unlink()
        watcher = Guard(host.machine)
        point = watcher.machine.pointer.point

        def broken(slot: str) -> None:
            if slot == "green":
                raise disk_trouble("the flag could not be set", PermissionError(13, "Permission denied"))
            point(slot)

        monkeypatch.setattr(watcher.machine.pointer, "point", broken)
        watcher.tick()
        assert host.machine.load().release() == OLD
    assert {"flag", "rollback"} <= set(alerts(host, before))
    host.live(OLD, "blue")


def test_what_cannot_be_healed_keeps_neither_flag_nor_guard_from_coming_back(host: World) -> None:
    deploy(host, NEW)
    machine = host.machine
    host.good("guard", "stop")
    with machine.lock.taken(5):
        state = machine.load()
        # Killed in its proof, with no way back: healing it needs the front door, which fails.
        state.back = {"verdict": "forward-only", "why": "t1", "release": NEW}
        deadline = Deadline.after(machine.clock, 60).as_json()
        state.watch = Watch(NEW, "green", PROVING, deadline, "test", 60, "gone:1:1")
        machine.save(state)
    host.configure(front={"url": "http://127.0.0.1:1/health", "seconds": 0.3})
    for slot in host.ports:
        host.kill_app(slot)
    for path in Path(host.settings.nginx.flags).iterdir():
        path.unlink()
    answer = host.run("guard", "boot")
    assert "was killed before it was proven, and it is not well" in answer.what
    assert machine.pointer.read() == "green"
    for slot, release in (("green", NEW), ("blue", OLD)):
        assert not slots.trouble(machine, slot, release, ready=False)
    assert seen(machine)["alive"]
    host.good("guard", "stop")
    host.configure()
    host.good("guard", "boot")
    assert host.machine.load().live == "green"


def test_only_one_guard(host: World) -> None:
    assert host.good("guard", "start")["started"] is False
    answer = host.run("guard", "run")
    assert answer.code == 6
    assert answer.what.startswith("another command is at work")


def test_a_broken_state_does_not_end_the_guard(host: World) -> None:
    path = host.machine.store.path
    whole = path.read_bytes()
    with without_guard(host):
        watcher = Guard(host.machine)
        path.write_text("{")
        watcher.tick()
        path.write_bytes(whole)
        watcher.tick()
        assert watcher.over is False
    assert host.good("guard", "unit")["text"].count("guard run") == 1
    assert host.good("guard", "hook")["text"].startswith("@reboot ")


def test_no_error_ends_the_guard(host: World, monkeypatch: pytest.MonkeyPatch) -> None:
    host.configure(commands={"alert": ["true", "{message}"]})
    before, path = newest(host), host.machine.store.path
    whole = path.read_bytes()
    with without_guard(host):
        watcher = Guard(host.machine)
        watcher.alert("odd", "a NUL\0 in an answer, postgresql://erp:hunter2@db/erp")
        path.write_text(json.dumps({**json.loads(whole), "watch": "none"}))
        watcher.tick()
        path.write_bytes(whole)
        assert "AttributeError" not in str(host.machine.journal.tail(1)), "told as a damaged state"
        watcher.alerted.clear()

        def faulty(*_: object) -> None:
            raise RecursionError("x" * 10_000)

        with monkeypatch.context() as patch:
            patch.setattr(guard, "pending", faulty)
            for _ in range(3):
                watcher.not_before = 0
                watcher.tick()
        watcher.not_before = 0
        watcher.tick()
    for child, _ in watcher.telling.running:
        child.wait(60)  # nobody waits for it but this test, which must leave nothing running
    assert alerts(host, before) == ["odd", "guard", "guard"]
    told = [one["text"] for one in host.machine.journal.entries() if one["event"] == "alert" and one["seq"] > before]
    assert "erp:***@db" in told[0]
    assert told[2].startswith("a fault of this program, please report it: RecursionError: xxx")
    assert len(told[2]) < 500
    host.live(OLD, "blue")


def test_nobody_waits_for_the_command_that_alerts(host: World, tmp_path: Path) -> None:
    told = tmp_path / "told"
    script = f'echo "$0" >{told}.new && mv {told}.new {told}; sleep 60'
    host.configure(commands={"alert": ["sh", "-c", script, "{message}"]})
    watcher = Guard(host.machine)
    watcher.telling.seconds = 0.2
    watcher.alert("odd", "look at this")
    ((child, _),) = watcher.telling.running
    assert child.poll() is None, "it was not waited for"
    until = time.monotonic() + 60
    while not told.exists() or child.poll() is None:
        if told.exists():
            watcher.telling.tend()
        assert time.monotonic() < until
    assert told.read_text() == "look at this\n"
    assert child.returncode == -signal.SIGKILL
    watcher.telling.tend()
    assert not watcher.telling.running


def test_a_rollback_does_not_wait_for_a_preparation(host: World) -> None:
    deploy(host, NEW)
    host.fault(THIRD, live=503)
    preparing = host.popen("prepare", THIRD)
    with suppress(OSError):
        host.kill_app("green")
    wait_for(host, OLD)
    preparing.communicate(timeout=60)
    host.fault(THIRD)
    host.live(OLD, "blue")
