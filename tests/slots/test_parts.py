"""The parts of the host program that need no server: journal, state, clock, lock, configuration."""

from __future__ import annotations

import ast
import ctypes
import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import ROOT

from deploy_gate import hostprogram
from host import files, journal
from host.clock import Clock, Deadline
from host.config import load, parse, release_id
from host.journal import Journal
from host.lock import ROLLBACK, Lock
from host.machine import Machine
from host.nginxconf import faults, wrong_ports
from host.nginxconf import parse as parse_nginx
from host.processes import is_alive, myself, run
from host.settings import Settings
from host.state import Slot, State, Step, Store
from host.table import TABLE
from host.trouble import Trouble

SOURCE = hostprogram.SOURCE
RELEASE = "a" * 40


class FakeClock(Clock):
    """Clocks that go where a test wants them."""

    def __init__(self) -> None:
        self.now, self.up, self.start = 1_000_000.0, 500.0, "first"

    def wall(self) -> float:
        return self.now

    def boot(self) -> float:
        return self.up

    def boot_id(self) -> str:
        return self.start


# --- the program as a whole


@pytest.mark.parametrize("path", sorted(SOURCE.glob("*.py")), ids=lambda path: path.name)
def test_python_3_9_and_nothing_but_the_standard_library(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    imported = {one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert all(name.split(".")[0] in {"host", *sys.stdlib_module_names} for name in imported)
    assert not any(isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) for node in _evaluated(tree)), "X | Y"


def _evaluated(tree: ast.Module) -> list[ast.expr]:
    """Aliases at module level: the one place where annotations are evaluated."""
    return [node.value for node in tree.body if isinstance(node, ast.Assign)]


def test_same_bytes_for_the_same_source(tmp_path: Path) -> None:
    assert hostprogram.packed() == hostprogram.packed()
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in sorted(SOURCE.glob("*.py"), reverse=True):
        (copy / path.name).write_bytes(path.read_bytes())
        os.utime(copy / path.name, (1, 1))
    assert hostprogram.packed(copy) == hostprogram.packed()
    target = tmp_path / "slots.pyz"
    assert hostprogram.write(target) == hostprogram.identity(target.read_bytes())
    with zipfile.ZipFile(target) as archive:
        assert "__main__.py" in archive.namelist()
        assert "host/rollback.py" in archive.namelist()


def test_the_points_of_the_tests_do_nothing_in_the_program() -> None:
    text = (SOURCE / "points.py").read_text()
    assert "os." not in text
    assert "del point" in text
    assert not [path.name for path in SOURCE.glob("*.py") if "SLOTS_TEST" in path.read_text()]


# --- journal


def chain(path: Path, count: int) -> Journal:
    found = Journal(path, Clock())
    for number in range(count):
        found.append("step", number=number)
    return found


def test_journal_is_a_chain(tmp_path: Path) -> None:
    found = chain(tmp_path / "journal.jsonl", 5)
    assert found.faults() == []
    assert [one["seq"] for one in found.entries()] == [1, 2, 3, 4, 5]
    assert [one["number"] for one in found.tail(2)] == [3, 4]


@pytest.mark.parametrize("place", range(5))
def test_a_changed_line_is_found(tmp_path: Path, place: int) -> None:
    path = tmp_path / "journal.jsonl"
    found = chain(path, 6)
    lines = path.read_text().splitlines()
    lines[place] = lines[place].replace(f'"number":{place}', '"number":99')
    path.write_text("\n".join(lines) + "\n")
    assert found.faults() == [f"line {place + 2} does not follow from the line before it: one of them was changed"]


def test_a_removed_end_is_found_by_what_the_state_remembers(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    found = chain(path, 3)
    number, digest = found.append("switch")
    assert found.faults(number, digest) == []
    path.write_text("".join(line + "\n" for line in path.read_text().splitlines()[:3]))
    assert found.faults(number, digest) == ["line 4, which the state file remembers, is not there or is another one"]


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_torn_line_is_cut_and_told(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "journal.jsonl"
    found = chain(path, 3)
    path.write_bytes(path.read_bytes()[:-cut])
    assert found.faults() == ["line 3 cannot be read"]
    found.append("after")
    assert found.faults() == []
    assert [one["event"] for one in found.entries()] == ["step", "step", "repaired", "after"]


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.jsonl"
    found = chain(path, 2)
    before = path.read_bytes()

    def half(descriptor: int, data: bytes) -> None:
        os.write(descriptor, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(journal, "write_all", half)
        with pytest.raises(OSError, match="No space"):
            found.append("lost")
    assert path.read_bytes() == before
    found.append("kept")
    assert found.faults() == []


def test_many_who_write_at_once_make_one_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = journal._head

    def slow(descriptor: int) -> tuple[int, str]:
        found = head(descriptor)
        os.sched_yield()
        Clock().sleep(0.002)  # the moment in which another one could write
        return found

    monkeypatch.setattr(journal, "_head", slow)
    path = tmp_path / "journal.jsonl"
    with ThreadPoolExecutor(4) as many:
        list(many.map(lambda number: Journal(path, Clock()).append("line", number=number), range(40)))
    assert Journal(path, Clock()).faults() == []
    assert len(list(Journal(path, Clock()).entries())) == 40


def test_what_comes_from_outside_is_bounded(tmp_path: Path) -> None:
    found = Journal(tmp_path / "journal.jsonl", Clock())
    found.append("hostile", reason="x" * 100_000 + "\n", many=list(range(1000)))
    found.append("next")
    entry = next(found.entries())
    assert len(entry["reason"]) == 2000
    assert len(entry["many"]) == 50
    assert found.faults() == []


# --- state


def test_state_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.json")
    state = State("blue", {"blue": Slot(RELEASE, running=True), "green": Slot()}, fence=3)
    state.step = Step(7, "switch", "me", 3, {"to": "green"})
    store.save(state)
    assert store.load() == state
    data = json.loads(store.path.read_text())
    data["of a newer version"] = data["step"]["also"] = 1
    store.path.write_text(json.dumps(data))
    assert store.load() == state


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "[" * 60_000, '{"version": 2}', '{"version": 1, "live": "red", "slots": {}}'),
        '{"version": 1, "live": "blue", "slots": []}',
        '{"version": 1, "live": "blue", "slots": {"blue": {}}, "watch": "none"}',
    ],
)
def test_a_state_that_cannot_be_read_is_told(tmp_path: Path, text: str) -> None:
    store = Store(tmp_path / "state.json")
    store.path.write_text(text)
    with pytest.raises(Trouble, match="cannot be read") as caught:
        store.load()
    assert "slots init" in caught.value.do


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.json"
    files.write_whole(path, b"old")

    def full(descriptor: int, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "write_all", full)
    with pytest.raises(OSError, match="No space"):
        files.write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["state.json"]


# --- time


def test_a_deadline_does_not_follow_the_wall_clock() -> None:
    clock = FakeClock()
    deadline = Deadline.after(clock, 60)
    for jump in (-86400, 86400 * 365):
        clock.now += jump
        assert deadline.remaining(clock) == 60
    clock.up += 61
    assert deadline.passed(clock)


def test_a_deadline_after_a_reboot() -> None:
    clock = FakeClock()
    deadline = Deadline.of(Deadline.after(clock, 60).as_json())
    clock.start, clock.up = "second", 3.0
    clock.now += 20
    assert deadline.remaining(clock) == 40
    clock.now -= 86400
    assert deadline.remaining(clock) == 57, "never longer than it was set for, counted from the start of the machine"
    clock.now += 86400 * 2
    assert deadline.passed(clock)


def test_a_deadline_comes_after_a_reboot_with_a_clock_that_is_behind() -> None:
    clock = FakeClock()
    deadline = Deadline.of(Deadline.after(clock, 60).as_json())
    clock.start, clock.up, clock.now = "second", 3.0, 0.0  # no battery: 1970
    seen = []
    for _ in range(4):
        seen.append(deadline.remaining(clock))
        clock.up, clock.now = clock.up + 20, clock.now + 20
    assert seen == [57, 37, 17, -3]
    assert deadline.passed(clock)


# --- lock


def test_one_at_a_time(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "lock", Clock())
    with lock.taken(0):
        assert not Lock(tmp_path / "lock", Clock()).is_free()
        told = rf"another command is at work \(process {os.getpid()}\)"
        with pytest.raises(Trouble, match=told), Lock(tmp_path / "lock", Clock()).taken(0.05):
            pass
    assert lock.is_free()


def test_a_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "lock", Clock())
    with lock.taken(0):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert lock.is_free()
    finally:
        child.communicate(b"\n")


