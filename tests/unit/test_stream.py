"""Checks run again and again: several at once, none beside itself, what runs at the end is waited for."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from deploy_gate.engine import stream
from deploy_gate.engine.executor import Job
from deploy_gate.result import Result, passed


def made(key: str, call: object = None) -> Job:
    return Job(key, call or (lambda: passed(key)), 60, {})  # type: ignore[arg-type]


def test_until_nobody_wants_more() -> None:
    heard: list[str] = []

    def feed() -> Iterable[Job] | None:
        ended = [one for one in heard if one.startswith("-")]
        if len(ended) >= 6:
            return None
        running = len(heard) - 2 * len(ended)
        return [] if running else [made("a"), made("b")]

    def hear(key: str, result: Result | None) -> None:
        heard.append(f"{'+' if result is None else '-'}{key}")

    assert stream.run(feed, 2, hear) == ""
    assert sorted(heard) == sorted(["+a", "+b", "-a", "-b"] * 3)


def test_what_runs_at_the_end_is_not_cut_off(tmp_path: Path) -> None:
    """A journey that was killed would leave its order behind."""
    begun, go, done = (tmp_path / name for name in ("begun", "go", "done"))

    def slow() -> Result:
        begun.touch()
        while not go.exists():
            time.sleep(0.01)
        done.touch()
        return passed("cleaned up")

    jobs = [made("slow", slow)]
    heard: dict[str, Result] = {}

    def feed() -> Iterable[Job] | None:
        if jobs:
            return [jobs.pop()]
        if begun.exists():
            go.touch()
            return None
        return []

    def hear(key: str, result: Result | None) -> None:
        if result is not None:
            heard[key] = result

    assert stream.run(feed, 1, hear) == ""
    assert done.exists()
    assert heard["slow"].found == "cleaned up"


def test_a_fault_of_a_check_is_only_its_own() -> None:
    def broken() -> Result:
        os._exit(7)

    jobs = [[made("broken", broken), made("well")]]
    heard: dict[str, str] = {}
    stream.run(
        lambda: jobs.pop() if jobs else None, 2, lambda key, result: heard.update({key: str(result and result.status)})
    )
    assert heard == {"broken": "error", "well": "passed"}


def test_a_signal_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_TICK", 0.01)

    def feed() -> Iterable[Job] | None:
        os.kill(os.getpid(), signal.SIGTERM)
        return []

    assert stream.run(feed, 1, lambda *_: None) == "SIGTERM"
