"""resources on a real server: measured there now, or as the guard wrote it down; each band at its edge."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from hosts import Server

from deploy_gate.catalog import Catalog
from deploy_gate.facts import vitals
from deploy_gate.facts.vitals import Measured
from deploy_gate.result import CouldNotTell, Result, Status
from host import sampler

MODULE = Catalog().get("resources").module


def test_measured_now_and_over_the_last_minutes(ask: Callable[..., Result], server: Server) -> None:
    home = server.world.home
    for name in (sampler.FILE, sampler.OLDER):
        (home / name).unlink(missing_ok=True)
    given = {
        **server.inputs,
        "seconds": "200ms",
        "limit": "100%",
        "target": "99%",
        "warning": "99%",
        "critical": "100%",
    }
    result = ask("resources", measures="memory", over="0s", **given)
    assert result.status is Status.PASSED, result
    assert "measured for " in result.found
    assert result.measured == pytest.approx(100 * memory(), abs=20)
    result = ask("resources", measures="memory", **given)
    assert (result.status, "the guard wrote nothing down in the last 15 min" in result.found) == (Status.ERROR, True)
    now = time.time()
    for number in range(60):
        sample = {"at": now - 15 * number - 1, "cpu": 61 + number % 2, "memory": 71.0, "disk": None}
        sampler.keep(home, sample)
    result = ask("resources", measures="cpu", **{**given, "limit": "60%"})
    assert (result.status, result.measured) == (Status.FAILED, 61.5)
    assert result.found.startswith("cpu 61.5 % (mean of 60 samples over 14 min, 62.0 % at most), the limit is 60 %"), (
        result
    )
    result = ask("resources", measures="memory", over="1h", **given)
    assert (result.status, "only 14 min of 1 h are covered" in result.found) == (Status.WARNED, True), result


def memory() -> float:
    with open("/proc/meminfo") as stream:  # noqa: PTH123 - short
        values = {line.split(":")[0]: int(line.split()[1]) for line in stream}
    return 1 - values["MemAvailable"] / values["MemTotal"]


@pytest.mark.parametrize(
    ("share", "status", "band"),
    [
        (49.9, Status.PASSED, "normal"),
        (50.0, Status.WARNED, "watch"),
        (59.9, Status.WARNED, "watch"),
        (60.0, Status.FAILED, "watch"),
        (61.0, Status.FAILED, "watch"),
        (70.0, Status.FAILED, "warning"),
        (85.0, Status.FAILED, "critical"),
    ],
)
def test_the_limit_decides_and_the_band_is_shown(share: float, status: Status, band: str) -> None:
    result = MODULE.judge("cpu", Measured(share, "measured"), MODULE.Limits(60))
    assert (result.status, result.evidence, bool(result.fix)) == (status, ({"band": band},), status != Status.PASSED)


LIVE = {"seconds": 1, "cpu": 5.0, "memory": 6.0, "disk": None}
KEPT = {"over": 900, "count": 2, "span": 800, "cpu": {"mean": 1, "max": 2}, "memory": None, "disk": None}


def judged(kept: dict[str, Any], live: dict[str, Any] | None = None, over: float = 900, name: str = "cpu") -> Result:
    told = {"live": live, "samples": {**KEPT, "over": over, **kept}}
    result: Result = MODULE.judge(name, vitals.of_host(told, name, over), MODULE.Limits(60))
    return result


def test_two_minutes_do_not_tell_of_fifteen() -> None:
    """What is known, the samples or what is measured now, whichever is worse, may fail; it never passes."""
    part = {"count": 24, "span": 120}
    result = judged({**part, "cpu": {"mean": 20, "max": 30}}, LIVE)
    assert (result.status, result.measured) == (Status.WARNED, 20), result
    assert "mean of 24 samples over 2 min" in result.found
    assert "only 2 min of 15 min are covered" in result.found
    assert "guard" in result.fix
    assert judged({**part, "cpu": {"mean": 61, "max": 99}}, LIVE).status is Status.FAILED
    result = judged({**part, "cpu": {"mean": 20, "max": 30}}, {**LIVE, "cpu": 61.0})
    assert (result.status, result.measured, "measured for 1 s" in result.found) == (Status.FAILED, 61.0, True)
    assert judged({**part, "cpu": None}, LIVE).status is Status.WARNED
    assert judged({**KEPT, "span": 720}).status is Status.PASSED, "four fifths are enough"


def test_nothing_at_all_of_the_time_asked_for_is_no_answer() -> None:
    for kept in ({"count": 0, "span": 0, "cpu": None}, {"count": 1, "span": 0}):
        with pytest.raises(CouldNotTell, match="guard wrote nothing down in the last 15 min"):
            judged(kept, LIVE)
    with pytest.raises(CouldNotTell, match="guard wrote nothing down"):
        vitals.of_host({"live": LIVE, "samples": {**KEPT, "over": 0, "count": 0, "span": 0}}, "cpu", 900)
    assert judged({"over": 0, "count": 0, "span": 0, "cpu": None}, LIVE, over=0).status is Status.PASSED


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), -1.0, True])
def test_a_share_that_is_no_number_is_no_answer(number: float) -> None:
    for kept, live in (({"cpu": {"mean": number, "max": 2}}, None), ({"cpu": {"mean": 1, "max": number}}, None)):
        with pytest.raises(CouldNotTell):
            judged(kept, live)
    with pytest.raises(CouldNotTell):
        judged({}, {**LIVE, "cpu": number}, over=0)
    with pytest.raises(CouldNotTell):
        judged({"span": number if number != 1 else "x"}, LIVE)


def test_what_is_not_known_is_not_well() -> None:
    told = {"live": LIVE, "samples": KEPT}
    assert vitals.of_host(told, "cpu", 900).share == 1
    assert vitals.of_host(told, "memory", 900).share == 6
    with pytest.raises(CouldNotTell, match="disk-io is not known there"):
        vitals.of_host(told, "disk-io", 900)
    broken: list[dict[str, Any]] = [{}, {"live": {}, "samples": {}}]
    for wrong in (*broken, {"live": LIVE, "samples": {**KEPT, "cpu": {"mean": "x"}}}):
        with pytest.raises(CouldNotTell):
            vitals.of_host(wrong, "cpu", 900)


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": ""},
        {"seconds": 61.0},
        {"over": 90_000.0},
        {"target": 80.0},
        {"limit": 0.0},
        {"prometheus": "x"},
        {"prometheus": "http://127.0.0.1:1", "selector": "{"},
        {"prometheus": "http://127.0.0.1:1", "over": 0.0},
    ],
)
def test_inputs_that_cannot_be_meant(wrong: dict[str, Any]) -> None:
    good: dict[str, Any] = {"host": "a@b", "config": "/x", "prometheus": "", "selector": "", "over": 900.0}
    good |= {"seconds": 10.0, "limit": 60.0, "target": 50.0, "warning": 70.0, "critical": 85.0}
    capability = Catalog().get("resources")
    assert capability.faults(good) == []
    assert len(capability.faults({**good, **wrong})) == 1
