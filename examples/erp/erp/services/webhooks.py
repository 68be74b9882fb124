"""Webhooks: deliveries are written with the deed and sent after it, each with its outcome in the log."""

import hashlib
import hmac
import json
import time

from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from erp import faults
from erp.faults import Fault
from erp.models.base import now
from erp.models.outgoing import DeliveryStatus, Webhook, WebhookDelivery
from erp.services.events import Event
from erp.services.webhook_client import Outcome, post
from erp.settings import Settings


def signing_secret(settings: Settings, webhook_id: int) -> str:
    """Return the secret a receiver checks signatures with; derived, so that none is stored."""
    key = settings.secret_key.get_secret_value().encode()
    return hmac.new(key, f"webhook:{webhook_id}".encode(), hashlib.sha256).hexdigest()


def signature(secret: str, moment: int, body: bytes) -> str:
    """Return the signature header: HMAC-SHA256 over `<unix time>.<body>`."""
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def enqueue(session: Session, event: Event) -> list[int]:
    """Write one pending delivery for every webhook that wants the event; return their ids. The caller commits."""
    hooks = session.scalars(select(Webhook).where(Webhook.active)).all()
    deliveries = [
        WebhookDelivery(webhook_id=hook.id, event=event.name, payload=event.data)
        for hook in hooks
        if event.name in hook.events
    ]
    session.add_all(deliveries)
    session.flush()
    return [delivery.id for delivery in deliveries]


def deliver(sessions: sessionmaker[Session], settings: Settings, delivery_ids: list[int]) -> None:
    """Send deliveries and write down what came of each; no transaction is open while the network is waited for."""
    for delivery_id in delivery_ids:
        with sessions() as session:
            delivery = session.get(WebhookDelivery, delivery_id)
            hook = session.get(Webhook, delivery.webhook_id) if delivery else None
            session.commit()
        if delivery is None or hook is None:
            continue
        outcome = send(settings, hook, delivery)
        with sessions() as session:
            note_outcome(session, delivery_id, outcome)
            session.commit()


def send(settings: Settings, hook: Webhook, delivery: WebhookDelivery) -> Outcome:
    """Sign and send one delivery."""
    if faults.on(Fault.WEBHOOK_FAILING):
        return Outcome(None, "the fault webhook-failing is on")
    body = json.dumps({"id": delivery.id, "event": delivery.event, "data": delivery.payload}).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "erp-webhooks",
        "X-ERP-Signature": signature(signing_secret(settings, hook.id), int(time.time()), body),
    }
    return post(
        hook.url, body, headers, seconds=settings.webhook_timeout_seconds, allow_private=settings.webhook_allow_private
    )


def note_outcome(session: Session, delivery_id: int, outcome: Outcome) -> None:
    """Write the outcome of an attempt into the delivery log; the caller commits."""
    session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.id == delivery_id)
        .values(
            status=DeliveryStatus.DELIVERED if outcome.delivered else DeliveryStatus.FAILED,
            attempts=WebhookDelivery.attempts + 1,
            response_status=outcome.status,
            error=outcome.error,
            finished_at=now(),
        )
    )
