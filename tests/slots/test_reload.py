"""The other mode: a reload, for set-ups that cannot have the flag."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from slots.load import Load
from slots.test_crash import killed, no_guard
from slots.test_guard import alerts, newest, wait_for, without_guard
from slots.test_rollback import fill, small_disk
from slots.test_switch import WITHIN, after_the_rename, deploy
from slots.world import NEW, OLD, PATIENT, THIRD, World, world

from host.guard import Guard
from host.heal import heal
from host.rollback import roll_back
from host.trouble import Trouble


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


def test_a_rollback_on_a_full_disk(nginx: str) -> None:
    """The one that the snippets are on: the reserve of the other one is of no use there."""
    with tempfile.TemporaryDirectory(prefix="slots-") as folder:
        snippets = Path(folder) / "snippets"
        snippets.mkdir()
        with small_disk(snippets, "1m"), world(Path(folder), nginx={"mode": "reload"}, **PATIENT) as host:
            deploy(host, NEW)
            fill(snippets / "filler")
            assert host.good("rollback", "--from", NEW)["release"] == OLD
            host.live(OLD, "blue")


def test_a_lost_file_is_put_back_and_told(host: World) -> None:
    deploy(host, NEW)
    before = newest(host)
    with without_guard(host):
        path = Path(host.settings.nginx.snippets) / "active.conf"
        path.unlink()
        Guard(host.machine).tick()
        assert host.machine.pointer.read() == "green"
    assert "flag" in alerts(host, before)  # a look that took too long is told beside it
    host.live(NEW, "green")


def test_after_a_reboot_without_nginx_a_lost_file_and_the_slots_come_back(host: World) -> None:
    deploy(host, NEW)
    with no_guard(host):
        (Path(host.settings.nginx.snippets) / "active.conf").unlink()
        for slot in host.ports:
            host.kill_app(slot)
        host.configure(nginx={"mode": "reload", "command": ["false"]})
        told = host.good("guard", "restore")
        assert (told["flag"], told["started"]) == ("restored", ["green", "blue"])
        assert host.machine.pointer.read() == "green"
        assert told["said"][0] == "the flag was gone: it is on green again"
    host.configure(**host.changes)
    host.live(NEW, "green")


def test_a_file_moved_to_a_slot_that_is_ill_is_written_also_where_nginx_cannot_be_told(host: World) -> None:
    deploy(host, NEW)
    host.good("stop")
    with no_guard(host):
        path = Path(host.settings.nginx.snippets) / "active.conf"
        path.write_text(path.read_text().replace("green", "blue"))
        host.configure(nginx={"mode": "reload", "command": ["false"]})
        told = host.good("guard", "restore")
        assert (told["flag"], host.machine.pointer.read()) == ("restored", "green")
        assert told["said"][-2].startswith("nginx was not told that it is green: nginx -t ended with 1 after ")
    host.configure(**host.changes)
    host.live(NEW, "green")


def test_an_error_of_the_disk_after_the_rename_is_no_failed_switch(
    host: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    after_the_rename(host, monkeypatch)


def test_what_to_do_by_hand_is_told_for_this_mode(host: World, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(host, NEW)
    machine = host.machine

    def broken(slot: str) -> None:
        raise Trouble(f"{slot} could not be written", "the disk is read-only", "remount it")

    with monkeypatch.context() as patch:
        patch.setattr(machine.pointer, "point", broken)
        with pytest.raises(Trouble) as told:
            roll_back(machine, NEW, by="ada", reason="errors")
    folder = host.settings.nginx.snippets
    by_hand = told.value.do.partition("by hand: ")[2]
    assert by_hand.startswith(f"ln -f {folder}/active.blue {folder}/active.conf && ")
    subprocess.run(["sh", "-c", by_hand], check=True, capture_output=True)
    heal(machine)
    host.live(OLD, "blue")
