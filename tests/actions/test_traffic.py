"""traffic on a real server: the access log is counted there, and each fault turns its own line red."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pytest
from hosts import Server
from slots.world import NEW, OLD, World
from traffic_lines import spread, write

from deploy_gate.catalog import Catalog
from deploy_gate.facts import http, onhost
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Result, Status
from deploy_gate.traffic import bands, figures, judging, topup
from deploy_gate.traffic.bands import Band, Limits
from deploy_gate.traffic.figures import Figures, Traffic, Window
from host.cli import parser
from host.trouble import Trouble

Look = Callable[..., Result]


@pytest.fixture(scope="module")
def deployed(standing: Server) -> World:
    """NEW live in green for a moment."""
    here = standing.world
    here.reset()
    here.good("prepare", NEW)
    here.good("switch", NEW, "--confirm-within", "60")
    here.good("confirm", NEW)
    return here


@pytest.fixture
def host(deployed: World, standing: Server, monkeypatch: pytest.MonkeyPatch) -> World:
    """The same, configured as at first, with nothing in the log."""
    deployed.configure(**deployed.changes)
    monkeypatch.setenv("SSH_PRIVATE_KEY", standing.door.key)
    monkeypatch.setenv("SSH_KNOWN_HOSTS", standing.door.pins)
    os.truncate(deployed.work / "access.log", 0)
    return deployed


@pytest.fixture
def look(ask: Callable[..., Result], standing: Server, host: World) -> Look:
    return lambda proves, **given: ask("traffic", **standing.inputs, proves=proves, **given)


@pytest.fixture
def near(look: Look, host: World, monkeypatch: pytest.MonkeyPatch) -> Look:
    """The same without the way over SSH, which takes longer than all the rest."""
    monkeypatch.setattr(onhost, "opened", lambda _: nullcontext(Local(host)))
    return look


@dataclass
class Local:
    """The host program, called within this process."""

    host: World

    def good(self, *words: str, timeout: float) -> dict[str, Any]:  # noqa: ARG002 - as over SSH
        chosen = parser().parse_args(list(words))
        try:
            return dict(json.loads(json.dumps(chosen.run(self.host.machine, chosen))))
        except Trouble as fault:
            raise CouldNotTell(fault.what, fault.do) from None


def test_users_fare_well(look: Look, host: World) -> None:
    write(host, "blue", spread(3000, seed=2), errors=1, ago=1800)
    write(host, "green", spread(3000), errors=1)
    result = look("p95", bands="read 100ms 300ms 1s health 1ms 1ms 1ms")
    assert (result.status, result.target) == (Status.PASSED, 500), result
    assert result.found.startswith(f"p95 {result.measured} ms of 3000 requests (green, "), result.found
    assert next(one for one in result.evidence if one.get("class") == "read")["band"] == "watch"
    result = look("errors")
    assert (result.status, result.measured, result.target) == (Status.PASSED, 0.000333, 0.001)
    for proves in ("error-band", "latency-band"):
        result = look(proves)
        assert (result.status, result.evidence[0]) == (Status.PASSED, {"band": "nothing"}), result


def test_two_of_a_thousand_of_five_thousand_fail(near: Look, host: World) -> None:
    write(host, "blue", spread(5000), errors=2, ago=1800)
    write(host, "green", spread(5000), errors=10)
    result = near("errors", min_requests=1000)
    assert (result.status, result.measured) == (Status.FAILED, 0.002)
    assert "10 of 5000 requests failed (0.200%; green, " in result.found
    assert "the limit is 0.100%; with 95 % certainty it is 0.109% to 0.368%" in result.found
    result = near("error-band")
    assert (result.status, result.evidence[0]) == (Status.FAILED, {"band": "consider"})
    assert "0.040% of 5000 before the switch: rising" in result.found
    assert near("p95").status is Status.PASSED
    write(host, "blue", spread(5000), errors=20, ago=1700)
    result = near("error-band")
    assert (result.status, "not rising" in result.found) == (Status.WARNED, True), "it was so before"


def test_six_of_a_hundred_are_taken_back_at_once(near: Look, host: World) -> None:
    write(host, "green", spread(2000), errors=120)
    result = near("error-band")
    assert (result.status, result.evidence[0]) == (Status.FAILED, {"band": "immediate"})
    assert result.fix.startswith("roll back now")
    write(host, "green", spread(1000))
    assert near("error-band").evidence[0] == {"band": "consider"}, "4 % of 3,000"


def test_p95_at_501_ms(near: Look, host: World) -> None:
    write(host, "green", [100] * 945 + [501] * 55)
    result = near("p95")
    assert (result.status, result.measured) == (Status.FAILED, 501)
    write(host, "green", [100] * 200)
    assert near("p95").status is Status.PASSED


@pytest.mark.parametrize(("times", "band"), [(1.0, "nothing"), (2.0, "consider"), (5.0, "immediate")])
def test_slower_than_the_release_before(near: Look, host: World, times: float, band: str) -> None:
    write(host, "blue", spread(2000, seed=2), ago=600)
    write(host, "blue", spread(2000, middle=8, seed=4), ago=600, method="POST")
    write(host, "green", spread(1000, middle=80 * times))
    write(host, "green", spread(1000, middle=8, seed=5), method="POST")
    result = near("latency-band")
    assert result.evidence[0] == {"band": band}, result
    assert result.status is (Status.PASSED if band == "nothing" else Status.FAILED)
    assert (f"p95 of read {result.measured}" in result.found) or result.measured is not None


def test_no_traffic_is_not_well(near: Look, host: World) -> None:
    write(host, "green", [5] * 5000, uri="/health")
    write(host, "green", [5] * 199)
    write(host, "blue", [5] * 5000)
    for proves in ("p95", "errors", "error-band", "latency-band"):
        result = near(proves)
        assert (result.status, result.found[:13]) == (Status.ERROR, "inconclusive:"), (proves, result)
    assert "199 requests" in near("p95").found
    assert any("5000 requests in that time were not answered by green" in str(one) for one in near("p95").evidence)
    write(host, "green", [5])
    assert near("p95").status is Status.PASSED
    assert "there is no baseline" in near("latency-band").found


def test_many_errors_of_few_requests_are_known(near: Look, host: World) -> None:
    write(host, "green", [5] * 100, errors=50)
    assert near("errors", min_requests=1000).status is Status.FAILED
    assert near("error-band").status is Status.ERROR


def test_our_own_probes_are_left_out(near: Look, host: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_GATE_PROBE", "made-for-this-deployment")
    write(host, "green", [5] * 300, marker="made-for-this-deployment")
    write(host, "green", [5] * 100, marker="made-for-another")
    result = near("p95", min_requests=100)
    assert (result.status, "of 100 requests" in result.found) == (Status.PASSED, True), result
    assert any("300 of our own probes" in str(one.get("message")) for one in result.evidence)
    assert "made-for-this" not in str(result.as_json())


def test_a_top_up_is_asked_for_bounded_and_told(near: Look, host: World) -> None:
    given = {"min_requests": 30, "top_up_urls": f"http://127.0.0.1:{host.front}/orders"}
    assert near("p95", **given).status is Status.ERROR
    write(host, "green", [5] * 20)
    result = near("p95", top_up=100, **given)
    assert (result.status, ", 10 of them ours)" in result.found) == (Status.PASSED, True), result
    assert topup.send([f"http://127.0.0.1:{host.front}/none"], 0) == 0


def test_what_cannot_be_counted_says_what_to_do(near: Look, host: World) -> None:
    with (host.work / "access.log").open("a") as stream:
        stream.write('127.0.0.1 - - [25/Nov/2026:02:00:00 +0000] "GET / HTTP/1.1" 200 5\n' * 50)
    result = near("p95")
    assert (result.status, "in another format" in result.found) == (Status.ERROR, True), result
    host.configure(access={"log": ""})
    result = near("p95")
    assert (result.status, "access.log is not set" in result.found) == (Status.ERROR, True)


def traffic(new: Figures, old: Figures | None = None, **more: Any) -> Traffic:
    baseline = Window("blue", 3600, {"read": old}) if old else None
    return Traffic(NEW, Window("green", 600, {"read": new}), baseline, **more)


def of(number: int, errors: int = 0, ms: int = 50) -> Figures:
    return Figures(number, errors, ms={ms: number})


@pytest.mark.parametrize(
    ("new", "old", "band"),
    [
        (of(199), None, Band.INCONCLUSIVE),
        (of(200), None, Band.NOTHING),
        (of(1000, 1), None, Band.WATCH),
        (of(1000, 2), None, Band.WATCH),
        (of(1000, 5), None, Band.CONSIDER),
        (of(1000, 5), of(10_000, 50), Band.WATCH),
        (of(1000, 5), of(10_000, 1), Band.CONSIDER),
        (of(1000, 50), of(10_000, 1), Band.CONSIDER),
        (of(1000, 66), of(10_000, 1), Band.IMMEDIATE),
    ],
)
def test_bands_of_errors(new: Figures, old: Figures | None, band: Band) -> None:
    assert bands.errors(traffic(new, old)).band is band


@pytest.mark.parametrize(
    ("new", "old", "band"),
    [
        (of(500, ms=124), of(500, ms=100), Band.NOTHING),
        (of(500, ms=125), of(500, ms=100), Band.NOTHING),
        (of(500, ms=126), of(500, ms=100), Band.CONSIDER),
        (of(500, ms=400), of(500, ms=100), Band.CONSIDER),
        (of(500, ms=401), of(500, ms=100), Band.IMMEDIATE),
        (of(500, ms=12), of(500, ms=1), Band.NOTHING),
        (of(500, ms=41), of(500, ms=1), Band.IMMEDIATE),
        (of(199, ms=401), of(500, ms=100), Band.INCONCLUSIVE),
        (of(500, ms=401), of(199, ms=100), Band.INCONCLUSIVE),
        # A tail alone: no shift of the whole, and bounds of the quantile that do not touch.
        (Figures(2000, ms={50: 1800, 400: 200}), Figures(2000, ms={50: 1960, 400: 40}), Band.IMMEDIATE),
        # So few slow ones that it may be chance.
        (Figures(200, ms={50: 189, 400: 11}), Figures(2000, ms={50: 1901, 400: 99}), Band.WATCH),
    ],
)
def test_bands_of_times(new: Figures, old: Figures, band: Band) -> None:
    assert bands.slower(traffic(new, old)).band is band


def test_the_worst_class_decides_and_health_is_none() -> None:
    now = Window("green", 600, {"read": of(500), "search": of(500, ms=200), "health": of(900, ms=900)})
    before = Window("blue", 600, {"read": of(500), "search": of(500), "health": of(900)})
    judged = bands.slower(Traffic(NEW, now, before))
    assert (judged.band, judged.why[:13]) == (Band.CONSIDER, "p95 of search")


def test_a_clock_that_was_moved_is_not_judged() -> None:
    with pytest.raises(CouldNotTell, match="clock was moved by 1 h"):
        judging.judge(traffic(of(500), clock_jump=3600.0), judging.Wanted("p95", Limits(), 500))


GOOD: dict[str, Any] = {
    "live": "green",
    "release": NEW,
    "clock_jump": 0,
    "read": {"unreadable": 0, "taken": 1},
    "window": {"seconds": 1, "probes": 0, "ignored": 0, "slots": {}},
    "baseline": None,
}
CELL = {"requests": 1, "errors": 0, "refused": 0, "closed": 0, "ms": {"1": 1}}


def test_an_answer_of_another_kind_is_not_known() -> None:
    assert figures.parse(GOOD).window.users.requests == 0
    for wrong in ({}, {**GOOD, "read": {}}, {**GOOD, "window": []}, {**GOOD, "baseline": {"slots": 1}}):
        with pytest.raises(CouldNotTell):
            figures.parse(wrong)
    for cell in ({}, {**CELL, "errors": 2}, {**CELL, "ms": {"x": 1}}, {**CELL, "ms": {"1": -1}}, {**CELL, "ms": []}):
        with pytest.raises(CouldNotTell):
            figures.parse({**GOOD, "window": {**GOOD["window"], "slots": {"green": {"read": cell}}}})


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": "500"},
        {"proves": "error-band", "limit": "1%"},
        {"proves": "errors", "limit": "500ms"},
        {"since": "yesterday"},
        {"classes": "x"},
        {"classes": "x=("},
        {"classes": "x=y\n" * 21},
        {"bands": "read 3s 2s 1s"},
        {"bands": "read"},
        {"min_requests": 19},
        {"consider": 5.0},
        {"top_up": 5},
        {"top_up": 1001, "top_up_urls": "http://127.0.0.1/"},
        {"top_up_urls": "ftp://x"},
        {"host": ""},
        {"config": "x"},
        {"prometheus": "x", "since": "15m"},
        {"prometheus": "http://127.0.0.1:9090"},
        {"prometheus": "http://127.0.0.1:9090", "since": "15m", "selector": 'a="b"}'},
        {"prometheus": "http://127.0.0.1:9090", "since": "15m", "requests_metric": "a{"},
    ],
)
def test_inputs_that_cannot_be_meant(wrong: dict[str, Any]) -> None:
    capability = Catalog().get("traffic")
    good: dict[str, Any] = {name.replace("-", "_"): one.default for name, one in capability.manifest.inputs.items()}
    good |= {"host": "a@b", "config": "/x", "proves": "p95", "min_requests": 200, "consider": 1.25, "immediate": 4.0}
    good |= {"top_up": 0}
    assert capability.faults(good) == []
    assert len(capability.faults({**good, **wrong})) == 1
    with pytest.raises(Misconfigured):
        capability.module.validate(**{**good, **wrong})


def test_addresses_are_parsed_before_anything_is_sent() -> None:
    with pytest.raises(ValueError, match="starts with https"):
        topup.send(["x"], 1)
    assert http.parse("http://127.0.0.1/").port == 80
    assert OLD != NEW
