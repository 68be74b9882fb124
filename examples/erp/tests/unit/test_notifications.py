from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import update
from starlette.websockets import WebSocketDisconnect

from erp.api.notifications import NOBODY
from erp.models import Customer, Role, SaleKind
from erp.services.events import QUEUE_SIZE, Event, Hub
from tests.world import World

PATH = "/ws/notifications"


@pytest.fixture
def running(world: World) -> Iterator[World]:
    """The same world with its event listener running."""
    with world.client:
        yield world


def test_staff_hear_of_orders(running: World) -> None:
    with running.client.websocket_connect(PATH, headers=running.sign_in(Role.MANAGER)) as socket:
        assert socket.receive_json() == {"event": "ready"}
        socket.send_text("what clients say is ignored")
        order = running.order(SaleKind.RETAIL, "TEA-1KG", 2).json()
        assert socket.receive_json() == {
            "event": "order.created",
            "data": {key: order[key] for key in ("id", "reference", "kind", "status", "total")},
        }
        running.client.post(f"/api/orders/{order['id']}/cancel", headers=running.sign_in(Role.MANAGER))
        heard = socket.receive_json()
        assert (heard["event"], heard["data"]["status"]) == ("order.cancelled", "cancelled")


def test_customer_hears_of_its_own_orders_only(running: World) -> None:
    with running.client.websocket_connect(PATH) as socket:
        socket.send_json({"token": running.token(Role.CUSTOMER)})
        assert socket.receive_json() == {"event": "ready"}
        running.order(SaleKind.WHOLESALE, "TEA-1KG", 1)
        own = running.order(SaleKind.RETAIL, "TEA-1KG", 1, Role.CUSTOMER).json()
        assert socket.receive_json()["data"]["id"] == own["id"]


@pytest.mark.parametrize("first", [{"token": "forged"}, {"token": 5}, {}, [1], "text"])
def test_without_a_good_token_the_door_closes(running: World, first: Any) -> None:
    with running.client.websocket_connect(PATH) as socket:
        socket.send_json(first)
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == 1008


def test_customer_account_without_a_customer_hears_nothing(running: World) -> None:
    with running.state.sessions() as session:
        session.execute(update(Customer).values(user_id=None))
        session.commit()
    with running.client.websocket_connect(PATH, headers=running.sign_in(Role.CUSTOMER)) as socket:
        assert socket.receive_json() == {"event": "ready"}
        running.order(SaleKind.RETAIL, "TEA-1KG", 1)
        # Deliveries keep their order, so if this one is the first to arrive, nothing came before it.
        running.state.broker.publish(Event("probe", NOBODY, {}))
        assert socket.receive_json()["event"] == "probe"


def test_without_a_listener_clients_are_told_to_try_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("erp.api.notifications.READY_SECONDS", 0.01)
    with (
        world.client.websocket_connect(PATH, headers=world.sign_in(Role.ADMIN)) as socket,
        pytest.raises(WebSocketDisconnect) as closed,
    ):
        socket.receive_json()
    assert closed.value.code == 1013


def test_slow_client_loses_its_oldest_event_and_blocks_nobody() -> None:
    hub = Hub()
    queue = hub.join(None)
    for number in range(QUEUE_SIZE + 1):
        hub.deliver(Event("order.created", 1, {"number": number}))
    assert (queue.qsize(), queue.get_nowait().data) == (QUEUE_SIZE, {"number": 1})
    hub.leave(queue)
    hub.deliver(Event("order.created", 1, {}))
    assert queue.qsize() == QUEUE_SIZE - 1


@pytest.mark.parametrize("text", ["", "[]", "5", "{}", '{"name": "x", "customer_id": 1, "data": 3}'])
def test_what_is_not_an_event_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"event|Expecting"):
        Event.from_json(text)


def test_event_survives_the_wire() -> None:
    event = Event("order.created", 4, {"total": 5})
    assert Event.from_json(event.to_json()) == event
