import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest
from fastapi.testclient import TestClient

from erp.app import create_app
from erp.services.health import bounded, measure
from tests.world import World, make_settings


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port that is taken but where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_health_tells_release_and_components(build: Callable[..., World]) -> None:
    world = build(commit="abc123", release="2026.1")
    answer = world.client.get("/health")
    body = answer.json()
    latency = body["components"]["database"].pop("latency_ms")
    assert (answer.status_code, latency >= 0) == (200, True)
    assert body == {
        "status": "ok",
        "environment": "test",
        "debug": False,
        "version": world.app.version,
        "commit": "abc123",
        "release": "2026.1",
        "components": {"database": {"status": "up"}, "redis": {"status": "absent", "latency_ms": None}},
    }


def test_redis_down_is_503_but_alive(build: Callable[..., World], dead_port: int) -> None:
    world = build(redis_url=f"redis://127.0.0.1:{dead_port}/0")
    answer = world.client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "down")
    assert [part["status"] for part in answer.json()["components"].values()] == ["up", "down"]
    assert "127.0.0.1" not in answer.text
    assert world.client.get("/health/live").json()["status"] == "ok"


def test_database_down_is_503(tmp_path: Path) -> None:
    app = create_app(make_settings(database_url=f"sqlite:///{tmp_path}/no/such/folder.db"))
    answer = TestClient(app).get("/health")
    assert (answer.status_code, answer.json()["components"]["database"]["status"]) == (503, "down")


def test_without_redis_logins_are_still_limited_and_orders_still_work(
    build: Callable[..., World], dead_port: int
) -> None:
    world = build(redis_url=f"redis://127.0.0.1:{dead_port}/0", login_rate_limit=2)
    body = {"email": "admin@erp.example", "password": "wrong"}
    assert [world.client.post("/api/auth/login", json=body).status_code for _ in range(3)] == [401, 401, 429]


def test_frozen_component_is_down_within_the_limit() -> None:
    frozen = Event()
    component = measure("frozen", lambda: bounded(frozen.wait, 0.05))
    frozen.set()
    assert component.status == "down"
    assert component.latency_ms is not None
    assert 50 <= component.latency_ms < 2000


def test_bounded_probe_raises_what_the_probe_raises() -> None:
    with pytest.raises(ZeroDivisionError):
        bounded(lambda: 1 // 0, 5)
    bounded(lambda: None, 5)
