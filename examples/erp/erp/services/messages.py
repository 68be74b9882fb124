"""Messages to customers' phones, and the provider's word on each.

The built-in provider takes every message and reports it delivered; a real one reports through the status endpoint.
"""

import secrets

from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from erp import faults
from erp.errors import NotFoundError
from erp.faults import Fault
from erp.models.base import now
from erp.models.outgoing import DeliveryStatus, Message


def enqueue(session: Session, recipient: str, template: str, order_id: int | None = None) -> int:
    """Write a pending message and return its id; the caller commits."""
    message = Message(
        provider_id=f"msg-{secrets.token_hex(12)}", recipient=recipient, template=template, order_id=order_id
    )
    session.add(message)
    session.flush()
    return message.id


def hand_over(sessions: sessionmaker[Session], message_ids: list[int]) -> None:
    """Give pending messages to the built-in provider."""
    refused = faults.on(Fault.MESSAGE_UNDELIVERED)
    status = DeliveryStatus.FAILED if refused else DeliveryStatus.DELIVERED
    error = "the provider refused the recipient" if refused else None
    with sessions() as session:
        session.execute(
            update(Message)
            .where(Message.id.in_(message_ids), Message.status == DeliveryStatus.PENDING)
            .values(status=status, error=error, updated_at=now())
        )
        session.commit()


def note_status(session: Session, provider_id: str, status: DeliveryStatus, error: str | None) -> Message:
    """Write down what the provider says; the caller commits. Raises NotFoundError for a message that is not ours."""
    message = session.scalar(select(Message).where(Message.provider_id == provider_id))
    if message is None:
        raise NotFoundError(f"there is no message {provider_id}")
    message.status, message.error, message.updated_at = status, error, now()
    return message
