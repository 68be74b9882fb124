"""What leaves the house: webhook deliveries and messages to customers; and the audit log."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from erp.models.base import Base, Created, PrimaryKey, UtcDateTime, by_value


class DeliveryStatus(StrEnum):
    """How far something has got on its way."""

    PENDING = "pending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"


class Webhook(Base):
    """An address that wants to be told of events."""

    __tablename__ = "webhooks"

    id: Mapped[PrimaryKey]
    url: Mapped[str] = mapped_column(String(500))
    events: Mapped[list[str]] = mapped_column(JSON)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[Created]


class WebhookDelivery(Base):
    """One event for one webhook, with the outcome of the last attempt."""

    __tablename__ = "webhook_deliveries"

    id: Mapped[PrimaryKey]
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"), index=True)
    event: Mapped[str] = mapped_column(String(40))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    status: Mapped[DeliveryStatus] = mapped_column(
        by_value(DeliveryStatus, "status_known", native=False), default=DeliveryStatus.PENDING, index=True
    )
    attempts: Mapped[int] = mapped_column(default=0)
    response_status: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[Created]
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Message(Base):
    """A message to a customer's phone, with the provider's last word on it."""

    __tablename__ = "messages"

    id: Mapped[PrimaryKey]
    provider_id: Mapped[str] = mapped_column(String(40), unique=True)
    recipient: Mapped[str] = mapped_column(String(30))
    template: Mapped[str] = mapped_column(String(40))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id", ondelete="SET NULL"), index=True)
    status: Mapped[DeliveryStatus] = mapped_column(
        by_value(DeliveryStatus, "status_known", native=False), default=DeliveryStatus.PENDING
    )
    error: Mapped[str | None] = mapped_column(String(300))
    created_at: Mapped[Created]
    updated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AuditEntry(Base):
    """Who did what, from where; written in the same transaction as the deed."""

    __tablename__ = "audit_entries"

    id: Mapped[PrimaryKey]
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(60), index=True)
    subject: Mapped[str] = mapped_column(String(100))
    address: Mapped[str | None] = mapped_column(String(60))
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[Created]
