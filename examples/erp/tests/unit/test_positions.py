from datetime import timedelta

import pytest

from erp.models import Role
from erp.models.base import now
from tests.world import World


def test_track_is_read_in_order_and_from_a_moment_on(world: World) -> None:
    sales = world.sign_in(Role.SALESPERSON)
    start = now() - timedelta(hours=1)
    for minutes in (20, 0, 10):
        body = {
            "latitude": 33.0 + minutes,
            "longitude": 44.4,
            "recorded_at": (start + timedelta(minutes=minutes)).isoformat(),
        }
        assert world.client.post("/api/positions", json=body, headers=sales).status_code == 201
    path = f"/api/positions/{world.user(Role.SALESPERSON).id}"
    track = world.client.get(path, headers=world.sign_in(Role.MANAGER)).json()
    assert [point["latitude"] for point in track] == [33.0, 43.0, 53.0]
    newest = world.client.get(path, params={"limit": 1}, headers=sales).json()
    assert [point["latitude"] for point in newest] == [53.0]
    since = world.client.get(path, params={"since": (start + timedelta(minutes=5)).isoformat()}, headers=sales).json()
    assert [point["latitude"] for point in since] == [43.0, 53.0]


@pytest.mark.parametrize(
    "body", [{"latitude": 91, "longitude": 0}, {"latitude": 0, "longitude": -181}, {"latitude": 0}]
)
def test_positions_off_the_globe_are_422(world: World, body: dict[str, float]) -> None:
    assert world.client.post("/api/positions", json=body, headers=world.sign_in(Role.SALESPERSON)).status_code == 422


def test_position_from_the_future_is_refused(world: World) -> None:
    body = {"latitude": 0, "longitude": 0, "recorded_at": (now() + timedelta(hours=1)).isoformat()}
    answer = world.client.post("/api/positions", json=body, headers=world.sign_in(Role.SALESPERSON))
    assert "future" in answer.json()["detail"]


def test_tracks_of_others_are_not_a_salespersons_business(world: World) -> None:
    manager = world.user(Role.MANAGER).id
    assert world.client.get(f"/api/positions/{manager}", headers=world.sign_in(Role.SALESPERSON)).status_code == 404
    assert world.client.get(f"/api/positions/{manager}", headers=world.sign_in(Role.ADMIN)).status_code == 404
