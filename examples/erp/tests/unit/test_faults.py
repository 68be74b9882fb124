"""How faults are switched, and those that no single answer shows."""

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from erp import faults
from erp.fault_middleware import Counter
from erp.faults import Fault
from erp.models import Role, SaleKind
from tests.unit.test_faults_seen import PLACED, Build, log_in, quiet, status
from tests.world import World, make_settings


def test_errors_are_counted_out_exactly(build: Build) -> None:
    world = build(erp_faults=Fault.ERRORS_6_PERCENT.value)
    answers = [world.client.get("/api/products?size=1").status_code for _ in range(100)]
    assert answers.count(500) == 6
    assert world.client.get("/health").status_code == 200
    rare = Counter(2)
    assert [number for number in range(1, 1001) if rare.due()] == [500, 1000]


@pytest.mark.parametrize(("fault", "factor"), [(Fault.SLOW_2X, 2), (Fault.SLOW_5X, 5)])
def test_delay_is_a_multiple(build: Build, monkeypatch: pytest.MonkeyPatch, fault: Fault, factor: int) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    clock = iter((10.0, 10.5))
    monkeypatch.setattr("erp.fault_middleware.asyncio", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr("erp.fault_middleware.time", SimpleNamespace(perf_counter=lambda: next(clock)))
    assert build(erp_faults=fault.value).client.get("/docs").status_code == 200
    assert waited == [0.5 * (factor - 1)]


def test_lost_event_is_not_sent_and_the_next_one_is(build: Build, tmp_path: Path) -> None:
    file = tmp_path / "faults"
    world = build(erp_faults_file=str(file))
    with world.client, world.client.websocket_connect("/ws/notifications", headers=world.sign_in(Role.ADMIN)) as socket:
        assert socket.receive_json() == {"event": "ready"}
        file.write_text(Fault.NOTIFICATION_LOST.value)
        lost = world.order(SaleKind.RETAIL, PLACED, 1).json()
        file.unlink()
        told = world.order(SaleKind.RETAIL, PLACED, 1).json()
        assert socket.receive_json()["data"]["id"] == told["id"] != lost["id"]


def test_traceback_is_logged_and_the_answer_is_good(build: Build, caplog: pytest.LogCaptureFixture) -> None:
    world = build(erp_faults=Fault.LOG_TRACEBACKS.value)
    with caplog.at_level(logging.ERROR):
        assert world.client.get("/api/products").status_code == 200
    assert "RuntimeError: the fault log-tracebacks is on" in caplog.text


def test_leaked_connections_grow_until_the_fault_ends(
    build: Build, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Held:
        closed = False

        def close(self) -> None:
            self.closed = True

    opened: list[Held] = []

    class Server:
        def connect(self) -> Held:
            opened.append(Held())
            return opened[-1]

    monkeypatch.setattr("erp.fault_middleware.create_engine", lambda *_args, **_more: Server())
    file = tmp_path / "faults"
    world = build(erp_faults_file=str(file))
    file.write_text(Fault.CONNECTION_LEAK.value)
    for _ in range(3):
        assert world.client.get("/api/products").status_code == 200
    assert [one.closed for one in opened] == [False] * 3
    file.unlink()
    assert world.client.get("/api/products").status_code == 200
    assert [one.closed for one in opened] == [True] * 3


def test_health_that_lies_asks_nothing(build: Build) -> None:
    world = build(erp_faults=Fault.HEALTH_LIES.value)
    parts = world.client.get("/health").json()["components"]
    assert parts == {name: {"status": "up", "latency_ms": 0.1} for name in ("database", "redis")}


@pytest.mark.parametrize(("names", "shown"), [("debug-on, login-500", True), ("login-500", False)])
def test_traceback_is_shown_only_with_debug(build: Build, names: str, shown: bool) -> None:
    answer = log_in(quiet(build(erp_faults=names)))
    assert answer.status_code == 500
    assert ("Traceback" in answer.text) is shown


def test_file_is_read_anew_for_every_request(build: Build, tmp_path: Path) -> None:
    file = tmp_path / "faults"
    world = build(erp_faults_file=str(file))
    assert status("/.env")(world) == 404
    file.write_text("env-served\ndocs-missing\n")
    assert (status("/.env")(world), status("/docs")(world)) == (200, 404)
    file.write_text("")
    assert (status("/.env")(world), status("/docs")(world)) == (404, 200)


def test_unknown_name_is_loud(build: Build, tmp_path: Path) -> None:
    file = tmp_path / "faults"
    file.write_text("env-serfed")
    answer = build(erp_faults_file=str(file)).client.get("/health")
    assert answer.status_code == 500
    assert answer.text.startswith("there is no fault 'env-serfed'; there are: api-key-ignored, ")
    with pytest.raises(ValidationError, match="there is no fault 'slow'"):
        make_settings(database_url="sqlite://", erp_faults="slow")


@pytest.mark.parametrize("asked", [{"erp_faults": "slow-2x"}, {"erp_faults_file": "/run/faults"}])
def test_production_refuses_faults(asked: dict[str, str]) -> None:
    deployed = {"database_url": "postgresql://", "redis_url": "redis://127.0.0.1", "environment": "production"}
    with pytest.raises(ValidationError, match="take them out of production"):
        make_settings(**deployed, **asked)
    assert make_settings(**deployed, **asked, erp_faults_allowed=True).environment == "production"


def test_nothing_is_in_the_way_unless_asked_for(world: World) -> None:
    assert "FaultMiddleware" not in [one.cls.__name__ for one in world.app.user_middleware]  # type: ignore[attr-defined]
    assert not any(faults.on(fault) for fault in Fault)
