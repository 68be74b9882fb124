"""The other mode: a reload, for set-ups that cannot have the flag."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from slots.load import Load
from slots.test_crash import killed, no_guard
from slots.test_guard import wait_for
from slots.test_switch import WITHIN, deploy
from slots.world import NEW, OLD, PATIENT, THIRD, World, world


@pytest.fixture(scope="module")
def shared(nginx: str) -> Iterator[World]:
    """A host whose nginx is reloaded."""
    with (
        tempfile.TemporaryDirectory(prefix="slots-") as folder,
        world(Path(folder), nginx={"mode": "reload"}, **PATIENT) as found,
    ):
        yield found


def test_switch_and_rollback(host: World) -> None:
    with Load(host.front, sockets=0) as load:
        deploy(host, NEW)
        host.live(NEW, "green")
        host.good("rollback", "--from", NEW)
        host.live(OLD, "blue")
    # The race of a reload is known: an exiting worker closes kept-alive connections. Nothing else may fail.
    assert not [told for told in load.failed if "(reused)" not in told], load.failed


def test_the_old_slot_waits_for_the_old_workers(host: World) -> None:
    deploy(host, NEW)
    deploy(host, THIRD)
    assert host.machine.pointer.drained()
    host.live(THIRD, "blue")


def test_a_configuration_broken_by_hand_is_not_reloaded(host: World) -> None:
    path = host.work / "nginx.conf"
    whole = path.read_text()
    host.good("prepare", NEW)
    path.write_text(whole.replace("events {", "evnets {"))
    try:
        answer = host.run("switch", NEW, *WITHIN)
    finally:
        path.write_text(whole)
    assert answer.code == 1
    assert 'unknown directive "evnets"' in answer.what
    host.live(OLD, "blue")
    host.good("switch", NEW, *WITHIN)
    host.live(NEW, "green")


def test_a_killed_switch_is_undone(host: World) -> None:
    host.good("prepare", NEW)
    with no_guard(host):
        killed(host, "switch", "switch.acted")
        host.good("guard", "restore")
    wait_for(host, OLD)  # workers of before answer a moment longer
    host.live(OLD, "blue")
