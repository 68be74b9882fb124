from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

import pytest
from redis import Redis

from erp.models import Role, SaleKind
from tests.world import PASSWORD, World

pytestmark = pytest.mark.integration
RETAIL = SaleKind.RETAIL


def test_both_components_are_up(world: World) -> None:
    answer = world.client.get("/health")
    parts = answer.json()["components"]
    assert (answer.status_code, [part["status"] for part in parts.values()]) == (200, ["up", "up"])
    assert all(part["latency_ms"] > 0 for part in parts.values())


def test_database_that_refuses_is_503(build: Callable[..., World]) -> None:
    world = build(database_url="postgresql://nobody@127.0.0.1/none?port=1")
    answer = world.client.get("/health")
    assert (answer.status_code, answer.json()["components"]["database"]["status"]) == (503, "down")


def test_order_takes_stock_and_cancel_gives_it_back(world: World) -> None:
    before = world.stock("RICE-1KG")
    order = world.order(RETAIL, "RICE-1KG", 4).json()
    assert (order["total"], world.stock("RICE-1KG")) == (5250, before - 4)
    manager = world.sign_in(Role.MANAGER)
    assert world.client.get(f"/api/orders/{order['id']}", headers=manager).json()["reference"] == order["reference"]
    world.client.post(f"/api/orders/{order['id']}/cancel", headers=manager)
    assert world.stock("RICE-1KG") == before
    assert world.client.get("/api/inventory/sync", headers=manager).json()["drifted"] == 0


def at_once(count: int, deed: Callable[[], Any]) -> list[int]:
    with ThreadPoolExecutor(count) as pool:
        return sorted(future.result().status_code for future in [pool.submit(deed) for _ in range(count)])


def test_of_many_buyers_of_the_last_pieces_exactly_as_many_get_them(world: World) -> None:
    body = {"sku": "LAST", "name": "Last ones", "retail_price": 10, "stock": 3}
    world.client.post("/api/products", json=body, headers=world.sign_in(Role.ADMIN))
    assert at_once(8, lambda: world.order(RETAIL, "LAST", 1)) == [201] * 3 + [409] * 5
    assert world.stock("LAST") == 0


def test_two_cancels_at_once_give_the_stock_back_once(world: World) -> None:
    before = world.stock("SALT-1KG")
    path = f"/api/orders/{world.order(RETAIL, 'SALT-1KG', 5).json()['id']}/cancel"
    headers = world.sign_in(Role.MANAGER)
    assert at_once(4, lambda: world.client.post(path, headers=headers)) == [200, 409, 409, 409]
    assert world.stock("SALT-1KG") == before


def test_refresh_token_used_twice_at_once_works_at_most_once(world: World) -> None:
    credentials = {"email": "salesperson@erp.example", "password": PASSWORD}
    token = world.client.post("/api/auth/login", json=credentials).json()["refresh_token"]
    codes = at_once(4, lambda: world.client.post("/api/auth/refresh", json={"refresh_token": token}))
    assert codes.count(200) <= 1


def test_event_of_one_slot_reaches_clients_of_the_other(build: Callable[..., World]) -> None:
    blue, green = build(), build()
    with blue.client, blue.client.websocket_connect("/ws/notifications", headers=blue.sign_in(Role.ADMIN)) as socket:
        assert socket.receive_json() == {"event": "ready"}
        order = green.order(RETAIL, "RICE-1KG", 1).json()
        assert socket.receive_json()["data"]["reference"] == order["reference"]


def test_listener_comes_back_after_its_connection_was_cut(build: Callable[..., World], redis_url: str) -> None:
    world = build()
    with world.client, world.client.websocket_connect("/ws/notifications", headers=world.sign_in(Role.ADMIN)) as socket:
        assert socket.receive_json() == {"event": "ready"}
        with Redis.from_url(redis_url) as client:
            prefix = world.state.settings.redis_prefix
            client.publish(f"{prefix}:events", "not an event")
            cut(client, prefix)
        with world.client.websocket_connect("/ws/notifications", headers=world.sign_in(Role.ADMIN)) as again:
            assert again.receive_json() == {"event": "ready"}
            world.order(RETAIL, "RICE-1KG", 1)
            assert again.receive_json()["event"] == "order.created"
            assert socket.receive_json()["event"] == "order.created"


def listener(client: Redis, prefix: str) -> str | None:
    """Return the id of the connection by which the application with this prefix listens."""
    named = [found["id"] for found in client.client_list(_type="pubsub") if found["name"] == f"{prefix}-events"]
    return named[0] if named else None


def cut(client: Redis, prefix: str) -> None:
    """End that connection, and come back when there is a new one."""
    before = listener(client, prefix)
    assert before is not None
    client.client_kill_filter(_id=before)
    deadline = monotonic() + 10
    while listener(client, prefix) in (None, before):
        assert monotonic() < deadline, "the listener did not come back"


def test_application_stops_whenever_it_is_told_to(build: Callable[..., World]) -> None:
    for _ in range(10):
        with build().client:
            pass


def test_slots_count_failed_logins_together(build: Callable[..., World]) -> None:
    blue, green = build(login_rate_limit=2), build(login_rate_limit=2)
    good = {"email": "admin@erp.example", "password": PASSWORD}
    bad = good | {"password": "wrong"}
    assert [blue.client.post("/api/auth/login", json=good).status_code for _ in range(3)] == [200] * 3
    codes = [slot.client.post("/api/auth/login", json=bad).status_code for slot in (blue, green, blue)]
    assert codes == [401, 401, 429]
    assert green.client.post("/api/auth/login", json=good).status_code == 429


def test_window_in_redis_has_an_end(world: World, redis_url: str) -> None:
    world.client.post("/api/auth/login", json={"email": "admin@erp.example", "password": "wrong"})
    with Redis.from_url(redis_url) as client:
        name = f"{world.state.settings.redis_prefix}:attempts:testclient"
        assert 0 < int(client.ttl(name)) <= 60
        client.delete(name)
        world.state.limiter.forgive("testclient")
        assert client.exists(name) == 0
