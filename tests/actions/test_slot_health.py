"""slot-health asks two real slots through a real sshd: dead, unready, slow, and another release each turn it red."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hosts import Server
from slots.world import NEW, OLD, THIRD

from deploy_gate.catalog import Catalog
from deploy_gate.facts import slotfacts
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Result, Status

GOOD = {"running": True, "release": OLD, "names": OLD, "alive": "yes", "ready": "yes", "port": 1, "ready_seconds": 0.1}


@pytest.fixture
def look(ask: Callable[..., Result], server: Server) -> Callable[..., Result]:
    return lambda **given: ask("slot-health", **server.inputs, **given)


@pytest.fixture
def both(server: Server) -> Server:
    server.world.good("prepare", NEW)
    return server


def test_one_slot_runs(look: Callable[..., Result]) -> None:
    result = look(target="5s")
    assert result.status is Status.PASSED, result
    assert result.found.startswith("blue (live) is ready after ")
    assert result.found.endswith(f"with {OLD[:12]}; green is stopped, aimed at 5 s")
    for slots in ("both", "idle"):
        result = look(slots=slots)
        assert (result.status, result.found) == (Status.FAILED, "green: is stopped, and must run")


def test_both_answer(look: Callable[..., Result], both: Server) -> None:
    result = look(slots="both", release=NEW)
    assert result.status is Status.PASSED
    assert "green (idle) is ready after " in result.found
    assert [one["release"] for one in result.evidence] == [OLD, NEW]
    result = look(slots="idle", release=THIRD)
    assert (result.status, result.found) == (Status.FAILED, f"green: names {NEW}, intended {THIRD}")


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"ready": 503}, "not ready on port {port}: status 503"),
        ({"live": 500}, "not alive on port {port}: status 500"),
        ({"release": THIRD}, "not alive on port {port}: release cccccccccccc answered, not bbbbbbbbbbbb"),
    ],
)
def test_the_idle_slot_is_not_well(
    look: Callable[..., Result], both: Server, fault: dict[str, object], told: str
) -> None:
    both.world.fault(NEW, **fault)
    result = look()
    port = both.world.ports["green"]
    assert (result.status, result.found) == (Status.FAILED, f"green: {told.format(port=port)}")
    assert look(slots="live").status is Status.PASSED


def test_a_slot_that_was_killed(look: Callable[..., Result], both: Server) -> None:
    both.world.kill_app("green")
    assert (look().status, look().found[:17]) == (Status.FAILED, "green: not alive ")


def test_latency(look: Callable[..., Result], both: Server) -> None:
    both.world.fault(NEW, delay=0.3)
    result = look(warning="100ms", critical="200ms")
    assert (result.status, result.found[:27]) == (Status.FAILED, "green was ready only after ")
    assert look(slots="live", critical="250ms").status is Status.PASSED


@pytest.mark.parametrize(
    ("limits", "status", "told"),
    [
        ((0.1, 0.2, 0.25), Status.FAILED, "green was ready only after 300 ms, the limit is 250 ms"),
        ((0.1, 0.2, 0.3), Status.WARNED, "green was ready only after 300 ms, the warning is at 200 ms"),
        ((0.1, 0.3, 0.3), Status.PASSED, "aimed at 100 ms"),
        ((None, None, None), Status.PASSED, "green (idle) is ready after 300 ms"),
    ],
)
def test_bands(limits: tuple[float | None, ...], status: Status, told: str) -> None:
    module = Catalog().get("slot-health").module
    slots = slotfacts.slots({"live": "blue", "slots": {"blue": GOOD, "green": {**GOOD, "ready_seconds": 0.3}}})
    result = module.judge(slots, module.Limits(*limits))
    assert (result.status, told in result.found) == (status, True), result


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"live": "blue", "slots": {}},
        {"live": "blue", "slots": {"blue": GOOD}},
        {"live": "red", "slots": {"blue": GOOD, "green": GOOD}},
        {"live": "blue", "slots": {"blue": GOOD, "green": {**GOOD, "ready_seconds": "soon"}}},
        {"live": "blue", "slots": {"blue": GOOD, "green": {"running": True}}},
        {"live": "blue", "slots": [GOOD, GOOD]},
    ],
)
def test_an_answer_of_another_kind_is_not_known(told: dict[str, object]) -> None:
    with pytest.raises(CouldNotTell):
        slotfacts.slots(told)


def test_a_slot_that_names_nothing() -> None:
    module = Catalog().get("slot-health").module
    slots = slotfacts.slots({"live": "blue", "slots": {"blue": {**GOOD, "names": ""}, "green": GOOD}})
    result = module.judge(slots, module.Limits())
    assert (result.status, result.found) == (Status.FAILED, f"blue: names no release, intended {OLD}")


def test_limits_that_do_not_rise() -> None:
    with pytest.raises(Misconfigured):
        Catalog().get("slot-health").module.validate(host="a@b", config="/x", target=2.0, warning=1.0, critical=None)
