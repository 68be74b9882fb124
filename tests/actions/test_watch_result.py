"""The record of a watch: of this release, lately, with enough looks, and well; anything else is not passed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy_gate.catalog import Catalog
from deploy_gate.result import Result, Status
from deploy_gate.watch.record import Line, Watched, save

RELEASE = "a" * 40
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A record that is well, but for what is given."""

    def made(*, ago: float = 60, state: str = "fine", looks: int = 50, role: str = "immediate", **more: Any) -> Path:
        line = Line("t-errors", role, state, looks, 0, 0, "band nothing")
        known: dict[str, Any] = {"verdict": "go", "why": "9 lines and triggers are well", "release": RELEASE}
        known |= {"environment": "production", "phase": "verify", "seconds": 900.0, "lines": (line,)}
        watched = Watched(ended=datetime.now(UTC) - timedelta(seconds=ago), **{**known, **more})
        save(tmp_path / "watch.json", watched, {})
        return tmp_path / "watch.json"

    return made


@pytest.fixture
def look(ask: Callable[..., Result]) -> Callable[..., Result]:
    return lambda path, **given: ask("watch-result", record=path, release=RELEASE, environment="production", **given)


def test_it_ended_well(look: Callable[..., Result], write: Write) -> None:
    result = look(write())
    assert (result.status, result.found) == (
        Status.PASSED,
        "watched for 15 min, 50 looks: 9 lines and triggers are well",
    )


@pytest.mark.parametrize(
    ("written", "status", "told"),
    [
        ({"release": "b" * 40}, Status.ERROR, "the record is about bbbbbbbbbbbb, this is aaaaaaaaaaaa"),
        ({"environment": "staging"}, Status.ERROR, "the record is about staging, this is production"),
        ({"ago": 7300}, Status.ERROR, "the watch ended 2 h 1 min ago, the limit is 2 h"),
        ({"ago": -3600}, Status.ERROR, "the watch ended -"),
        ({"looks": 9}, Status.ERROR, "only 9 looks were taken, at least 10 are needed"),
        ({"verdict": "could-not-tell", "why": "t: no data"}, Status.ERROR, "watched for 15 min, 50 looks: t: no data"),
        ({"verdict": "no-go", "state": "failing"}, Status.FAILED, "watched for 15 min, 50 looks: not well: t-errors"),
        ({"state": "failing"}, Status.FAILED, "watched for 15 min, 50 looks: not well: t-errors"),
        ({"state": "failing", "role": "aside"}, Status.PASSED, "watched for 15 min, 50 looks"),
    ],
)
def test_what_is_not_well(
    look: Callable[..., Result], write: Write, written: dict[str, Any], status: Status, told: str
) -> None:
    result = look(write(**written))
    assert result.status is status, result
    assert result.found.startswith(told), result.found


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"schema": 1}', json.dumps({"schema": 1, "lines": 7}), "9" * 99]
)
def test_what_is_no_record(look: Callable[..., Result], tmp_path: Path, text: str) -> None:
    path = tmp_path / "watch.json"
    path.write_text(text)
    result = look(path)
    assert (result.status, "is not a record of the operation watch" in result.found) == (Status.ERROR, True)


def test_nobody_watched(look: Callable[..., Result], tmp_path: Path) -> None:
    result = look(tmp_path / "none.json")
    assert (result.status, "nobody watched" in result.found) == (Status.ERROR, True)


def test_a_watch_that_may_have_looked_at_nothing() -> None:
    values = {"record": Path("x"), "environment": "", "release": "", "max_age": 60.0, "min_looks": 0}
    assert Catalog().get("watch-result").faults(values) == ["input 'min-looks' is 0, expected 1 or more"]
