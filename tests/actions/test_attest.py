"""attest: writes who started the run, and nothing half."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy_gate.catalog import Catalog
from deploy_gate.result import CouldNotTell, Result, Status

GIVEN = {"item": "qa-sign-off", "evidence": "ran plan 7, all green", "release": "abc", "code": ""}


@pytest.fixture
def dispatched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A run that Alice started by hand."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_EVENT_NAME", "workflow_dispatch")
    monkeypatch.setenv("GITHUB_TRIGGERING_ACTOR", "alice")
    monkeypatch.setenv("GITHUB_ACTOR", "eve")


@pytest.fixture
def attest(load: Callable[[str], Callable[..., Result]], dispatched: None) -> Callable[..., Result]:
    return lambda file="said/so.jsonl", **changed: load("attest")(file=Path(file), **{**GIVEN, **changed})


def lines(file: str = "said/so.jsonl") -> list[dict[str, str]]:
    return [json.loads(line) for line in Path(file).read_text().splitlines()]


def test_is_an_operation_with_no_input_for_the_person() -> None:
    capability = Catalog().get("attest")
    assert capability.kind == "operation"
    assert set(capability.manifest.inputs) == {"file", "item", "evidence", "release", "code"}


def test_appends_a_line(attest: Callable[..., Result]) -> None:
    result = attest()
    assert result.status is Status.PASSED
    assert result.found.startswith("alice attested 'qa-sign-off' for release abc at 20")
    attest(evidence="again")
    assert [(one["by"], one["item"], one["release"], one["evidence"]) for one in lines()] == [
        ("alice", "qa-sign-off", "abc", "ran plan 7, all green"), ("alice", "qa-sign-off", "abc", "again"),
    ]  # fmt: skip
    assert Path("said/so.jsonl").read_bytes().endswith(b"}\n")
    assert stat.S_IMODE(Path("said/so.jsonl").stat().st_mode) & 0o022 == 0


def test_the_check_accepts_what_was_written(
    repository: Any, attest: Callable[..., Result], load: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository.path)
    repository.commit("first")
    attest(release="")
    given = {"file": Path("said/so.jsonl"), "item": "qa-sign-off", "release": "", "role": "qa", "max_age": 60.0}
    given |= {"environment": "", "digests": "", "plan": ""}
    assert load("attestation")(**given, roles="qa: Alice").found.startswith("attested by alice at ")
    assert load("attestation")(**given, roles="qa: eve").status is Status.PENDING


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GITHUB_ACTIONS", "", "nobody can attest"),
        ("GITHUB_EVENT_NAME", "push", "nobody can attest on the event 'push'"),
        ("GITHUB_EVENT_NAME", "pull_request_target", "nobody can attest on the event"),
        ("GITHUB_EVENT_NAME", "", "nobody can attest outside GitHub Actions"),
        ("GITHUB_TRIGGERING_ACTOR", "", "GITHUB_TRIGGERING_ACTOR is ''"),
        ("GITHUB_TRIGGERING_ACTOR", 'eve", "x": "', "which is no login"),
        ("GITHUB_TRIGGERING_ACTOR", "alice\n", "which is no login"),
    ],
)
def test_only_a_person_who_started_the_run(
    attest: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(CouldNotTell, match=said):
        attest()
    monkeypatch.delenv(name)
    with pytest.raises(CouldNotTell):
        attest()
    assert not Path("said").exists()


def test_newlines_stay_within_the_line(attest: Callable[..., Result]) -> None:
    attest(evidence='seen\n{"item": "forged"}\r\n\u2028\x1b[2J')
    assert len(Path("said/so.jsonl").read_bytes().split(b"\n")) == 2
    assert lines()[0]["evidence"] == 'seen\n{"item": "forged"}\r\n\u2028\x1b[2J'


def test_evidence_is_bounded(attest: Callable[..., Result]) -> None:
    attest(evidence="x" * 500)
    attest(evidence="y" * 501)
    assert [one["evidence"] for one in lines()] == ["x" * 500, "y" * 499 + "…"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"evidence": " \u200b\n"}, "the evidence is empty"), ({"item": "a\nb"}, "item is 'a b', expected"),
     ({"item": "x" * 201}, "item is"),
     ({"release": "\x1b[2J"}, "release is"), ({"release": "x" * 201}, "release is")],
)  # fmt: skip
def test_refuses_what_nobody_could_check(attest: Callable[..., Result], changed: dict[str, str], said: str) -> None:
    with pytest.raises(CouldNotTell, match=said):
        attest(**changed)
    assert not Path("said").exists()


def test_outside_a_repository_a_release_is_needed(
    attest: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(Path.cwd().parent))
    with pytest.raises(CouldNotTell, match="there is no release to attest"):
        attest(release="")


@pytest.mark.parametrize("before", [b'{"item": "half', b'{"a": 1}'])
def test_is_not_glued_to_half_a_line(attest: Callable[..., Result], before: bytes) -> None:
    Path("half").write_bytes(before)
    with pytest.raises(CouldNotTell, match="the last line of half was only partly written"):
        attest("half")
    assert Path("half").read_bytes() == before


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (b"nonsense\n", "line 1 of f is not JSON"),
        (b"\n" * 10_000, "more than 10000 lines"),
        (b" " * 1048575 + b"\n", "larger"),
    ],
)
def test_nothing_is_added_to_what_could_not_be_read_again(
    attest: Callable[..., Result], before: bytes, said: str
) -> None:
    Path("f").write_bytes(before)
    with pytest.raises(CouldNotTell, match=said):
        attest("f")
    assert Path("f").read_bytes() == before


def test_only_plain_files(attest: Callable[..., Result]) -> None:
    Path("target").write_bytes(b"")
    Path("link").symlink_to("target")
    os.mkfifo("pipe")
    for name, said in (("link", "link cannot be written"), ("pipe", "pipe is not a regular file"),
    (".", "cannot be written"),
                       ("target/x", "cannot be written"), ("a\0b", "cannot be written")):  # fmt: skip
        with pytest.raises(CouldNotTell, match=said):
            attest(name)
    assert Path("target").read_bytes() == b""


@pytest.mark.parametrize("room", [0, 20])
def test_a_full_disk_leaves_nothing_behind(attest: Callable[..., Result], room: int) -> None:
    attest()
    before = Path("said/so.jsonl").read_bytes()
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + room, limits[1]))
    try:
        with pytest.raises(CouldNotTell, match="cannot be written"):
            attest()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert Path("said/so.jsonl").read_bytes() == before


def test_a_disk_that_fails_leaves_nothing_behind(
    attest: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    attest()
    before = Path("said/so.jsonl").read_bytes()
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(CouldNotTell, match="cannot be written: Input/output error"):
        attest()
    assert Path("said/so.jsonl").read_bytes() == before


_MANY = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from deploy_gate.catalog import Catalog
operate = Catalog().get("attest").function
for number in range(25):
    operate(file=Path("f"), item="i", evidence=sys.argv[2] * 400, release="r", code="")
"""