HOLDER = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from host.clock import Clock
from host.lock import Lock
with Lock(Path(sys.argv[2]), Clock()).taken(5, doing=sys.argv[3]):
    print("held", flush=True)
    input()
"""


class QuickClock(Clock):
    """One whose waits are over at once, and counted."""

    def __init__(self) -> None:
        self.ahead, self.waits = 0.0, 0

    def boot(self) -> float:
        return super().boot() + self.ahead

    def sleep(self, seconds: float) -> None:
        self.ahead += seconds
        self.waits += 1
        super().sleep(0.001)


@contextmanager
def holding(path: Path, doing: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process holds the lock, until it gets a line."""
    argv = [sys.executable, "-c", HOLDER, str(SOURCE.parent), str(path), doing]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            yield holder
        finally:
            holder.kill()


def test_a_holder_that_hangs_is_ended_for_a_rollback(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holding(path, "") as holder, Lock(path, Clock()).taken(0.1, doing=ROLLBACK, longest=60):
        assert holder.wait(20) == -9


def test_a_holder_that_rolls_back_itself_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "lock"

    class Impatient(QuickClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if self.waits == 500:  # ten times as long as anybody else would have had
                holder.stdin.write(b"\n")  # type: ignore[union-attr]
                holder.stdin.flush()  # type: ignore[union-attr]

    clock = Impatient()
    with holding(path, ROLLBACK) as holder:
        with Lock(path, clock).taken(1, doing=ROLLBACK, longest=1e6):
            assert holder.wait(20) == 0
        assert clock.waits >= 500


def test_a_rollback_that_hangs_is_told_and_not_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holding(path, ROLLBACK) as holder:
        told = rf"another rollback is at work \(process {holder.pid}\) and does not come to its end"
        with pytest.raises(Trouble, match=told), Lock(path, QuickClock()).taken(1, doing=ROLLBACK, longest=10):
            pass
        assert holder.poll() is None


def test_a_process_is_told_from_another_with_its_number() -> None:
    clock = Clock()
    mine = myself(clock)
    assert is_alive(mine, clock)
    assert not is_alive(mine + "0", clock)
    assert not is_alive(f"other-boot:{mine.partition(':')[2]}", clock)
    for nonsense in ("", ":", "a:b:c", f"{clock.boot_id()}:1"):
        assert not is_alive(nonsense, clock)


def test_a_command_is_bounded_and_its_children_hold_nothing_up(tmp_path: Path) -> None:
    log = tmp_path / "log"
    ended = run(["sh", "-c", "echo begun; sleep 600"], 2, log)
    assert (ended.code, ended.said) == (None, "begun\n")
    assert "did not end in time" in ended.why()
    left = run(["sh", "-c", "sleep 600 & echo $!"], 60, log)
    assert left.good, "the child in the background still has the output open"
    os.kill(int(left.said), signal.SIGKILL)
    assert run(["/no/such/program"], 1, log).why().startswith("ended with 127")


def test_warnings_are_no_part_of_the_answer_and_errors_are_told(tmp_path: Path) -> None:
    log, errors = tmp_path / "out.log", tmp_path / "err.log"
    ended = run(["sh", "-c", "echo WARNING >&2; echo r1"], 5, log, errors=errors)
    assert (ended.good, ended.said) == (True, "r1\n")
    ended = run(["sh", "-c", "echo refused >&2; exit 2"], 5, log, errors=errors)
    assert ended.why().endswith(": refused")
    assert errors.read_text() == "WARNING\nrefused\n"


def test_a_command_dies_with_this_program_and_nothing_is_looked_up_after_the_fork(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(["true"], 60, tmp_path / "log")

    def late(*_: object) -> None:
        raise RuntimeError("another thread may have held a lock of the loader at the fork")

    for name in ("CDLL", "PyDLL"):
        monkeypatch.setattr(ctypes, name, late)
    ask = "import ctypes; told = ctypes.c_int(); ctypes.CDLL(None).prctl(2, ctypes.byref(told)); print(told.value)"
    ended = run([sys.executable, "-I", "-c", ask], 60, tmp_path / "log")
    assert (ended.code, ended.said.strip()) == (0, str(int(signal.SIGKILL)))


def test_a_command_sees_an_allow_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    ended = run(["env"], 10, tmp_path / "log", {"SLOT": "blue"})
    assert "secret" not in ended.said
    assert "SLOT=blue" in ended.said


# --- configuration


def config(**changes: object) -> str:
    data: dict[str, object] = {
        "application": "shop",
        "home": "/var/lib/shop",
        "slots": {"blue": 8001, "green": 8011},
        "commands": {"start": ["start", "{slot}"], "stop": ["stop", "{slot}"]},
        "front": {"url": "http://127.0.0.1/health"},
        "nginx": {"snippets": "/etc/nginx/shop", "flags": "/var/lib/shop/flags"},
    }
    return json.dumps({**data, **changes})


def test_a_whole_configuration() -> None:
    wrong: list[str] = []
    settings = parse(config(), wrong)
    assert wrong == []
    assert settings is not None
    assert (settings.first, settings.second, settings.other("blue")) == ("blue", "green", "green")
    assert settings.limits.sla == 120


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"slots": {"blue": 8001}}, "slots: two of them are wanted, with ports that differ"),
        ({"slots": {"blue": 1, "green": 1}}, "slots: two of them are wanted, with ports that differ"),
        ({"slots": {"blue": 1, "green": 70000}}, "slots: 70000 is no port"),
        ({"slots": {"blue": 1, "gr een": 2}}, "'gr een': a name has small letters, digits and _ only"),
        ({"application": "a;b"}, "'a;b': a name has small letters, digits and _ only"),
        ({"home": "relative"}, "home: an absolute path of plain characters is wanted, not 'relative'"),
        (
            {"front": {"url": "erp.example"}},
            "front.url: a whole URL with its path is wanted, as http://127.0.0.1/health",
        ),
        (
            {"front": {"url": "http://erp.example:99999/"}},
            "front.url: 'http://erp.example:99999/' names no port that can be",
        ),
        (
            {"front": {"url": "http://erp.example/", "connect": "127.0.0.1"}},
            "front.connect: host:port is wanted, as 127.0.0.1:443, not '127.0.0.1'",
        ),
        (
            {"front": {"url": "https://erp.example/", "ca": "ca.pem"}},
            "front.ca: an absolute path of plain characters is wanted, not 'ca.pem'",
        ),
        ({"commands": {"stop": ["x"]}}, "commands.start: is needed"),
        ({"commands": {"start": ["{slto}"], "stop": ["x"]}}, "commands.start: {slto} is not known"),
        (
            {"commands": {"start": "docker up", "stop": ["x"]}},
            'commands.start: a list of texts is wanted, not "docker up"',
        ),
        ({"limits": {"strat": 1}}, "limits.strat: not known, did you mean start?"),
        ({"limits": {"start": "10s"}}, 'limits.start: a number of seconds is wanted, not "10s"'),
        ({"guard": {"looks": 0}}, "guard.interval is at least 0.05, guard.looks and front.looks at least 1"),
        ({"limits": {"stop": -1}}, "limits.stop: -1.0 is out of range"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(changes: dict[str, object], expected: str) -> None:
    wrong: list[str] = []
    parse(config(**changes), wrong)
    assert wrong == [expected]


def test_every_mistake_at_once(tmp_path: Path) -> None:
    path = tmp_path / "slots.json"
    path.write_text(config(home=3, slots=[], limits={"x": 1}))
    with pytest.raises(Trouble) as caught:
        load(path)
    assert caught.value.code == 2
    for place in ("home:", "slots:", "limits.x:"):
        assert place in caught.value.what


@pytest.mark.parametrize("text", ["main", "a" * 39, "A" * 40, "a" * 40 + "\n", "--force", "../../etc"])
def test_a_release_is_forty_digits(text: str) -> None:
    with pytest.raises(Trouble) as caught:
        release_id(text)
    assert caught.value.code == 2


# --- the reserve


def test_the_reserve_is_spent_when_something_urgent_must_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong: list[str] = []
    settings = parse(config(home=str(tmp_path)), wrong)
    assert settings is not None
    machine = Machine(settings, who="test")
    assert files.keep_reserve(tmp_path)
    whole = files.write_all

    def full(descriptor: int, data: bytes) -> None:
        if (tmp_path / files.RESERVE).exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        whole(descriptor, data)

    monkeypatch.setattr(journal, "write_all", full)
    with pytest.raises(Trouble, match="No space"):
        machine.log("ordinary")
    assert (tmp_path / files.RESERVE).exists()
    machine.urgent = True
    machine.log("rollback")
    assert not (tmp_path / files.RESERVE).exists()
    assert [one["event"] for one in machine.journal.entries()] == ["rollback"]


# --- nginx's configuration

DUMP = """# configuration file /etc/nginx/nginx.conf:
user www-data; # a comment; with { braces
http {
    open_file_cache max=1000;
    log_format main '$remote_addr {"x": "}"}';
    include shop/http.conf;
    include sites/*.conf;
}
# configuration file /etc/nginx/shop/http.conf:
upstream shop_blue { server 127.0.0.1:8001; }
# configuration file /etc/nginx/sites/shop.conf:
server { server_name erp.example; include /etc/nginx/shop/server.conf; SERVER location / { proxy_pass http://$u; } }
server { server_name other.example; open_file_cache max=5; }
# configuration file /etc/nginx/shop/server.conf:
open_file_cache off;
if (-f /flags/green) { set $slot green; }
"""
SERVER, HTTP = "/etc/nginx/shop/server.conf", "/etc/nginx/shop/http.conf"


@pytest.mark.parametrize(
    ("dump", "expected"),
    [
        (DUMP.replace("SERVER", ""), []),
        (
            DUMP.replace("SERVER", "open_file_cache max=10 inactive=5s;"),
            ["server erp.example: open_file_cache is on, it would hide the flag"],
        ),
        (
            DUMP.replace("include /etc/nginx/shop/server.conf; SERVER", ""),
            ["no server block includes /etc/nginx/shop/server.conf"],
        ),
        (
            DUMP.replace("include shop/http.conf;", "").replace("SERVER", "").replace("shop/http.conf:", "x:"),
            [f"{HTTP} is not included"],
        ),
    ],
)
def test_what_keeps_the_flag_from_being_seen(dump: str, expected: list[str]) -> None:
    assert faults(parse_nginx(dump), SERVER, HTTP) == expected


PORTS = {"shop_blue": 8001}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("", "", []),
        (":8001", ":8002", "goes to 127.0.0.1:8002"),
        ("server 127.0.0.1:8001;", "", "goes to nothing"),
        ("server 127.0.0.1:8001;", "server 127.0.0.1:8001; server 127.0.0.1:1;", "goes to 127.0.0.1:8001, 127.0.0.1:1"),
        ("shop_blue", "shop_red", "is not there"),
    ],
)
def test_an_upstream_that_goes_elsewhere(before: str, after: str, expected: str | list[str]) -> None:
    told = f"upstream shop_blue {expected}, its slot is to listen on 127.0.0.1:8001"
    assert wrong_ports(parse_nginx(DUMP.replace(before, after)), PORTS) == ([told] if expected else [])


