"""The last resort: a person moves the flag. It is told, and left where it answers; the state follows a command only."""

from __future__ import annotations

from pathlib import Path

import pytest
from slots.test_crash import no_guard
from slots.test_guard import alerts, newest
from slots.test_switch import WITHIN, deploy
from slots.world import NEW, OLD, World

from host.guard import Guard


def move(host: World, slot: str) -> None:
    """What docs/host.md says."""
    flags = Path(host.settings.nginx.flags)
    on, off = flags / "green", flags / "green.off"
    (off if slot == "green" else on).rename(on if slot == "green" else off)


def test_it_is_told_with_the_ways_on(host: World) -> None:
    host.good("prepare", NEW)
    before, flags = newest(host), host.settings.nginx.flags
    with no_guard(host):
        move(host, "green")
        told = host.good("status")["findings"][0]
        assert told == (
            "the flag names green, the state blue: moved by hand? nothing was overwritten; "
            f"`slots rollback --from {OLD}` or `slots switch RELEASE` make the state follow, "
            f"`mv {flags}/green {flags}/green.off` takes the traffic back to blue"
        )
        line = next(one for one in host.run("preflight").data["lines"] if one["name"] == "flag")
        found = "names green, the state says blue: moved by hand"
        assert (line["status"], line["found"], line["fix"]) == ("failed", found, told)
        Guard(host.machine).tick()
        assert alerts(host, before) == ["flag"]
        restored = host.good("guard", "restore")
        assert (restored["flag"], restored["live"], restored["said"]) == ("moved by hand", "blue", [told])
        assert alerts(host, before) == ["flag", "flag"]
        assert host.machine.pointer.read() == "green"
        move(host, "blue")
    host.live(OLD, "blue")


@pytest.mark.long
def test_a_rollback_makes_the_state_follow(host: World) -> None:
    deploy(host, NEW)
    with no_guard(host):
        move(host, "blue")
        host.good("guard", "restore")
        assert host.good("rollback", "--from", NEW)["live"] == "blue"
    host.live(OLD, "blue")


@pytest.mark.long
def test_a_switch_makes_the_state_follow(host: World) -> None:
    host.good("prepare", NEW)
    with no_guard(host):
        move(host, "green")
        host.good("guard", "restore")
    assert host.good("switch", NEW, *WITHIN)["live"] == "green"
    host.good("confirm", NEW)
    host.live(NEW, "green")


def test_after_a_reboot_it_stays_where_it_was_moved(host: World) -> None:
    deploy(host, NEW)
    with no_guard(host):
        move(host, "blue")
        for slot in host.ports:
            host.kill_app(slot)
        told = host.good("guard", "restore")
        assert (told["flag"], told["started"]) == ("moved by hand", ["blue", "green"])
        assert host.machine.pointer.read() == "blue"
        front = host.good("status")["front"]
        assert (front["slot"], front["release"]) == ("blue", OLD)
        host.good("rollback", "--from", NEW)
    host.live(OLD, "blue")


@pytest.mark.parametrize("fault", [pytest.param("stopped", marks=pytest.mark.long), "not ready"])
def test_on_a_slot_that_does_not_answer_well_the_state_is_followed(host: World, fault: str) -> None:
    host.good("prepare", NEW)
    if fault == "stopped":
        host.good("stop")
    host.fault(NEW, ready=503)
    with no_guard(host):
        move(host, "green")
        told = host.good("guard", "restore")
        assert (told["flag"], told["said"][-1]) == ("restored", "the flag was green: it is on blue again")
    host.live(OLD, "blue")