def test_several_at_once(dispatched: None) -> None:
    scripts = str(Path(__file__).parents[2] / "scripts")
    started = [subprocess.Popen([sys.executable, "-B", "-c", _MANY, scripts, letter]) for letter in "abc"]
    assert [one.wait(60) for one in started] == [0, 0, 0]
    texts = [one["evidence"] for one in lines("f")]
    assert sorted(texts) == sorted(letter * 400 for letter in "abc" for _ in range(25))


def test_waits_for_who_is_writing(dispatched: None) -> None:
    """While another holds the lock nothing is written; afterwards what it left behind is looked at anew."""
    scripts = str(Path(__file__).parents[2] / "scripts")
    with Path("f").open("wb") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        other = subprocess.Popen([sys.executable, "-B", "-c", _MANY, scripts, "a"], stderr=subprocess.PIPE)
        until = time.monotonic() + 30
        while "-> FLOCK" not in Path("/proc/locks").read_text() and time.monotonic() < until:
            with pytest.raises(subprocess.TimeoutExpired):
                other.wait(0.02)
        assert Path("f").read_bytes() == b""
        holder.write(b"half a line")
    _, err = other.communicate(timeout=60)
    assert b"only partly written" in err
    assert Path("f").read_bytes() == b"half a line"


def test_the_code_is_kept(attest: Callable[..., Result]) -> None:
    attest(code="`3F9A12C0FFEE` ")
    attest()
    assert [one.get("code") for one in lines()] == ["3f9a12c0ffee", None]
    with pytest.raises(CouldNotTell, match="expected the twelve digits that the pending line shows"):
        attest(code="3f9a12c0ffee0")