def test_a_configuration_that_includes_itself_ends() -> None:
    dump = "# configuration file /n.conf:\nhttp { include /n.conf; include /s.conf; } }\n"
    assert faults(parse_nginx(dump), "/s.conf", "/h.conf") == [
        "no server block includes /s.conf",
        "/h.conf is not included",
    ]


# --- the page for users


def test_the_page_holds_a_configuration_that_is_right_and_every_key() -> None:
    page = (ROOT / "docs" / "host.md").read_text()
    wrong: list[str] = []
    example = page.split("```json\n")[1].split("```")[0]
    assert parse(example, wrong) is not None
    assert wrong == []
    for section in dataclasses.fields(Settings):
        kind = getattr(Settings(), section.name)
        assert f"`{section.name}`" in page or f'"{section.name}"' in page
        if dataclasses.is_dataclass(kind):
            rows = [line for line in page.splitlines() if line.startswith(f"| `{section.name}` | ")]
            keys = [f"`{key.name.replace('_', '-')}`" for key in dataclasses.fields(kind)]
            assert any(all(key in row for key in keys) for row in rows), keys


def test_the_page_holds_every_command() -> None:
    page = (ROOT / "docs" / "host.md").read_text()
    for name in TABLE:
        assert any(line.startswith((f"| `{name}`", f"| `{name} ")) for line in page.splitlines()), name
