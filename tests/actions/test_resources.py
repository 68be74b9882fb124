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
    result = ask("resources", measures="memory", **given)
    assert result.status is Status.PASSED, result
    assert "measured for " in result.found
    assert result.measured == pytest.approx(100 * memory(), abs=20)
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
    assert "measured for " in result.found, "fourteen minutes do not tell of an hour"


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


def test_what_is_not_known_is_not_well() -> None:
    told = {"live": LIVE, "samples": KEPT}
    assert vitals.of_host(told, "cpu").share == 1
    assert vitals.of_host(told, "memory").share == 6
    with pytest.raises(CouldNotTell, match="disk-io is not known there"):
        vitals.of_host(told, "disk-io")
    broken: list[dict[str, Any]] = [{}, {"live": {}, "samples": {}}]
    for wrong in (*broken, {"live": LIVE, "samples": {**KEPT, "cpu": {"mean": "x"}}}):
        with pytest.raises(CouldNotTell):
            vitals.of_host(wrong, "cpu")


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
