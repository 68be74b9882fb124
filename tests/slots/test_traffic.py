"""The access log of a real nginx, counted on the host: by slot and class, across rotations, whatever clients send."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import select
import shutil
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from slots.world import NEW, OLD, World

from host import accesslog, tally
from host.accesslog import Reading
from host.tally import Cell, Classes, Tally, Window, rounded
from host.traffic import moment
from host.trouble import Trouble

TOKEN = "a token made for this deployment"
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()


def request(host: World, path: bytes = b"/", method: bytes = b"GET", marker: bytes = b"") -> int:
    """One request, byte for byte; its status."""
    with socket.create_connection(("127.0.0.1", host.front), timeout=20) as connection:
        head = b" HTTP/1.0\r\nHost: x\r\nX-Deploy-Gate-Probe: " + marker
        connection.sendall(method + b" " + path + head + b"\r\n\r\n")
        said = b""
        while more := connection.recv(65536):
            said += more
    return int(said.split()[1])


def told(host: World, *words: str, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What `slots traffic` says once it is so: nginx writes a line a moment after it has answered."""
    end = time.monotonic() + 30
    while True:
        found = host.good("traffic", *words)
        if until(found) or time.monotonic() > end:
            return found
        select.select([], [], [], 0.05)


def requests(found: dict[str, Any], slot: str, window: str = "window") -> int:
    kinds = found[window]["slots"].get(slot, {})
    return sum(cell["requests"] for kind, cell in kinds.items() if kind != "health")


@pytest.fixture
def log(host: World) -> Path:
    """The log, empty, and nothing rotated; what requests of the guard are in it is of the class health."""
    path = host.work / "access.log"
    for one in host.work.glob("access.log?*"):
        one.unlink()
    os.truncate(path, 0)
    return path


def test_by_slot_class_and_outcome(host: World, log: Path) -> None:
    host.fault(OLD)
    for path, method in ((b"/orders?token=secret", b"GET"), (b"/orders", b"POST"), (b"/api/search?q=1", b"GET")):
        assert request(host, path, method) == 200
    assert request(host, b"/probe", marker=TOKEN.encode()) == 200
    assert request(host, b"/wrong", marker=b"another value") == 200
    assert request(host, b"/events/stream") == 200
    host.fault(OLD, status=503)
    assert request(host, b"/orders") == 503
    host.fault(OLD, status=404)
    assert request(host, b"/none") == 404
    words = ("--since", "600", "--class", "search=/search$", "--class", "ignore=^/events/", "--marker", DIGEST)
    found = told(host, *words, until=lambda one: requests(one, "blue") >= 6)
    cells = found["window"]["slots"]["blue"]
    seen = {kind: (cell["requests"], cell["errors"], cell["refused"]) for kind, cell in cells.items()}
    seen.pop("health", None)
    assert seen == {"read": (4, 1, 1), "write": (1, 0, 0), "search": (1, 0, 0)}
    assert (found["window"]["probes"], found["window"]["ignored"], found["read"]["unreadable"]) == (1, 1, 0)
    assert all(sum(cell["ms"].values()) == cell["requests"] for cell in cells.values())
    assert (found["live"], found["release"], found["baseline"]) == ("blue", OLD, None)
    assert b"secret" not in log.read_bytes(), "queries hold tokens"


def test_what_clients_send_steers_nothing(host: World, log: Path) -> None:
    hostile = [b'/"},{"time":"1"', b"/%22%7d%0a%7b%22status%22", b"/%ff%fe%00", b"/\xff\xc3(", b"/" + b"a" * 4000]
    answered = [request(host, path) for path in hostile]
    good = sum(200 <= status < 300 for status in answered)
    assert good >= 3, answered
    found = told(host, "--since", "600", until=lambda one: requests(one, "blue") + requests(one, "-") >= len(hostile))
    assert requests(found, "blue") + requests(found, "-") == len(hostile)
    assert found["read"]["unreadable"] == 0
    assert request(host, b"/x", marker=TOKEN.encode() * 20) == 200
    assert request(host, b"/x", marker=b'\xff\xff"}') == 200
    found = told(host, "--since", "600", "--marker", DIGEST, until=lambda one: requests(one, "blue") >= good + 2)
    assert found["window"]["probes"] == 0


