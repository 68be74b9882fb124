"""deploy-window: windows, freezes and holidays by the clock on the wall, also where that clock jumps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy_gate.catalog import Catalog
from deploy_gate.facts import calendar
from deploy_gate.facts.calendar import Calendar
from deploy_gate.inputs import bind
from deploy_gate.result import Result, Status

OFFICE = "mon-thu 09:00-16:00\nfri 09:00-12:00"
MODULE = Catalog().get("deploy-window").module
BY_HAND = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_TRIGGERING_ACTOR": "grace"}
REASON = "orders are lost, customers wait"


def made(
    windows: str = OFFICE, zone: str = "Europe/Berlin", freezes: str = "", holidays: str | None = None
) -> Calendar:
    where = calendar.zone(zone)
    days = None if holidays is None else calendar.holidays(holidays, "holidays.txt")
    return Calendar(where, calendar.windows(windows), calendar.freezes(freezes, where), days)


def judge(at: str, remaining: float = 0, emergency: object = None, **given: str) -> Result:
    """The pure judgement at a moment (with its offset from UTC)."""
    found: Result = MODULE.judge(made(**given), datetime.fromisoformat(at).astimezone(UTC), remaining, emergency)
    return found


@pytest.mark.parametrize(
    ("at", "status", "says"),
    [
        ("2026-06-01T09:00+02:00", "passed", "Mon 2026-06-01 09:00 CEST is inside the window 'mon-thu 09:00-16:00', closes in 7 h"),
        ("2026-06-01T08:59:59+02:00", "failed", "outside of every window; the next begins Mon 2026-06-01 09:00 CEST"),
        ("2026-06-04T15:59:59+02:00", "passed", "closes in 1 s"),
        ("2026-06-04T16:00+02:00", "failed", "the next begins Fri 2026-06-05 09:00 CEST"),
        ("2026-06-05T12:00+02:00", "failed", "the next begins Mon 2026-06-08 09:00 CEST"),
        ("2026-06-06T10:00+02:00", "failed", "outside of every window"),
    ],
)  # fmt: skip
def test_windows(at: str, status: str, says: str) -> None:
    result = judge(at)
    assert result.status == status
    assert says in result.found


@pytest.mark.parametrize(
    ("windows", "at", "open_"),
    [
        ("sat 22:00-02:00", "2026-06-06T23:30", True),
        ("sat 22:00-02:00", "2026-06-07T01:59", True),
        ("sat 22:00-02:00", "2026-06-07T02:00", False),
        ("sat 22:00-02:00", "2026-06-06T01:00", False),
        ("sun 22:00-02:00", "2026-06-08T01:00", True),  # Monday, in the week after
        ("fri-mon 10:00-11:00", "2026-06-07T10:30", True),
        ("fri-mon 10:00-11:00", "2026-06-09T10:30", False),
        ("tue, thu 10:00-11:00", "2026-06-04T10:30", True),
        ("tue, thu 10:00-11:00", "2026-06-03T10:30", False),
        ("* 00:00-24:00", "2026-06-07T00:00", True),
        ("always", "2026-06-07T23:59", True),
        ("mon 18:00-24:00  # late", "2026-06-01T23:59", True),
        ("mon 18:00-24:00", "2026-06-02T00:00", False),
    ],
)
def test_days_and_midnights(windows: str, at: str, open_: bool) -> None:
    result = judge(at + "+00:00", windows=windows, zone="UTC")
    assert (result.status is Status.PASSED) == open_, result.found


def test_an_hour_that_the_clock_leaves_out_opens_nothing() -> None:
    night = "sun 02:00-03:00"  # Berlin, 2026-03-29: 02:00 CET is followed by 03:00 CEST
    before, after = judge("2026-03-29T00:59:59+00:00", windows=night), judge("2026-03-29T01:00+00:00", windows=night)
    assert (before.status, after.status) == (Status.FAILED, Status.FAILED)
    assert "Sun 2026-03-29 01:59 CET" in before.found
    assert "Sun 2026-03-29 03:00 CEST" in after.found
    assert "the next begins Sun 2026-04-05 02:00 CEST" in before.found
    assert judge("2026-04-05T00:30+00:00", windows=night).status is Status.PASSED


def test_an_hour_that_the_clock_shows_twice_is_open_twice() -> None:
    night = "sun 02:00-03:00"  # Berlin, 2026-10-25: 03:00 CEST is followed by 02:00 CET
    moments = [f"2026-10-25T0{hour}+00:00" for hour in ("0:30", "1:30")]
    assert [judge(one, windows=night).status for one in moments] == [Status.PASSED, Status.PASSED]
    assert "closes in 1 h 30 min" in judge(moments[0], windows=night).found
    assert judge("2026-10-25T02:00+00:00", windows=night).status is Status.FAILED


@pytest.mark.parametrize(
    ("freeze", "at", "frozen"),
    [
        ("2026-12-21..2026-12-23 sale", "2026-12-20T22:59:59+00:00", False),
        ("2026-12-21..2026-12-23 sale", "2026-12-20T23:00+00:00", True),  # midnight in Berlin
        ("2026-12-21..2026-12-23 sale", "2026-12-23T22:59:59+00:00", True),
        ("2026-12-21..2026-12-23 sale", "2026-12-23T23:00+00:00", False),
        ("2026-06-01T10:00..2026-06-01T12:00", "2026-06-01T12:00+02:00", False),
        ("2026-06-01T10:00..2026-06-01T12:00", "2026-06-01T11:59+02:00", True),
        # To 02:30 of the night in which 02:30 comes twice: frozen until the second of them.
        ("2026-10-24T00:00..2026-10-25T02:30 night", "2026-10-25T01:15+00:00", True),
        ("2026-10-24T00:00..2026-10-25T02:30 night", "2026-10-25T01:30+00:00", False),
    ],
)
def test_freezes(freeze: str, at: str, frozen: bool) -> None:
    result = judge(at, windows="always", freezes=freeze)
    assert (result.status is Status.FAILED) == frozen, result.found


def test_a_freeze_names_itself_and_its_end() -> None:
    result = judge("2026-12-22T10:00+01:00", freezes="2026-12-21..2027-01-03 end of year")
    assert result.found == (
        "Tue 2026-12-22 10:00 CET is inside the freeze 'end of year' until Mon 2027-01-04 00:00 CET; "
        "the next begins Mon 2027-01-04 09:00 CET"
    )
    assert "DEPLOY_OVERRIDE_REASON" in result.fix


def test_holidays() -> None:
    days = "# ours\n2026-05-25 Whit Monday\n2026-06-04\n"
    closed = judge("2026-05-25T10:00+02:00", holidays=days)
    assert closed.status is Status.FAILED
    assert "is a public holiday (Whit Monday); the next begins Tue 2026-05-26 09:00 CEST" in closed.found
    assert judge("2026-05-26T10:00+02:00", holidays=days).status is Status.PASSED
    # The day of the environment's zone counts: in Berlin it is already the fifth.
    assert judge("2026-06-04T22:30+00:00", windows="always", holidays=days).status is Status.PASSED


def test_a_file_of_holidays_that_ends_before_this_year_is_an_error() -> None:
    result = judge("2027-06-01T10:00+02:00", holidays="2026-12-25 Christmas\n")
    assert (result.status, result.fix) == (Status.ERROR, "add the holidays of 2027")
    assert "knows no day of 2027" in result.found


def test_the_window_must_stay_open_long_enough() -> None:
    exact = judge("2026-06-01T15:30+02:00", remaining=1800)
    short = judge("2026-06-01T15:31+02:00", remaining=1800)
    assert (exact.status, short.status) == (Status.PASSED, Status.FAILED)
    assert "closes in 29 min, the limit is 30 min" in short.found
    frozen = judge("2026-06-01T09:50+02:00", remaining=1800, freezes="2026-06-01T10:00..2026-06-01T12:00 stocktaking")
    assert (frozen.status, frozen.measured) == (Status.FAILED, 600)


def test_no_window_in_sight() -> None:
    result = judge("2026-06-06T10:00+02:00", freezes="2026-06-01..2026-12-31 rebuilding")
    assert "none begins within 60 days" in result.found


# --- the emergency ---


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch, ask: Callable[..., Result]) -> Callable[..., Result]:
    """The check inside a freeze that is on now, with these variables."""
    now = datetime.now(UTC)
    span = f"{now - timedelta(days=2):%Y-%m-%d}..{now + timedelta(days=2):%Y-%m-%d} stocktaking"

    def run(**environment: str) -> Result:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return ask("deploy-window", windows="always", freezes=span)

    return run


def test_an_override_needs_a_reason_and_is_recorded(closed: Callable[..., Result]) -> None:
    assert closed().status is Status.FAILED
    result = closed(DEPLOY_OVERRIDE_REASON=REASON, **BY_HAND)
    assert result.status is Status.WARNED
    assert result.found.startswith(f"overridden by grace: {REASON}; ")
    assert "inside the freeze 'stocktaking'" in result.found
    assert [(one["by"], one["reason"], one["counts"]) for one in result.evidence] == [("grace", REASON, True)]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"GITHUB_EVENT_NAME": "push"}, "only a run that a person started by hand"),
        ({"GITHUB_ACTIONS": ""}, "only a run that a person started by hand"),
        ({"GITHUB_TRIGGERING_ACTOR": ""}, "names nobody"),
        ({"GITHUB_TRIGGERING_ACTOR": "a b\n::x"}, "names nobody"),
        ({"DEPLOY_OVERRIDE_REASON": "urgent"}, "must be a sentence"),
        ({"DEPLOY_OVERRIDE_REASON": "x y"}, "must be a sentence"),
    ],
)
def test_overrides_that_do_not_count(closed: Callable[..., Result], changed: dict[str, str], says: str) -> None:
    result = closed(**{**BY_HAND, "DEPLOY_OVERRIDE_REASON": REASON, **changed})
    assert result.status is Status.FAILED
    assert f"the override does not count: {result.found.split('does not count: ')[1]}" in result.found
    assert says in result.found
    assert result.evidence[0]["counts"] is False


def test_an_override_of_blanks_is_none(closed: Callable[..., Result]) -> None:
    result = closed(DEPLOY_OVERRIDE_REASON="  \n", **BY_HAND)
    assert (result.status, result.evidence) == (Status.FAILED, ())


def test_an_override_where_none_is_needed_is_recorded_all_the_same(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[..., Result]
) -> None:
    for name, value in {**BY_HAND, "DEPLOY_OVERRIDE_REASON": REASON}.items():
        monkeypatch.setenv(name, value)
    result = ask("deploy-window", windows="always")
    assert (result.status, result.evidence[0]["by"]) == (Status.PASSED, "grace")


# --- files and inputs ---


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "there is no holidays.txt"),
        (b"25.12.2026 Christmas\n", "line 1 of holidays.txt is '25.12.2026 Christmas'"),
        (b"2026-01-01 New Year\n2026-02-30 No Day\n", "line 2 of holidays.txt"),
        (b"2026-01-01 \xff\n", "holidays.txt is not UTF-8"),
        (b"", "knows no day of"),
    ],
)
def test_holidays_that_cannot_be_read_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ask: Callable[..., Result], content: bytes | None, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("holidays.txt").write_bytes(content)
    result = ask("deploy-window", windows="always", holidays="holidays.txt")
    assert result.status is Status.ERROR
    assert says in result.found
    assert ask("deploy-window", windows="always", holidays="../holidays.txt").status is Status.ERROR


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"windows": "weekdays"}, "input 'windows' expects windows such as"),
        ({"windows": "mon-fry 09:00-16:00"}, "expects days such as mon"),
        ({"windows": "mon 09:00-25:00"}, "times from 00:00 to 24:00"),
        ({"windows": "mon 09:60-10:00"}, "times from 00:00 to 24:00"),
        ({"windows": "mon 09:00-09:00"}, "a window that lasts"),
        ({"windows": "# none"}, "at least one window"),
        ({"time_zone": "Europe/Berlni"}, "did you mean 'Europe/Berlin'?"),
        ({"time_zone": "../../etc/hostname"}, "input 'time-zone' expects a time zone"),
        ({"freezes": "2026-13-01..2026-12-02"}, "input 'freezes' expects freezes such as"),
        ({"freezes": "2026-12-02..2026-12-01"}, "a freeze that ends after it begins"),
        ({"freezes": "next week"}, "not 'next week'"),
        ({"remaining": "25h"}, "input 'remaining' expects at most 24h"),
    ],
)
def test_wrong_inputs_are_told(given: dict[str, str], says: str) -> None:
    capability = Catalog().get("deploy-window")
    texts = {name.replace("_", "-"): value for name, value in {"windows": "always", **given}.items()}
    bound = bind(capability.manifest.inputs, capability.hints, texts)
    assert bound.wrong == []
    assert says in "\n".join(capability.faults(bound.values))


def test_windows_are_needed() -> None:
    capability = Catalog().get("deploy-window")
    assert bind(capability.manifest.inputs, capability.hints, {}).missing == ["windows"]
