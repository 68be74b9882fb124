"""What the host program tells to a check that only looks: a slot's log, its latency, and rehearsals of the journal."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from slots.world import NEW, OLD, World

from deploy_gate.rollout.onhost import diagnosis
from host import masking

SH = ["sh", "-c"]


@pytest.fixture
def log(host: World) -> Path:
    """The log of blue, which is live; the command appends from when on it was asked."""
    path = host.work / "blue.log"
    path.write_text("started\n")
    host.configure(
        commands={"logs": [*SH, 'echo "$1" > "$2.since"; cat "$2"', "x", "{since}", str(host.work / "{slot}.log")]}
    )
    return path


@pytest.fixture
def impatient(host: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same program, which waits for half a second only."""
    text = host.program.read_text().replace("Path(__file__).resolve()", f"Path({str(host.program)!r})")
    entry = host.work / "impatient.py"
    entry.write_text(text.replace("if __name__", "from host import slotlogs\nslotlogs._SECONDS = 0.5\nif __name__"))
    monkeypatch.setattr(host, "program", entry)


def look(host: World, *words: str) -> dict[str, Any]:
    return host.good("logs", "blue", *words)


def test_lines_are_counted_once_and_allowed_ones_apart(host: World, log: Path) -> None:
    log.write_text("fine\nERROR one\nERROR Traceback two\nERROR known\n\n")
    told = look(host, "--match=ERROR", "--match=Traceback", "--allow=known$")
    assert (told["lines"], told["counts"], told["allowed"]) == (5, {"ERROR": 2}, 1)
    assert told["hits"] == [
        {"pattern": "ERROR", "line": "ERROR one"},
        {"pattern": "ERROR", "line": "ERROR Traceback two"},
    ]
    assert (told["slot"], told["release"]) == ("blue", OLD)


def test_since_the_switch_and_since_the_start(host: World, log: Path) -> None:
    before = time.time()
    host.good("prepare", NEW)
    (host.work / "green.log").write_text("")
    host.good("switch", NEW, "--confirm-within", "60")
    told = host.good("logs", "green", "--match=x")
    asked = int((host.work / "green.log.since").read_text())
    assert int(before) <= asked <= time.time()
    assert 0 <= told["seconds"] <= time.time() - before + 1
    started = host.machine.load().slots["green"].since
    assert host.good("logs", "green", "--match=x", "--since=start")["seconds"] >= told["seconds"], started


TELEGRAM = "123456789:" + "AAF-" * 8 + "xyz"
SECRET_LINES = {
    "ERROR connect postgresql://erp:hunter2@db/erp": "ERROR connect postgresql://erp:***@db/erp",
    "ERROR Authorization: Bearer abc.def-123": "ERROR Authorization: Bearer ***",
    "ERROR sent bearer abcdefgh12345678": "ERROR sent bearer ***",
    f"ERROR POST https://api.telegram.example/bot{TELEGRAM}/send": "ERROR POST https://api.telegram.example/bot***/send",
    "ERROR DB_PASSWORD=hunter2 retry=3": "ERROR DB_PASSWORD=*** retry=3",
    'ERROR {"client_secret": "two words", "user": "ada"}': 'ERROR {"client_secret": ***, "user": "ada"}',
    "ERROR api-key='hunter2'; again": "ERROR api-key=***; again",
    "ERROR token ghp_" + "a1" * 18: "ERROR token ***",
    "ERROR eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl": "ERROR ***",
    "ERROR at 12:30:15 in https://shop.example:8080/orders": "ERROR at 12:30:15 in https://shop.example:8080/orders",
}


@pytest.mark.parametrize("hide", [masking.masked, diagnosis.masked], ids=["host", "diagnose"])
def test_values_that_look_like_secrets(hide: Callable[[str], str]) -> None:
    assert {line: hide(line) for line in SECRET_LINES} == SECRET_LINES


def test_the_host_and_diagnose_have_the_same_rules() -> None:
    assert masking.RULES == diagnosis.RULES