def test_a_rotation_in_the_window_hides_nothing(host: World, log: Path) -> None:
    def send(number: int) -> None:
        for _ in range(number):
            assert request(host) == 200

    def count(number: int) -> dict[str, Any]:
        found = told(host, "--since", "600", until=lambda one: requests(one, "blue") >= number)
        assert requests(found, "blue") == number
        return found

    send(3)
    count(3)
    log.rename(log.with_name("access.log.1"))
    send(2)  # nginx still writes to the old one
    wait_for(lambda: b"/" in log.with_name("access.log.1").read_bytes())
    assert count(5)["read"]["files"] == ["access.log.1"], "between the rename and the signal"
    os.kill(int((host.work / "nginx.pid").read_text()), signal.SIGUSR1)
    wait_for(lambda: reopened(host, log))
    send(4)
    assert set(count(9)["read"]["files"]) == {"access.log.1", "access.log"}
    with log.with_name("access.log.1").open("rb") as plain, gzip.open(f"{log}.2.gz", "wb") as packed:
        shutil.copyfileobj(plain, packed)
    log.with_name("access.log.1").unlink()
    assert count(9)["read"]["files"] == ["access.log.2.gz", "access.log"]
    os.utime(f"{log}.2.gz", (1, 1))
    assert count(4)["read"]["files"] == ["access.log"], "what was packed before the window is not read"


def reopened(host: World, log: Path) -> bool:
    """Whether nginx writes to the file of now: each of its workers opens it for itself."""
    master = (host.work / "nginx.pid").read_text().strip()
    workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    with suppress(FileNotFoundError):
        now = log.stat()
        opened = [[one.stat() for one in Path(f"/proc/{worker}/fd").iterdir()] for worker in workers]
        return bool(workers) and all(any(os.path.samestat(now, one) for one in its) for its in opened)
    return False


