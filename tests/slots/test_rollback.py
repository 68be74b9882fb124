"""Rollback: named by what it leaves, done once whoever asks, warm or cold, never waiting for a lease."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from slots.load import Load
from slots.test_crash import no_guard
from slots.test_parts import QuickClock
from slots.test_switch import WITHIN, deploy
from slots.world import NEW, OLD, PATIENT, THIRD, World, world

from deploy_gate import hostprogram
from host import rehearse, slots
from host.machine import Machine
from host.probe import Look, front_look
from host.rollback import end_owner, roll_back
from host.settings import Front, Health
from host.trouble import Trouble


def test_back_in_a_moment(host: World) -> None:
    deploy(host, NEW)
    with Load(host.front) as load:
        answer = host.good("rollback", "--from", NEW, "--reason", "orders fail", "--by", "ada", "--since", "12.5")
    assert load.failed == {}
    assert (answer["live"], answer["release"], answer["left"]) == ("blue", OLD, NEW)
    seconds = answer["seconds"]
    assert 12.5 <= seconds["detect"] < 60
    assert f"detect {seconds['detect']:.1f} s" in answer["said"][0]
    host.live(OLD, "blue")
    told = host.good("status")
    assert told["slots"]["green"]["condemned"] == "rolled back by ada: orders fail"
    assert told["left"][-1]["by"] == "ada"


def test_the_same_release_is_left_only_once(host: World) -> None:
    deploy(host, NEW)
    host.good("rollback", "--from", NEW, "--by", "grace", "--reason", "first")
    again = host.good("rollback", "--from", NEW, "--by", "ada")
    assert again["changed"] is False
    assert again["said"][0].startswith(f"{NEW[:12]} was already rolled back by grace at 2")
    assert again["said"][0].endswith(": first")
    host.live(OLD, "blue")


def test_what_cannot_work_is_refused(host: World) -> None:
    answer = host.run("rollback", "--from", OLD)
    assert (answer.code, answer.what) == (1, f"there is no release before {OLD[:12]}")
    answer = host.run("rollback", "--from", "e" * 40)
    assert (answer.code, answer.what) == (2, f"eeeeeeeeeeee is not known on this host; live is {OLD}")
    answer = host.run("rollback")
    assert answer.code == 2
    assert f"--from {OLD}" in answer.said
    host.live(OLD, "blue")


def test_a_release_that_was_condemned_is_not_switched_to_again(host: World) -> None:
    deploy(host, NEW)
    host.good("rollback", "--from", NEW, "--by", "ada", "--reason", "bad")
    answer = host.run("switch", NEW, *WITHIN)
    assert (answer.code, answer.what) == (
        1,
        f"{NEW[:12]} was taken out of production: rolled back by ada: bad",
    )
    answer = host.run("confirm", NEW)
    assert answer.code == 4
    assert answer.what.startswith(f"{NEW[:12]} was rolled back by ada at 2")
    deploy(host, NEW)
    host.live(NEW, "green")


def test_guard_workflow_and_person_in_the_same_second(host: World) -> None:
    host.good("prepare", NEW)
    host.good("switch", NEW, *WITHIN)
    host.fault(NEW, ready=500, live=500)  # the guard pulls too
    pulls = [host.popen("rollback", "--from", NEW, "--by", who) for who in ("workflow", "ada", "bob")]
    answers = [host.read(*one.communicate(timeout=60)) for one in pulls]
    assert [answer.code for answer in answers] == [0, 0, 0]
    done = [one for one in host.machine.journal.entries() if one["event"] == "done" and one.get("step") == "rollback"]
    assert sum(answer.data["changed"] for answer in answers) <= 1
    assert len([one for one in host.machine.load().left if one["release"] == NEW]) == 1
    assert done
    host.fault(NEW)
    host.live(OLD, "blue")


def test_a_cold_rollback_starts_the_old_release_first(host: World) -> None:
    deploy(host, NEW)
    host.good("stop")
    assert host.good("status")["rollback"]["kind"] == "cold"
    answer = host.good("rollback", "--from", NEW)
    assert (answer["live"], answer["release"]) == ("blue", OLD)
    assert f"blue is not warm: {OLD[:12]} is started there first" in answer["said"]
    host.live(OLD, "blue")


def test_a_stop_that_fails_before_a_cold_start_is_told(host: World) -> None:
    deploy(host, NEW)
    host.good("stop")
    host.configure(commands={"stop": ["sh", "-c", "echo no such container; exit 3"]})
    said = host.good("rollback", "--from", NEW)["said"]
    assert any(line.startswith("blue could not be stopped first: ended with 3") for line in said), said
    host.configure()
    host.live(OLD, "blue")


def test_a_warm_slot_that_died_is_started_again(host: World) -> None:
    deploy(host, NEW)
    host.kill_app("blue")
    with Load(host.front, sockets=0) as load:
        assert host.good("rollback", "--from", NEW)["live"] == "blue"
    assert load.failed == {}
    host.live(OLD, "blue")


def test_an_old_release_that_does_not_come_up(host: World) -> None:
    deploy(host, NEW)
    host.good("stop")
    host.fault(OLD, crash=True)
    host.configure(limits={"start": 1})
    answer = host.run("rollback", "--from", NEW)
    assert answer.code == 5
    assert answer.what.startswith(f"{OLD[:12]} does not come up in blue: Connection refused")
    assert host.good("status")["release"] == NEW, "traffic stays where something answers"
    host.fault(OLD)
    host.configure()
    host.good("rollback", "--from", NEW)
    host.live(OLD, "blue")


def test_a_rollback_ends_the_preparation_that_holds_its_slot(host: World) -> None:
    deploy(host, NEW)
    host.fault(THIRD, live=503)
    preparing = host.popen("prepare", THIRD)
    wait_for_step(host, "start")
    answer = host.good("rollback", "--from", NEW, "--by", "ada")
    assert (answer["live"], answer["release"]) == ("blue", OLD)
    assert host.read(*preparing.communicate(timeout=60)).code == -9
    host.fault(THIRD)
    host.live(OLD, "blue")
    deploy(host, THIRD)
    host.live(THIRD, "green")


def wait_for_step(host: World, name: str) -> None:
    """Until a command is inside of a step; bounded by the clock of the machine."""
    clock, until = host.machine.clock, host.machine.clock.boot() + 60
    while (step := host.machine.load().step) is None or step.name != name:
        assert clock.boot() < until
        clock.sleep(0.01)


def test_a_cold_rollback_that_hangs_can_be_ended_and_taken_over(host: World) -> None:
    deploy(host, NEW)
    host.good("stop")
    host.fault(OLD, live=503)
    hanging = host.popen("rollback", "--from", NEW)
    wait_for_step(host, "cold-rollback")
    hanging.send_signal(signal.SIGSTOP)
    host.fault(OLD)
    machine = host.machine
    step = machine.load().step
    assert step is not None
    end_owner(machine, step)
    assert host.read(*hanging.communicate(timeout=60)).code == -9
    assert host.good("rollback", "--from", NEW)["release"] == OLD
    host.live(OLD, "blue")


def test_a_rollback_does_not_wait_for_somebody_who_hangs(host: World) -> None:
    deploy(host, NEW)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # holds the lock, and never lets go of it
        with host.machine.lock.taken(5):
            os.write(write, b"x")
            signal.pause()
    try:
        os.read(read, 1)
        answer = host.good("rollback", "--from", NEW)
        assert answer["changed"] is True
        assert answer["seconds"]["decide"] >= 3
    finally:
        os.close(read)
        os.close(write)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
    host.live(OLD, "blue")


def test_a_rollback_waits_for_one_that_works(host: World, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(host, NEW)
    inside, go_in = os.pipe()
    go, let_go = os.pipe()
    child = os.fork()
    if child == 0:  # bob's, which takes its time with the lock in its hand
        look = slots.trouble

        def slow(*given: Any, **more: Any) -> str:
            os.write(go_in, b"x")
            os.read(go, 1)
            return look(*given, **more)

        monkeypatch.setattr(slots, "trouble", slow)
        with contextlib.suppress(Exception):
            roll_back(host.machine, NEW, by="bob", reason="errors")
            os._exit(0)
        os._exit(1)

    class Patient(QuickClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if self.waits == 1000:  # twenty seconds, as it seems to the one who waits
                os.write(let_go, b"x")

    try:
        os.read(inside, 1)
        done = roll_back(Machine(host.settings, Patient(), "ada"), NEW, by="ada", reason="errors too")
    finally:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        for one in (inside, go_in, go, let_go):
            os.close(one)
    assert status == 0, "bob's was not killed"
    assert (done["changed"], done["already"]["by"]) == (False, "bob")
    host.live(OLD, "blue")


def test_a_rehearsal_is_timed_and_recorded(host: World) -> None:
    told = host.good("rehearse", NEW)
    assert (told["failed"], told["passed"], told["old"]) == (0, True, OLD)
    assert told["sent"] >= 150
    assert told["rollback_seconds"] <= told["sla"]
    entry = next(one for one in host.machine.journal.tail(5) if one.get("step") == "rehearsal" and "data" in one)
    assert entry["data"]["release"] == NEW
    assert entry["data"]["sent"] == told["sent"]
    host.live(OLD, "blue")
    assert host.good("status")["left"] == []
    host.good("switch", NEW, *WITHIN)  # not condemned by its rehearsal
    host.good("confirm", NEW)
    host.live(NEW, "green")


def test_a_rehearsal_that_loses_requests_has_not_passed(host: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def lossy(front: Front, health: Health) -> Look:
        seen.append(1)
        return Look(502, "blue", OLD, 0.01, "") if len(seen) == 70 else front_look(front, health)

    monkeypatch.setattr(rehearse, "front_look", lossy)
    machine = host.machine
    with pytest.raises(Trouble, match=r"1 of \d+ requests failed \(status 502\)"):
        rehearse.rehearse(machine, NEW, token="")
    entry = next(one for one in machine.journal.tail(5) if one.get("step") == "rehearsal" and "data" in one)
    assert (entry["data"]["failed"], entry["data"]["passed"]) == (1, False)
    host.live(OLD, "blue")


def test_a_switch_killed_in_its_proof_without_a_way_back_goes_forward(host: World) -> None:
    host.good("prepare", NEW)
    machine = host.machine
    state = machine.load()
    state.back = {"verdict": "forward-only", "why": "r2 removes a column", "release": NEW}
    machine.save(state)
    with no_guard(host):
        assert host.run("switch", NEW, *WITHIN, die_at="switch.proven").code == -9
        told = host.good("guard", "restore")["said"][0]
    assert told == f"the switch to {NEW[:12]} was killed before it was proven: proven now, there is no way back"
    state = machine.load()
    assert state.watch is not None
    state.watch.deadline["boot"] -= 1000
    machine.save(state)
    host.good("confirm", NEW)
    host.live(NEW, "green")


# --- what is typed and what is shown


@pytest.mark.parametrize("limit", ["0", "-1", "nan", "inf", "1e9", "soon"])
def test_a_time_limit_is_a_limit(host: World, limit: str) -> None:
    answer = host.run("switch", NEW, f"--confirm-within={limit}")
    assert (answer.code, answer.data["trouble"]["means"]) == (2, "a typing mistake in the command")


def test_nothing_from_outside_steers_a_terminal(host: World) -> None:
    deploy(host, NEW)
    host.good("rollback", "--from", NEW, "--by", "ada", "--reason", "\x1b[2Jgone\udcff")
    argv = [sys.executable, "-I", str(host.program), "--config", str(host.config), "rollback", "--from", NEW]
    done = subprocess.run(argv, capture_output=True, env={"PATH": os.environ["PATH"], "LC_ALL": "C"})
    assert done.returncode == 0
    assert b"\x1b" not in done.stdout
    assert b"[2Jgone" in done.stdout


# --- by hand


def by_hand(host: World, *words: str, **more: Any) -> subprocess.Popen[bytes]:
    """The script as it stands in an application's directory."""
    place = host.work / "scripts"
    place.mkdir(exist_ok=True)
    shutil.copy(hostprogram.SOURCE / "rollback.sh", place)
    hostprogram.write(place / "slots.pyz")
    (place / "slots.json").write_bytes(host.config.read_bytes())
    return subprocess.Popen([place / "rollback.sh", *words], cwd="/", **more)


