"""Telling the world about an order: written down with the order, sent when it is committed."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from erp.models.catalog import Customer
from erp.models.orders import Order
from erp.services import messages, webhooks
from erp.services.events import Event
from erp.state import State


@dataclass(frozen=True)
class Announcement:
    """An event and what was written down to be sent because of it."""

    event: Event
    delivery_ids: list[int]
    message_ids: list[int]


def prepare(session: Session, name: str, order: Order, customer: Customer) -> Announcement:
    """Write down what has to be sent, in the order's own transaction; the caller commits."""
    data = {
        "id": order.id,
        "reference": order.reference,
        "kind": order.kind.value,
        "status": order.status.value,
        "total": order.total,
    }
    event = Event(name, order.customer_id, data)
    template = name.replace(".", "_")
    message_ids = [messages.enqueue(session, customer.phone, template, order.id)] if customer.phone else []
    return Announcement(event, webhooks.enqueue(session, event), message_ids)


def send(state: State, announcement: Announcement) -> None:
    """Send what was written down; runs after the answer to the caller."""
    state.broker.publish(announcement.event)
    messages.hand_over(state.sessions, announcement.message_ids)
    webhooks.deliver(state.sessions, state.settings, announcement.delivery_ids)
