"""The same gate over Docker Swarm: each slot a service, by the files of examples/swarm."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from slots.containers import BROKEN, NEW, OLD, Containers, containers
from support import ROOT

from deploy_gate.workbench import swarm
from host.config import parse

EXAMPLE = ROOT / "examples" / "swarm" / "slots.json"


@pytest.fixture(scope="module")
def shared() -> Iterator[Containers]:
    """One host that is the only node of a swarm; skipped, with the reason, where there can be none."""
    with containers(EXAMPLE.read_text(), swarm.begin) as found:
        yield found


@pytest.fixture
def host(shared: Containers) -> Containers:
    """The same, with OLD live in blue."""
    shared.reset()
    return shared


def running(host: Containers, slot: str) -> list[str]:
    """The image ids of a slot's tasks."""
    names = host.server.ask("ps", "--quiet", "--filter", f"label=com.docker.swarm.service.name=erp-{slot}").split()
    # One may end before it is asked about.
    return host.server.run("inspect", "--format", "{{.Image}}", *names).out.split() if names else []


def settled(host: Containers, slot: str, images: list[str]) -> None:
    """Wait until a slot runs just these."""
    until = time.monotonic() + 120
    while (seen := running(host, slot)) != images and time.monotonic() < until:
        time.sleep(0.5)
    assert seen == images


def test_the_example_is_a_configuration() -> None:
    wrong: list[str] = []
    assert parse(EXAMPLE.read_text(), wrong) is not None
    assert wrong == []


@pytest.mark.long
def test_switch_and_rollback_between_two_services(host: Containers) -> None:
    image = host.build(NEW)
    told = host.deploy(NEW, image)
    assert told.code == 0, (told.data, told.log)
    host.world.live(NEW, "green")
    assert (running(host, "blue"), running(host, "green")) == ([host.images[OLD]], [image])
    assert f"alembic upgrade head of {NEW}" in host.log("green-migrate")
    told = host.fleet.do("rollback", from_release=NEW)
    assert told.code == 0, told
    host.world.live(OLD, "blue")


@pytest.mark.long
def test_a_release_that_dies_leaves_the_warm_one_where_it_was(host: Containers) -> None:
    assert host.deploy(NEW, host.build(NEW)).code == 0
    limits = {**host.world.changes["limits"], "start": 40}
    host.world.configure(**{**host.world.changes, "limits": limits})
    told = host.deploy(BROKEN, host.build(BROKEN, broken="no such table: orders"))
    assert told.code == 1, told
    assert "did not come up in blue" in told.found
    host.world.live(NEW, "green")
    # Swarm may still be taking its own update back: what was warm is started by the host program, and stays.
    settled(host, "blue", [host.images[OLD]])
    assert host.world.good("status")["rollback"]["release"] == OLD


@pytest.mark.long
def test_swarm_itself_takes_back_an_update_that_dies(host: Containers) -> None:
    """The second net alone: nobody of ours is asked."""
    host.receive(BROKEN, host.build(BROKEN, broken="no such table: orders"))
    settings = host.world.machine.settings
    script = settings.commands.start[0]
    env = {"SLOT": "blue", "SLOT_PORT": str(settings.slots["blue"]), "RELEASE": BROKEN}
    host.command(script, "start", IMAGE_BACKEND=host.images[BROKEN], **env)
    until, state = time.monotonic() + 120, ""
    while state != "rollback_completed" and time.monotonic() < until:
        state = host.server.run("service", "inspect", "--format", "{{.UpdateStatus.State}}", "erp-blue").out.strip()
        time.sleep(0.5)
    assert state == "rollback_completed"
    settled(host, "blue", [host.images[OLD]])
    host.world.live(OLD, "blue")
