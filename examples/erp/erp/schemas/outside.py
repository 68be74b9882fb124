"""Positions, webhooks, messages, the audit log and health."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from erp.models.outgoing import DeliveryStatus
from erp.schemas.catalog import Phone
from erp.schemas.common import Incoming, Outgoing

EventName = Literal["order.created", "order.cancelled"]


class PositionIn(Incoming):
    """Where the salesperson is: degrees (WGS 84), metres, and when, if not just now."""

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    accuracy_m: Annotated[float, Field(ge=0, le=100_000)] | None = None
    recorded_at: AwareDatetime | None = None


class PositionOut(Outgoing):
    """One point of a track."""

    id: int
    user_id: int
    latitude: float
    longitude: float
    accuracy_m: float | None
    recorded_at: datetime


class WebhookIn(Incoming):
    """An address and the events it wants."""

    url: Annotated[str, Field(min_length=8, max_length=500)]
    events: Annotated[list[EventName], Field(min_length=1, max_length=10)]


class WebhookOut(Outgoing):
    """A webhook as it is listed."""

    id: int
    url: str
    events: list[str]
    active: bool


class WebhookCreated(WebhookOut):
    """A new webhook with the secret that its signatures are made with."""

    secret: str


class DeliveryOut(Outgoing):
    """One delivery and the outcome of its last attempt."""

    id: int
    webhook_id: int
    event: str
    status: DeliveryStatus
    attempts: int
    response_status: int | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None


class MessageIn(Incoming):
    """A message to a phone, for trying the provider."""

    recipient: Phone
    template: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]


class MessageStatusIn(Incoming):
    """The provider's word on a message."""

    status: Literal[DeliveryStatus.SENT, DeliveryStatus.DELIVERED, DeliveryStatus.FAILED]
    error: Annotated[str, Field(max_length=300)] | None = None


class MessageOut(Outgoing):
    """A message and how far it got."""

    id: int
    provider_id: str
    recipient: str
    template: str
    order_id: int | None
    status: DeliveryStatus
    error: str | None
    created_at: datetime
    updated_at: datetime | None


class AuditOut(Outgoing):
    """Who did what, from where."""

    id: int
    actor: str
    action: str
    subject: str
    address: str | None
    details: dict[str, Any]
    created_at: datetime


class ComponentOut(Outgoing):
    """One component; *absent* means that none is configured."""

    status: Literal["up", "down", "absent"]
    latency_ms: float | None


class AliveOut(Outgoing):
    """Which release this is, whatever its components do."""

    status: Literal["ok", "down"]
    environment: str
    debug: bool
    version: str
    commit: str
    release: str


class HealthOut(AliveOut):
    """The release and its components; the status is *down* as soon as one of them is."""

    components: dict[str, ComponentOut]
