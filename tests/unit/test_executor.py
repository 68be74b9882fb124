"""Checks side by side: bounded, isolated, crash-proof, and nothing left running."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from deploy_gate.engine.executor import Job, run_all
from deploy_gate.result import CouldNotTell, Result, Status, passed


def job(name: str, call: Callable[[], Result], timeout: float = 30, environment: Mapping[str, str] = {}) -> Job:
    return Job(name, call, timeout, environment)


def run_one(call: Callable[[], Result], timeout: float = 30, environment: Mapping[str, str] = {}) -> Result:
    return run_all([job("it", call, timeout, environment)], 2, lambda *_: None).results["it"]


def test_every_job_has_its_result_and_its_time() -> None:
    found = run_all([job(str(n), lambda n=n: passed(f"n={n}")) for n in range(40)], 3, lambda *_: None).results  # type: ignore[misc]
    assert {name: result.found for name, result in found.items()} == {str(n): f"n={n}" for n in range(40)}
    assert all(result.seconds > 0 for result in found.values())


def test_no_job_answers_for_another() -> None:
    twice = [job("a", lambda: passed("one")), job("a", lambda: passed("other"))]
    with pytest.raises(ValueError, match="two jobs of one key"):
        run_all(twice, 2, lambda *_: None)


def test_at_most_the_limit_run_at_once() -> None:
    running: set[str] = set()
    most = 0

    def listen(name: str, result: Result | None) -> None:
        nonlocal most
        (running.discard if result else running.add)(name)
        most = max(most, len(running))

    run_all([job(str(n), lambda: passed("x")) for n in range(10)], 3, listen)
    assert most == 3
    assert not running


def test_rude_jobs_run_alone_after_all_others_the_rudest_last() -> None:
    running: set[str] = set()
    beside: dict[str, set[str]] = {}
    started: list[str] = []

    def listen(name: str, result: Result | None) -> None:
        if result:
            running.discard(name)
            return
        started.append(name)
        beside[name] = set(running)
        running.add(name)

    rudeness = {"burst": 2, "a": 0, "tokens": 1, "b": 0, "paths": 1, "c": 0}
    jobs = [Job(name, lambda: passed("x"), 30, {}, rude) for name, rude in rudeness.items()]
    found = run_all(jobs, 3, listen).results
    assert started == ["a", "b", "c", "tokens", "paths", "burst"]
    assert beside["b"] <= {"a"}
    assert [beside[name] for name in ("tokens", "paths", "burst")] == [set(), set(), set()]
    assert set(found) == set(rudeness)


def test_a_rude_job_that_hangs_keeps_none_from_its_turn() -> None:
    def hang() -> Result:
        signal.pause()
        return passed("never")

    jobs = [Job("paths", hang, 1, {}, 1), Job("burst", lambda: passed("x"), 30, {}, 2), job("a", lambda: passed("x"))]
    found = run_all(jobs, 3, lambda *_: None).results
    assert {name: one.status for name, one in found.items()} == {
        "a": Status.PASSED,
        "paths": Status.ERROR,
        "burst": Status.PASSED,
    }


def test_an_exception_is_that_items_error() -> None:
    def broken() -> Result:
        raise RuntimeError("no such\nluck")

    found = run_one(broken)
    assert found.status is Status.ERROR
    assert "test_executor.py" in found.found
    assert "RuntimeError: no such luck" in found.found


def test_could_not_tell_is_an_error_with_its_words() -> None:
    def refused() -> Result:
        raise CouldNotTell("refused", "start it", [{"message": "m"}])

    found = run_one(refused)
    assert (found.status, found.found, found.fix, found.evidence) == (
        Status.ERROR,
        "refused",
        "start it",
        ({"message": "m"},),
    )


@pytest.mark.parametrize(
    ("how", "word"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGSEGV), "signal 11"),
        (lambda: ctypes.string_at(0), "signal 11"),
        (lambda: os._exit(7), "exit code 7"),
        (lambda: sys.exit(5), "exit code 1"),
    ],
)
def test_a_crash_is_that_items_error(how: Callable[[], object], word: str) -> None:
    def crash() -> Result:
        faulthandler.disable()  # pytest's would print a stack for what is meant to happen
        how()
        return passed("never")

    found = run_all([job("crash", crash), job("fine", lambda: passed("fine"))], 2, lambda *_: None).results
    assert found["crash"].status is Status.ERROR
    assert f"without an answer ({word})" in found["crash"].found
    assert found["fine"].status is Status.PASSED


def test_a_hanging_check_is_stopped_with_everything_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"

    def hang() -> Result:
        # One child in another session: it leaves the group, and must be found all the same.
        children = [subprocess.Popen(["sleep", "600"]), subprocess.Popen(["sleep", "600"], start_new_session=True)]
        pids.write_text(" ".join(str(child.pid) for child in children))
        children[0].wait()
        return passed("never")

    started = time.monotonic()
    found = run_one(hang, timeout=2)
    assert found.status is Status.ERROR
    assert "did not end within 2 s" in found.found
    assert time.monotonic() - started < 20
    assert all(ended(int(pid)) for pid in pids.read_text().split())


def test_what_a_good_check_leaves_behind_is_ended_too(tmp_path: Path) -> None:
    pids = tmp_path / "pids"

    def leaves() -> Result:
        child = subprocess.Popen(["sleep", "600"], start_new_session=True)
        pids.write_text(str(child.pid))
        return passed("left one")

    assert run_one(leaves).status is Status.PASSED
    assert ended(int(pids.read_text()))


def test_sees_only_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "s3cret")
    found = run_one(lambda: passed(repr(sorted(os.environ))), environment={"PATH": "/bin"})
    assert found.found == "['PATH']"


def test_what_a_check_prints_stays_with_it(capfd: pytest.CaptureFixture[str]) -> None:
    def noisy() -> Result:
        print("::error::not a command")
        return passed("quiet")

    run_one(noisy)
    assert capfd.readouterr().out == ""


def test_a_cancelled_run_reports_what_it_did_not_see() -> None:
    parent = os.getpid()

    def cancels() -> Result:
        os.kill(parent, signal.SIGTERM)
        signal.pause()
        return passed("never")

    found = run_all([job("first", cancels), job("second", lambda: passed("x"))], 1, lambda *_: None).results
    assert found["first"].found.startswith("cancelled (SIGTERM) while it ran")
    assert found["second"].found.startswith("cancelled (SIGTERM) before it ran")


def test_results_of_any_size_come_through() -> None:
    entries = [{"message": "x" * 3000, "path": f"a/{n}.py", "line": n} for n in range(1000)]
    assert len(run_one(lambda: passed("big", evidence=entries)).evidence) == 1000


def test_a_check_that_cannot_be_started_is_an_error_and_leaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    before = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(os, "fork", full)
    found = run_one(lambda: passed("never"))
    assert found.status is Status.ERROR
    assert "could not be started: Resource temporarily unavailable" in found.found
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def ended(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not Path(f"/proc/{pid}").exists():
            return True
    return False
