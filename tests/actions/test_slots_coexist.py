"""slots-coexist on a real server: room, connections of a real PostgreSQL, slots that run, services that run once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from databases import Cluster
from hosts import Server
from slots.world import NEW

from deploy_gate.catalog import Catalog
from deploy_gate.facts.slotfacts import Line, Slot
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Result, Status

NEEDS = {"memory-mb": 1, "disk-mb": 1, "connections-per-worker": 5, "workers": 4}
MEASURES = ["memory", "disk", "connections"]


@pytest.fixture
def look(ask: Callable[..., Result], server: Server, cluster: Cluster) -> Callable[..., Result]:
    """The check, with what a second slot needs laid over what it needs by default; `needs_x` for `needs.x`."""
    database = cluster.server
    place = ["-h", "127.0.0.1", "-p", str(database.port), "-U", "postgres", "-d", "postgres"]
    libraries = f"LD_LIBRARY_PATH={database.programs.parent / 'lib'}"
    psql = ["env", f"PGPASSWORD={database.password}", libraries, str(database.programs / "psql"), *place]

    def run(needs: dict[str, int] | None = None, **given: object) -> Result:
        server.world.configure(commands={"psql": psql}, needs={**NEEDS, **(needs or {})})
        return ask("slots-coexist", **server.inputs, **given)

    return run


def test_room_for_both_while_one_is_stopped(look: Callable[..., Result]) -> None:
    result = look()
    assert result.status is Status.PASSED, result
    assert result.found.startswith("room for both slots, green is stopped now; memory: ")
    assert "5 × 4 workers × 2 slots = 40, the database takes 47" in result.found
    result = look(both_running="true")
    assert (result.status, result.found) == (Status.FAILED, "green is stopped, both slots must run")


def test_both_run(look: Callable[..., Result], server: Server) -> None:
    server.world.good("prepare", NEW)
    result = look(both_running="true")
    assert (result.status, result.found[:15]) == (Status.PASSED, "both slots run;")
    server.world.kill_app("green")
    result = look()
    assert result.status is Status.FAILED
    assert result.found.startswith("green should run beside the other slot and does not: ")


@pytest.mark.parametrize(
    ("needs", "told"),
    [
        ({"workers": 5}, "connections: 5 × 5 workers × 2 slots = 50, the database takes 47"),
        ({"memory-mb": 9_000_000}, "MB available, 9000000 MB wanted"),
        ({"disk-mb": 9_000_000}, "MB free, 9000000 MB wanted"),
    ],
)
def test_no_room(look: Callable[..., Result], needs: dict[str, int], told: str) -> None:
    result = look(needs)
    assert (result.status, told in result.found) == (Status.FAILED, True)


def test_what_nobody_measured_is_not_passed(look: Callable[..., Result]) -> None:
    needs = {"memory-mb": 0}
    result = look(needs)
    assert (result.status, "not measured on the server: memory" in result.found) == (Status.ERROR, True)
    assert look(needs, measured="disk, connections").status is Status.PASSED


def test_a_database_that_does_not_answer(ask: Callable[..., Result], server: Server) -> None:
    server.world.configure(commands={"psql": ["false"]}, needs=NEEDS)
    result = ask("slots-coexist", **server.inputs)
    assert (result.status, "not measured on the server" in result.found) == (Status.ERROR, True)


@pytest.mark.parametrize(
    ("containers", "status", "told"),
    [
        ("backend\nbeat\nbackend", Status.PASSED, "beat runs once"),
        ("beat\nbackend\nbeat", Status.FAILED, "beat runs 2 times, it may run once"),
        ("backend\nbeats", Status.ERROR, "beat may run only once, and runs nowhere"),
    ],
)
def test_what_may_run_only_once(
    look: Callable[..., Result], server: Server, containers: str, status: Status, told: str
) -> None:
    server.program("docker", f"[ \"$1\" = ps ] && echo '{containers}'")
    result = look(once="beat")
    assert (result.status, told in result.found) == (status, True), result


def test_a_docker_that_does_not_answer(look: Callable[..., Result], server: Server) -> None:
    server.program("docker", "echo cannot connect to the docker daemon >&2; exit 1")
    assert look(once="beat").status is Status.ERROR


BLUE, GREEN = (Slot(name, 8001, name == "blue", True, NEW, NEW, "yes", "yes") for name in ("blue", "green"))


def test_a_known_fault_is_told_before_what_is_not_known() -> None:
    judge = Catalog().get("slots-coexist").module.judge
    facts = Catalog().get("slots-coexist").module.Facts
    lines = {"memory": Line("memory", "unknown", "?"), "disk": Line("disk", "failed", "3 MB free, 9 MB wanted")}
    assert judge(facts([BLUE, GREEN], lines), MEASURES, both_running=False).status is Status.FAILED
    with pytest.raises(CouldNotTell):
        judge(facts([BLUE, GREEN], {"memory": lines["memory"]}), ["memory"], both_running=False)
    with pytest.raises(CouldNotTell):
        judge(facts([BLUE, GREEN], {}), ["memory"], both_running=False)


@pytest.mark.parametrize(("measured", "once"), [([], []), (["cpu"], []), (["memory"], ["a b"]), (["memory"], ["-x"])])
def test_inputs_that_cannot_be_meant(measured: list[str], once: list[str]) -> None:
    with pytest.raises(Misconfigured):
        Catalog().get("slots-coexist").module.validate(host="a@b", config="/x", measured=measured, once=once)
