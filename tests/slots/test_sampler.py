"""What the guard writes down every few seconds: a line that a later run can look back at, bounded, and never in its way."""

from __future__ import annotations

import json
import os
import select
import signal
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from slots.test_traffic import line, request, wait_for
from slots.world import NEW, OLD, World

from host import sampler, vitals
from host.clock import Clock
from host.follow import Follow
from host.guarding import seen
from host.sampler import Beside, Sampler, counted, keep, remembered
from host.trouble import Trouble
from host.vitals import Counters, between


@pytest.fixture
def clean(host: World) -> World:
    """Without samples, with an empty log."""
    for name in (sampler.FILE, sampler.OLDER):
        (host.home / name).unlink(missing_ok=True)
    os.truncate(host.work / "access.log", 0)
    return host


def test_the_guard_samples_and_a_later_run_looks_back(clean: World) -> None:
    clean.configure(guard={"interval": 0.1, "sample": 0.1})
    clean.good("guard", "stop")
    clean.good("guard", "start")
    try:
        wait_for(lambda: len(clean.good("samples")["samples"]) > 2)
        clean.fault(OLD, status=500)
        for _ in range(5):
            assert request(clean, b"/orders") == 500
        clean.fault(OLD)
        assert request(clean, b"/orders") == 200
        wait_for(lambda: sums(clean) == (6, 5))
    finally:
        clean.configure()
        clean.good("guard", "stop")
        clean.good("guard", "start")
    one = clean.good("samples")["samples"][1]
    assert (one["live"], one["release"], one["front"]["status"], one["slot"]["status"]) == ("blue", OLD[:12], 200, 200)
    assert 0 <= one["cpu"] <= 100
    assert 0 < one["memory"] < 100
    assert clean.good("samples", "--since", "600", "--until", "500")["samples"] == []
    told = clean.good("resources", "--seconds", "0.2", "--over", "3600")
    assert told["samples"]["count"] == len(clean.good("samples")["samples"])
    assert 0 <= told["live"]["cpu"] <= 100
    assert told["samples"]["cpu"]["max"] >= told["samples"]["cpu"]["mean"]


def test_samples_of_a_time_to_come_and_of_before_a_gap(clean: World) -> None:
    """The clock stood wrong when they were written: they are of no window that is over."""
    now = time.time()
    for ago in (-600, -5, 1800, 1795, 10):
        keep(clean.home, {"at": now - ago, "release": OLD[:12]})
    told = clean.good("samples", "--since", "900")
    assert [round(now - one["at"]) for one in told["samples"]] == [10]
    assert told["switched_ago"] is None, "nothing was switched on this host since it was set up"
    clean.good("prepare", NEW)
    clean.good("switch", NEW, "--confirm-within", "600")
    assert 0 <= clean.good("samples")["switched_ago"] < 600


def sums(host: World) -> tuple[int, int]:
    kept = host.good("samples")["samples"]
    return sum(one["requests"] for one in kept), sum(one["errors"] for one in kept)


def test_it_goes_on_where_the_guard_before_it_stopped(clean: World) -> None:
    machine, log = clean.machine, clean.work / "access.log"
    with closing(Sampler(machine)) as first:
        first.take()
        append(log, 3)
        taken = first.take()
    assert (taken["requests"], taken["errors"], taken["marked"]) == (3, 0, 0)
    keep(machine.home, taken)
    append(log, 4)
    log.rename(log.with_name("access.log.1"))
    log.write_bytes(b"")
    append(log, 2)
    try:
        with closing(Sampler(machine)) as second:
            assert second.take()["requests"] == 6
        (machine.home / sampler.FILE).write_text('{"at": 1}\n{"log": "x"}\n{"log": [1')
        assert remembered(machine.home) is None
        with closing(Sampler(machine)) as third:
            assert third.take()["requests"] == 0, "without a place from the end on"
    finally:
        log.with_name("access.log.1").replace(log)


def append(log: Path, number: int, **more: Any) -> None:
    with log.open("ab") as stream:
        stream.write(line(time.time(), **more) * number)


