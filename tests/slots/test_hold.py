"""Hold: a person is asked. Confirm, rollback and no answer are all in the journal, as answers to it."""

from __future__ import annotations

from typing import Any

import pytest
from slots.test_guard import wait_for, without_guard
from slots.test_switch import WITHIN
from slots.world import NEW, OLD, THIRD, World

from host.guard import Guard
from host.status import lines


def held(host: World, seconds: str = "60") -> int:
    """NEW has the traffic and is held; the number of the journal's last line before that."""
    host.good("prepare", NEW)
    host.good("switch", NEW, *WITHIN)
    before = int(host.machine.journal.tail(1)[-1]["seq"])
    host.good("hold", NEW, "--within", seconds, "--reason", "latency up", "--by", "run 7")
    return before


def answers(host: World, before: int) -> list[dict[str, Any]]:
    """The steps of the watch since then: name, by whom, and what phase they ended."""
    wanted = ("hold", "confirm", "rollback", "cold-rollback")
    entries = [one for one in host.machine.journal.entries() if one["seq"] > before and one["event"] == "intent"]
    return [
        {"step": one["step"], "by": one["data"].get("by", one["by"]), "phase": one["data"]["phase"]}
        for one in entries
        if one["step"] in wanted
    ]


ASKED = {"step": "hold", "by": "run 7", "phase": "confirm"}


@pytest.mark.long
def test_it_shows_why_and_how_long(host: World) -> None:
    held(host)
    watch = host.good("status")["watch"]
    assert (watch["phase"], watch["release"], watch["reason"]) == ("hold", NEW, "latency up")
    assert 0 < watch["seconds_left"] <= 60
    assert any(line.endswith(" s left (latency up)") for line in lines(host.good("status")))
    for words in (("prepare", THIRD), ("stop",), ("switch", OLD, *WITHIN)):
        assert host.run(*words).what == f"{NEW[:12]} is not confirmed yet (hold)"


def test_a_confirm_answers_it(host: World) -> None:
    before = held(host)
    host.good("confirm", NEW, "--by", "ada")
    watch = host.good("status")["watch"]
    assert (watch["phase"], watch["reason"]) == ("guard", "")
    assert answers(host, before) == [ASKED, {"step": "confirm", "by": "ada", "phase": "hold"}]
    host.live(NEW, "green")


def test_a_rollback_answers_it(host: World) -> None:
    before = held(host)
    host.good("rollback", "--from", NEW, "--by", "ada", "--reason", "orders fail")
    assert answers(host, before) == [ASKED, {"step": "rollback", "by": "ada", "phase": "hold"}]
    answer = host.run("confirm", NEW)
    assert (answer.code, answer.what.partition(" at ")[0]) == (4, f"{NEW[:12]} was rolled back by ada")
    answer = host.run("hold", NEW, "--within", "60")
    assert (answer.code, answer.what.partition(" at ")[0]) == (4, f"{NEW[:12]} was rolled back by ada")
    host.live(OLD, "blue")


def test_no_answer_is_a_rollback(host: World) -> None:
    before = held(host, "0.5")
    wait_for(host, OLD)
    assert answers(host, before) == [ASKED, {"step": "rollback", "by": "guard", "phase": "hold"}]
    assert host.good("status")["left"][-1]["reason"] == "nobody answered the hold in time"
    host.live(OLD, "blue")


@pytest.mark.long
def test_it_can_be_held_longer(host: World) -> None:
    with without_guard(host):
        before = held(host, "0.01")
        late = host.run("hold", NEW, "--within", "60")
        assert (late.code, late.what) == (6, f"the time to confirm {NEW[:12]} is over, and the guard is switching back")
        state = host.machine.load()
        assert state.watch is not None
        state.watch.deadline["boot"] += 1000
        host.machine.save(state)
        host.good("hold", NEW, "--within", "60", "--by", "ada")
        assert answers(host, before) == [ASKED, {"step": "hold", "by": "ada", "phase": "hold"}]
        assert host.good("status")["watch"]["seconds_left"] <= 60
        host.good("confirm", NEW)
    host.live(NEW, "green")


@pytest.mark.long
def test_a_held_release_that_becomes_ill_is_left_at_once(host: World) -> None:
    before = held(host)
    host.fault(NEW, ready=500)
    wait_for(host, OLD)
    assert answers(host, before) == [ASKED, {"step": "rollback", "by": "guard", "phase": "hold"}]
    host.fault(NEW)
    host.live(OLD, "blue")


@pytest.mark.long
def test_where_there_is_no_way_back_a_late_answer_counts(host: World) -> None:
    with without_guard(host):
        before = held(host, "0.01")
        machine = host.machine
        state = machine.load()
        state.back = {"verdict": "forward-only", "why": "r2 removes a column", "release": NEW}
        machine.save(state)
        watcher = Guard(machine)
        watcher.tick()
        assert machine.load().release() == NEW
        (alert,) = [one for one in machine.journal.tail(3) if one["event"] == "alert"]
        assert "does not know the live schema" in alert["text"]
        host.good("confirm", NEW, "--by", "ada")
    assert answers(host, before) == [ASKED, {"step": "confirm", "by": "ada", "phase": "hold"}]
    host.live(NEW, "green")


@pytest.mark.long
def test_a_confirmed_release_is_not_held(host: World) -> None:
    host.good("prepare", NEW)
    host.good("switch", NEW, *WITHIN)
    host.good("confirm", NEW)
    answer = host.run("hold", NEW, "--within", "60")
    assert (answer.code, answer.what) == (1, f"{NEW[:12]} is confirmed already")
    host.live(NEW, "green")