def test_the_script_in_the_applications_directory(host: World) -> None:
    deploy(host, NEW)
    asked = by_hand(host, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _, told = asked.communicate(timeout=60)
    assert asked.returncode == 2
    assert f"run it with --from {NEW}" in told.decode()
    given = by_hand(host, "--from", NEW, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    out, _ = given.communicate(timeout=60)
    assert given.returncode == 0
    assert re.search(r"back on a{12} in blue: detect \d+\.\d s, decide \d+\.\d\d s, restore \d+\.\d\d s", out.decode())
    host.live(OLD, "blue")


@pytest.mark.parametrize(("typed", "live"), [(b"y\n", OLD), (b"\n", NEW)])
def test_at_a_terminal_it_shows_and_asks(host: World, typed: bytes, live: str) -> None:
    deploy(host, NEW)
    ours, theirs = pty.openpty()
    try:
        child = by_hand(host, stdin=theirs, stdout=theirs, stderr=theirs)
        said = b""
        while b"[y/N]" not in said:
            said += os.read(ours, 4096)
        assert f"shop: {NEW} is live in green".encode() in said
        assert f"way back: warm, to {OLD[:12]}, about 0.1 s".encode() in said
        os.write(ours, typed)
        child.wait(30)
    finally:
        os.close(ours)
        os.close(theirs)
    assert child.returncode == (0 if live == OLD else 2)
    assert host.good("status")["release"] == live


def test_a_host_that_was_never_set_up(host: World, tmp_path: Path) -> None:
    data = json.loads(host.config.read_text())
    data["home"] = str(tmp_path / "nothing")
    other = replace(host, work=tmp_path)
    other.config.write_text(json.dumps(data))
    for words in (("status",), ("prepare", NEW), ("rollback", "--from", NEW), ("guard", "run"), ("journal", "verify")):
        answer = other.run(*words)
        assert answer.code == 1
        assert "slots init" in answer.said


def test_trouble_is_told_in_three_parts_to_a_person_too(tmp_path: Path) -> None:
    argv = [sys.executable, "-I", str(World.program), "--config", str(tmp_path / "none.json"), "status"]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == [
        *("what happened", "usually means", "what to do"),
    ]


def test_an_error_nobody_thought_of_is_no_traceback(host: World) -> None:
    machine = host.machine
    whole = machine.store.path.read_bytes()
    # Well formed, and of a kind that no check looks at.
    machine.store.path.write_text(json.dumps({**json.loads(whole), "left": 5}))
    try:
        answer = host.run("status")
    finally:
        machine.store.path.write_bytes(whole)
    assert answer.code == 3
    assert answer.what.startswith("status ended with TypeError")
    assert all(answer.data["trouble"].values())


def test_a_script_without_its_program_says_so(tmp_path: Path) -> None:
    shutil.copy(hostprogram.SOURCE / "rollback.sh", tmp_path)
    done = subprocess.run([tmp_path / "rollback.sh"], capture_output=True, text=True)
    assert done.returncode == 2
    assert f"what happened: {tmp_path}/slots.pyz is not there" in done.stderr


# --- leases


def test_a_lease_keeps_others_out_and_a_rollback_does_not_care(host: World) -> None:
    held = host.good("lease", "acquire", "--by", "run 7", "--run-url", "https://ci.example/7", "--reason", "deploy")
    answer = host.run("prepare", NEW)
    assert answer.code == 6
    assert answer.what.startswith("run 7 holds this host for ")
    assert "https://ci.example/7" in answer.what
    host.good("prepare", NEW, "--lease", held["lease"])
    host.good("switch", NEW, *WITHIN, "--lease", held["lease"])
    host.good("lease", "renew", "--lease", held["lease"])
    host.good("rollback", "--from", NEW, "--by", "ada")
    assert host.good("status")["fence"] == held["fence"] + 1
    for words in (("prepare", THIRD), ("lease", "renew")):
        answer = host.run(*words, "--lease", held["lease"])
        assert answer.code == 6
        assert answer.what.startswith("this lease is not valid any more (fencing number ")
    assert [one["holder"] for one in host.machine.journal.tail(20) if one["event"] == "lease-void"] == ["run 7"]
    host.good("prepare", THIRD)
    host.live(OLD, "blue")


def test_a_dead_holder_is_taken_over_and_the_journal_says_so(host: World) -> None:
    host.good("lease", "acquire", "--by", "run 7", "--seconds", "0.01", "--reason", "deploy")
    answer = host.good("lease", "acquire", "--by", "run 8")
    assert answer["said"] == ["took over the lease of run 7 (no run): its time ran out"]
    entry = [one for one in host.machine.journal.tail(5) if one.get("step") == "lease" and "data" in one][-1]
    assert entry["data"]["taken_over"] == {"holder": "run 7", "run": "", "reason": "deploy"}
    assert host.good("lease", "release", "--lease", answer["lease"])["released"] is True
    assert host.good("lease", "release", "--lease", answer["lease"])["released"] is False


def test_nobody_renews_a_lease_without_its_token(host: World) -> None:
    host.good("lease", "acquire", "--by", "run 7", "--seconds", "0.01", "--reason", "deploy")
    before = host.machine.load().lease
    answer = host.run("lease", "renew")
    assert (answer.code, answer.what) == (2, "which lease is to be renewed was not said")
    assert "SLOTS_LEASE" in answer.said
    assert host.machine.load().lease == before, "the lease of a run that is gone stays over"


def test_a_token_comes_by_standard_input_or_the_environment_not_by_the_list_of_processes(host: World) -> None:
    held = host.good("lease", "acquire", "--by", "run 7")["lease"]
    argv = [sys.executable, "-I", str(host.program), "--config", str(host.config), "prepare", NEW, "--json"]
    env = {"PATH": os.environ["PATH"]}
    for words, text, more in (
        (["--lease", "-"], f"{held}\n", {}),
        ([], "", {"SLOTS_LEASE": held}),
    ):
        done = subprocess.run([*argv, *words], input=text, text=True, capture_output=True, env={**env, **more})
        assert json.loads(done.stdout)["exit"] == 0, done
    for text in ("", "no token\n"):
        done = subprocess.run([*argv[:-2], THIRD, "--json", "--lease", "-"], input=text, text=True, capture_output=True)
        assert json.loads(done.stdout)["exit"] == 6, done
    host.good("lease", "break", "--reason", "over")
    host.live(OLD, "blue")


def test_a_manual_lease_has_no_end(host: World) -> None:
    host.good("lease", "acquire", "--by", "ada", "--manual", "--seconds", "0.01", "--reason", "disk change")
    answer = host.run("lease", "acquire", "--by", "run 8")
    assert answer.code == 6
    assert answer.what == "ada holds this host until it is given back (disk change; no run)"
    assert host.good("lease", "break", "--reason", "she is at home")["broken"] is True
    host.good("lease", "acquire", "--by", "run 8")


# --- a full disk


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A file system of that size; skipped where this user cannot mount one."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", str(folder).encode(), b"tmpfs", 0, f"size={size},mode=755".encode()):
        pytest.skip(f"no small file system here: {os.strerror(ctypes.get_errno())}")
    try:
        yield
    finally:
        libc.umount2(str(folder).encode(), 2)


def test_a_full_disk(nginx: str) -> None:
    with tempfile.TemporaryDirectory(prefix="slots-") as folder:
        work = Path(folder)
        (work / "home").mkdir()
        with small_disk(work / "home", "4m"), world(work, **PATIENT) as host:
            deploy(host, NEW)
            fill(host.home / "logs" / "filler")
            answer = host.run("prepare", THIRD)
            assert answer.code == 3
            assert "No space left on device" in answer.what
            assert "free some space" in answer.said
            assert host.run("preflight", THIRD).code == 1
            back = host.good("rollback", "--from", NEW)
            assert back["release"] == OLD
            assert "the disk is full: the reserve was spent to record this, free some space now" in back["said"]
            (host.home / "logs" / "filler").unlink()
            healed = host.good("guard", "restore")["said"]
            assert all(text.endswith("it was not begun") for text in healed), healed
            host.live(OLD, "blue")
            deploy(host, THIRD)
            host.live(THIRD, "green")


def fill(path: Path) -> None:
    """Until not one byte more goes in."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as stream:
        while True:
            stream.write(b"x" * 4096)


def test_the_schema_decides_whether_a_switch_is_enough(host: World) -> None:
    deploy(host, NEW)
    machine = host.machine
    state = machine.load()
    state.back = {"verdict": "forward-only", "why": "r2 removes a column", "release": NEW}
    machine.save(state)
    answer = host.run("rollback", "--from", NEW)
    assert (answer.code, answer.what) == (
        1,
        f"the release before ({OLD[:12]}) does not know the live schema: r2 removes a column",
    )
    host.live(NEW, "green")
    assert host.good("status")["rollback"]["possible"] is False
    assert host.good("rollback", "--from", NEW, "--force")["release"] == OLD


def test_a_flag_that_cannot_be_set_says_what_to_do_by_hand(host: World, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(host, NEW)
    machine = host.machine

    def refuse(slot: str) -> None:
        raise Trouble("the flag could not be set: read-only", "the disk is read-only", "remount it", 3)

    monkeypatch.setattr(machine.pointer, "point", refuse)
    with pytest.raises(Trouble) as caught:
        roll_back(machine, NEW, by="ada", reason="")
    flags = host.settings.nginx.flags
    assert caught.value.code == 5
    assert caught.value.do.endswith(f"by hand: mv {flags}/green {flags}/green.off")