def test_a_log_that_is_followed_loses_nothing_in_a_rotation(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    follow = Follow(log)
    assert (follow.records(), follow.place) == ([], None), "not there yet"
    log.write_bytes(line(1))
    assert follow.records() == [], "from its end on"
    append(log, 2)
    with log.open("ab") as stream:
        stream.write(line(1)[:20])
    assert len(follow.records()) == 2
    with log.open("ab") as stream:
        stream.write(line(1)[20:])
    assert len(follow.records()) == 1, "half a line is waited for"
    log.rename(tmp_path / "access.log.1")
    append(tmp_path / "access.log.1", 3)
    assert len(follow.records()) == 3, "no new one yet"
    append(tmp_path / "access.log.1", 1)
    append(log, 5)
    assert len(follow.records()) == 6
    os.truncate(log, 0)
    append(log, 1)
    assert len(follow.records()) == 1, "cut where it lay"
    follow.close()


def test_what_comes_to_the_old_file_while_the_new_one_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, old = tmp_path / "access.log", tmp_path / "access.log.1"
    log.touch()
    follow = Follow(log)
    follow.records()
    log.rename(old)
    append(log, 2)
    rest = Follow._rest
    calls: list[int] = []

    def late(self: Follow) -> list[dict[str, Any]]:
        found = rest(self)
        if not calls:
            append(old, 3)
        calls.append(1)
        return found

    monkeypatch.setattr(Follow, "_rest", late)
    assert len(follow.records()) == 5
    follow.close()


def test_what_is_too_much_is_skipped_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("host.follow._MOST", 1000)
    log = tmp_path / "access.log"
    log.touch()
    follow = Follow(log)
    follow.records()
    append(log, 100)
    assert 1 <= len(follow.records()) <= 10
    assert follow.skipped > 5000
    follow.close()


def test_two_files_at_most_and_half_a_line_hurts_nothing(clean: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "LARGEST", 1000)
    now = time.time()
    for number in range(50):
        keep(clean.home, {"at": now, "number": number})
    files = [clean.home / name for name in (sampler.FILE, sampler.OLDER)]
    assert all(path.stat().st_size < 1100 for path in files if path.exists())
    with files[0].open("ab") as stream:
        stream.write(b'{"at": 1\n[]\n{"at": "x"}\n' + b"[" * 500 + b"\n")
    numbers = [one["number"] for one in sampler.samples(clean.machine, 600)["samples"]]
    assert numbers == list(range(numbers[0], 50))
    assert len(numbers) > 20


def test_whatever_goes_wrong_it_goes_on(clean: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def broken(*_: object) -> None:
        tried.append(1)
        if len(tried) == 3:
            monkeypatch.setattr(os, "getppid", lambda: 0)
        raise ValueError

    monkeypatch.setattr(sampler, "keep", broken)
    # This process must not die with whoever started it.
    monkeypatch.setattr(sampler, "PDEATHSIG", 9999)
    sampling = Sampler(clean.machine)
    sampling.run(os.getppid())
    sampling.close()
    assert len(tried) == 3


def test_it_ends_with_the_guard_and_is_started_again(clean: World) -> None:
    clean.configure(guard={"interval": 0.05, "sample": 0.1})
    clean.good("guard", "stop")
    clean.good("guard", "start")
    try:
        wait_for(lambda: len(children(clean)) == 1)
        first = children(clean)[0]
        pid = int(seen(clean.machine)["process"].split(":")[1])
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not Path(f"/proc/{first}").exists() or state_of(first) == "Z")
    finally:
        clean.configure()
        clean.good("guard", "start")
    beside = Beside(["false"])
    beside.tend(100.0)
    assert beside.child is not None
    ended = beside.child
    ended.wait()
    beside.tend(159.0)
    assert beside.child is ended, "not at once: it may end each time"
    beside.tend(160.0)
    assert beside.child is not ended
    beside.end()
    Beside([]).tend(1.0)


def children(host: World) -> list[int]:
    """Processes that the guard started."""
    pid = seen(host.machine)["process"].split(":")[1]
    with suppress(OSError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def state_of(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return "Z"


def test_requests_are_those_of_users() -> None:
    records = [{"uri": "/health", "status": "500", "request_time": "1"}] * 9
    records += [{"uri": "/x", "status": "200", "request_time": f"{one / 1000}"} for one in range(1, 101)]
    records += [{"uri": "/x"}, {}, {"uri": "/x", "status": "x", "request_time": "1"}]
    assert counted(records, "/health") == {"requests": 100, "errors": 0, "marked": 0, "p95": 95}
    assert counted([], "/health")["p95"] is None
    gone = [{"uri": "/", "status": "499", "request_time": seconds} for seconds in ("4.9", "5.1", "0.1")]
    assert counted([*gone, {"uri": "/", "status": "500", "request_time": "0"}], "")["errors"] == 2


def test_shares_of_processor_and_disk() -> None:
    early = Counters(100.0, 50, 100, {"sda": 1000, "sdb": 5})
    late = Counters(110.0, 111, 200, {"sda": 7100, "sdb": 5, "sdc": 99_999})
    assert between(early, late) == {"cpu": 61.0, "disk": 61.0}
    assert between(early, Counters(110.0, 50, 100, None)) == {"cpu": None, "disk": None}
    assert between(early, Counters(101.0, 60, 200, {"sda": 9000}))["disk"] == 100.0


def test_proc_as_the_kernel_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stat").write_text("cpu  10 1 5 100 20 1 2 3 7 0\ncpu0 1 1 1 1\n")
    (tmp_path / "diskstats").write_text(
        " 8 0 sda 1 0 0 0 1 0 0 0 0 777 0\n 8 1 sda1 1 0 0 0 1 0 0 0 0 555 0\n 7 0 loop0 1 0 0 0 1 0 0 0 0 999 0\n"
    )
    (tmp_path / "meminfo").write_text("MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:   290 kB\n")
    (tmp_path / "block").mkdir()
    for name in ("sda", "loop0"):
        (tmp_path / "block" / name).touch()
    monkeypatch.setattr(vitals, "_BLOCK", tmp_path / "block")
    found = vitals.counters(Clock(), tmp_path)
    assert (found.busy, found.total, found.disks) == (22, 142, {"sda": 777})
    assert vitals.memory(tmp_path) == 71.0
    (tmp_path / "diskstats").write_text("")
    assert vitals.counters(Clock(), tmp_path).disks is None
    for name in ("stat", "meminfo"):
        (tmp_path / name).write_text("nothing of the kind\n")
    with pytest.raises(Trouble):
        vitals.counters(Clock(), tmp_path)
    with pytest.raises(Trouble):
        vitals.memory(tmp_path)


def test_a_burning_processor_is_seen() -> None:
    clock = Clock()
    early = vitals.counters(clock)
    until = time.monotonic() + 30
    # As long as it takes: another program may have all the processors for a while, which is busy as well.
    while time.monotonic() < until:
        found = between(early, vitals.counters(clock))["cpu"]
        if found is not None and found > 10:
            return
        select.select([], [], [], 0)
    pytest.fail("no processor was busy")


def test_a_look_takes_two_looks() -> None:
    told = vitals.look(Clock(), 0.05)
    assert told["seconds"] >= 0.05
    assert json.loads(json.dumps(told)) == told