@pytest.mark.parametrize("filler", ["a", "token", "token=", "https://", "a:", "1", "eyJ", "bearer ", "'", '"'])
def test_a_long_line_is_masked_without_end(filler: str) -> None:
    assert masking.masked(filler * (60_000 // len(filler)))


def test_no_secret_of_a_log_leaves_the_host(host: World, log: Path) -> None:
    log.write_text("\n".join(SECRET_LINES) + "\n")
    assert look(host)["text"].splitlines() == list(SECRET_LINES.values())
    told = look(host, "--match=ERROR")
    assert [one["line"] for one in told["hits"]] == list(SECRET_LINES.values())
    log.write_text("ERROR " + "x" * 960 + " postgresql://erp:hunter2" + "2" * 100 + "@db/erp\n")
    assert "hunter2" not in json.dumps(look(host, "--match=ERROR")), "masked before it is cut"


def test_no_secret_of_a_command_or_a_reason_leaves_the_host(host: World) -> None:
    said = "psql: postgresql://erp:hunter2@db/erp refused; PASSWORD=hunter3"
    host.configure(commands={"start": [*SH, f"echo '{said}'; exit 7"]})
    answer = host.run("prepare", NEW)
    assert answer.code == 1
    assert "PASSWORD=***" in answer.what
    host.configure()
    held = host.good("lease", "acquire", "--by", "ada", "--reason", "token=hunter4")
    assert len(held["lease"]) == 32, "the lease's own token is what was asked for"
    shown = json.dumps([answer.data, host.good("status"), host.good("journal", "show")])
    assert "hunter" not in shown
    host.good("lease", "break", "--reason", "over")


def test_a_large_log_of_hostile_lines_is_bounded(host: World, log: Path) -> None:
    with log.open("wb") as stream:
        stream.write(b"ERROR " + b"x" * 5_000_000 + b" ERROR\n")
        stream.write(b"\xff\xfe ERROR \x1b[2J\n")
        stream.writelines(b"ERROR %d\n" % number for number in range(2000))
    told = look(host, "--match=ERROR")
    assert (told["lines"], told["counts"]) == (2002, {"ERROR": 2002})
    assert len(told["hits"]) == 100
    assert max(len(one["line"]) for one in told["hits"]) <= 1000


def test_what_is_not_known_is_an_error(host: World, log: Path) -> None:
    assert "no regular expression" in host.run("logs", "blue", "--match=(").what
    log.unlink()
    answer = host.run("logs", "blue", "--match=x")
    assert (answer.code, "ended with 1" in answer.what) == (3, True)
    host.configure(commands={"logs": ["cat", str(log)]})
    answer = host.run("logs", "blue", "--match=x")
    assert (answer.code, "has no {since}" in answer.what) == (2, True)
    host.configure()
    assert host.run("logs", "blue", "--match=x").code == 2
    assert host.run("logs", "green", "--match=x").code != 0


def test_a_pattern_that_never_ends_ends_the_program(host: World, log: Path, impatient: None) -> None:
    log.write_text("a" * 60 + "b\n")
    with host.popen("logs", "blue", "--match=(a+)+$") as child:
        out, _ = child.communicate(timeout=60)
    assert (out, child.returncode) == (b"", -14)


def test_a_command_that_follows_the_log_is_stopped(host: World, log: Path, impatient: None) -> None:
    host.configure(commands={"logs": [*SH, "echo ERROR; sleep 60", "x", "{since}"]})
    answer = host.run("logs", "blue", "--match=ERROR")
    assert (answer.code, "did not end within" in answer.what) == (3, True)


def test_status_tells_how_long_a_slot_took_and_what_it_names(host: World) -> None:
    host.fault(OLD, delay=0.2)
    told = host.good("status")["slots"]["blue"]
    assert (told["ready"], told["names"]) == ("yes", OLD)
    assert told["ready_seconds"] >= 0.2


def test_a_rehearsal_names_its_images_and_is_found_in_the_journal(host: World) -> None:
    host.receive(NEW, images={"backend": f"sha256:{'1' * 64}"})
    before = len(host.good("journal", "show", "--step=rehearsal", "--lines=400")["entries"])
    host.good("rehearse", NEW)
    entries = host.good("journal", "show", "--step=rehearsal", "--lines=400")["entries"]
    assert len(entries) == before + 2
    assert {one["step"] for one in entries} == {"rehearsal"}
    data = entries[-2]["data"]
    assert (data["release"], data["images"]) == (NEW, {"backend": f"sha256:{'1' * 64}"})
    assert len(host.good("journal", "show", "--step=rehearsal", "--lines=1")["entries"]) == 1
    host.receive(NEW)


def test_the_log_of_a_slot_begins_with_its_start_not_when_it_was_alive(host: World) -> None:
    begun = host.work / "begun"
    start = list(host.settings.commands.start)
    host.configure(commands={"start": ["sh", "-c", f'date +%s%3N > {begun}; exec "$@"', "start", *start]})
    host.good("prepare", NEW)
    since = datetime.fromisoformat(host.machine.load().slots["green"].since)
    assert round(since.timestamp() * 1000) <= int(begun.read_text())