def wait_for(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        select.select([], [], [], 0.05)


def test_since_the_switch_beside_the_other_slot_before_it(host: World, log: Path) -> None:
    answer = host.run("traffic")
    assert (answer.code, "is not known" in answer.what) == (3, True)
    for _ in range(4):
        request(host)
    told(host, "--since", "600", until=lambda one: requests(one, "blue") >= 4)
    host.good("prepare", NEW)
    host.good("switch", NEW, "--confirm-within", "60")
    host.good("confirm", NEW)
    for _ in range(3):
        request(host)
    found = told(host, until=lambda one: requests(one, "green") >= 3)
    assert (requests(found, "green"), requests(found, "blue"), requests(found, "blue", "baseline")) == (3, 0, 4)
    assert (found["live"], found["release"], abs(found["clock_jump"]) < 1) == ("green", NEW, True)
    assert set(found["baseline"]["slots"]) == {"blue"}


def test_a_clock_that_was_moved_is_told(host: World) -> None:
    state = host.machine.load()
    machine = host.machine
    assert moment(machine, state) == (None, 0.0)
    clock = machine.clock
    state.switched = {"seconds": 3, "boot_id": clock.boot_id(), "boot": clock.boot() + 3, "wall": clock.wall() + 3603}
    wall, jump = moment(machine, state)
    assert wall is not None
    assert abs(wall - clock.wall() - 3600) < 5
    assert abs(jump + 3600) < 5
    assert moment(machine, state)[1] < -3000
    state.switched["boot_id"] = "before the reboot"
    assert moment(machine, state)[1] == 0


def test_what_is_not_set_up_says_how(host: World, log: Path) -> None:
    assert "log_format shop_slots escape=json" in host.good("nginx", "show")["text"]
    answer = host.run("traffic", "--since", "yesterday")
    assert (answer.code, "is `switch`, or seconds" in answer.what) == (2, True)
    answer = host.run("traffic", "--since", "60", "--class", "x=(")
    assert (answer.code, "is no class of endpoints" in answer.what) == (2, True)
    host.configure(access={"log": "/nowhere/access.log"})
    answer = host.run("traffic", "--since", "60")
    assert (answer.code, "is not there" in answer.what) == (2, True)
    host.configure(access={"log": ""})
    answer = host.run("traffic", "--since", "60")
    assert (answer.code, "access.log is not set" in answer.what) == (2, True)
    host.configure(access={"log": "relative"})
    try:
        assert "access.log: an absolute path" in host.run("traffic").what
    finally:
        host.configure()  # with a wrong file the guard could not be told to end


def line(moment: float, *, slot: str = "blue", status: int = 200, seconds: float = 0.01, path: str = "/") -> bytes:
    told = {"time": f"{moment:.3f}", "status": str(status), "request_time": f"{seconds:.3f}", "method": "GET"}
    return json.dumps({**told, "uri": path, "slot": slot, "release": "", "marker": ""}).encode() + b"\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


def test_a_long_log_is_not_read_from_its_beginning(folder: Path) -> None:
    folder.write_bytes(b"".join(line(1_700_000_000 + number / 10) for number in range(60_000)))
    reading = Reading(folder, 1_700_005_000)
    records = [one for batch in reading.batches() for one in batch]
    assert float(records[-1]["time"]) == 1_700_005_999.9
    assert float(records[0]["time"]) < 1_700_005_000 - 50
    assert reading.lines == len(records) < 15_000
    assert reading.bad == 0


def test_lines_that_are_none_are_counted_and_nothing_else_is_lost(folder: Path) -> None:
    good = line(1_700_000_000)
    folder.write_bytes(good + b"127.0.0.1 - - [x] GET /\n" + b"[" * 100_000 + b"\n[]\n\xff\n7\n" + good + b'{"time":')
    reading = Reading(folder, 1_600_000_000)
    window = Window(1_600_000_000, 1_800_000_000, ["blue"])
    counted = Tally([window], Classes([], "/health"), tally.Markers([]), ["blue"])
    for batch in reading.batches():
        counted.take(batch)
    assert (window.cells["blue"]["read"].requests, reading.bad) == (2, 5)
    counted.take([{"time": "x"}, {}, {"time": 1_700_000_000, "status": 200, "request_time": 1, "uri": 3, "slot": []}])
    assert counted.bad == 3


def test_two_names_of_one_file_are_one(folder: Path) -> None:
    folder.write_bytes(line(1_700_000_000))
    os.link(folder, folder.with_name("access.log.1"))
    with gzip.open(f"{folder}.1.gz", "wb") as packed:
        packed.write(line(1_700_000_000))
    Path(f"{folder}.2.gz").write_bytes(b"\x1f\x8b not whole")
    (folder.parent / "access.log.old").write_bytes(line(1_700_000_000))
    with ExitStack() as kept:
        assert [name for name, *_ in accesslog.opened(folder, 0, kept)] == ["access.log.2.gz", "access.log"]
    reading = Reading(folder, 1_600_000_000)
    assert sum(len(batch) for batch in reading.batches()) == 1


@pytest.mark.parametrize(
    ("ms", "key"), [(0, 0), (0.4, 0), (500, 500), (501, 501), (999, 999), (1000, 1000), (1001, 1010), (12_345, 12_400)]
)
def test_times_are_whole_milliseconds_then_three_digits_never_less(ms: float, key: int) -> None:
    assert rounded(ms) == key


def test_an_upgraded_connection_has_no_time() -> None:
    cell = Cell()
    for status in (101, 499, 500, 599, 404):
        cell.take(status, 60)
    told = {"requests": 5, "errors": 3, "refused": 1, "closed": 1, "hung": 1}
    assert cell.as_json() == {**told, "ms": {"60000": 4}}


@pytest.mark.parametrize(("seconds", "errors"), [(0.2, 0), (4.999, 0), (5.0, 1), (60.0, 1)])
def test_whom_nobody_answered_for_long_met_a_failure(seconds: float, errors: int) -> None:
    cell = Cell()
    cell.take(499, seconds)
    cell.take(200, 60)
    assert (cell.errors, cell.closed, cell.hung) == (errors, 1, errors)


def test_what_nginx_answers_by_itself_to_what_is_no_request_is_no_failure() -> None:
    window = Window(1_600_000_000, 1_800_000_000, ["blue", "-"])
    counting = Tally([window], Classes([], "/health"), tally.Markers([]), ["blue"])
    counting.take(
        [
            json.loads(line(1_700_000_000, slot=slot, status=status))
            for slot, status in (("", 505), ("", 501), ("", 502), ("", 503), ("blue", 501))
        ]
    )
    assert (window.cells["-"]["read"].errors, window.cells["-"]["read"].refused) == (2, 2)
    assert window.cells["blue"]["read"].errors == 1


def test_the_path_that_the_guard_looks_at_is_health_whatever_the_patterns_say() -> None:
    classes = Classes(["all=."], "/up")
    assert [classes.of("GET", path) for path in ("/up", "/x")] == ["health", "all"]
    for front in ("/", tally.health_path("https://erp.example/")):
        home = Classes([], front)
        assert [home.of("GET", path) for path in ("/", "")] == ["read", "read"], "users ask for the home page too"
    assert tally.health_path("https://erp.example/up?deep=1") == "/up"
    for text in ("x", "=y", "X=y", "a=["):
        with pytest.raises(Trouble):
            Classes([text], "/")
