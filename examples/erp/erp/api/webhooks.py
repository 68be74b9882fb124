"""Webhooks and the log of their deliveries, for admins."""

from typing import Annotated

from fastapi import APIRouter, Query, status
from sqlalchemy import select

from erp.api.dependencies import Address, Admin, PageNumber, PageSize, SessionDep, StateDep
from erp.api.paging import page_of
from erp.errors import ConflictError, NotFoundError, RefusedError
from erp.models import DeliveryStatus, Webhook, WebhookDelivery
from erp.schemas.common import Identity, Page
from erp.schemas.outside import DeliveryOut, WebhookCreated, WebhookIn, WebhookOut
from erp.services import audit, webhooks
from erp.services.webhook_client import BadTargetError, parse_target

router = APIRouter(prefix="/api/webhooks", tags=["webhooks"])


@router.post("", status_code=status.HTTP_201_CREATED)
def create_webhook(
    state: StateDep, session: SessionDep, admin: Admin, address: Address, body: WebhookIn
) -> WebhookCreated:
    """Add a webhook; the answer holds the secret that its signatures are made with."""
    try:
        parse_target(body.url)
    except BadTargetError as error:
        raise RefusedError(str(error)) from error
    hook = Webhook(url=body.url, events=sorted(set(body.events)), active=True)
    session.add(hook)
    session.flush()
    audit.record(session, admin.email, "webhook.created", f"webhook:{hook.id}", address=address)
    session.commit()
    secret = webhooks.signing_secret(state.settings, hook.id)
    return WebhookCreated(**WebhookOut.model_validate(hook).model_dump(), secret=secret)


@router.get("")
def list_webhooks(session: SessionDep, _admin: Admin, page: PageNumber = 1, size: PageSize = 20) -> Page[WebhookOut]:
    """List the webhooks."""
    return page_of(session, select(Webhook).order_by(Webhook.id), WebhookOut, page, size)


@router.delete("/{webhook_id}")
def stop_webhook(session: SessionDep, admin: Admin, address: Address, webhook_id: Identity) -> WebhookOut:
    """Stop a webhook; its log stays."""
    hook = session.get(Webhook, webhook_id)
    if hook is None:
        raise NotFoundError(f"there is no webhook {webhook_id}")
    hook.active = False
    audit.record(session, admin.email, "webhook.stopped", f"webhook:{hook.id}", address=address)
    session.commit()
    return WebhookOut.model_validate(hook)


@router.get("/deliveries")
def list_deliveries(
    session: SessionDep,
    _admin: Admin,
    outcome: Annotated[DeliveryStatus | None, Query(alias="status")] = None,
    page: PageNumber = 1,
    size: PageSize = 20,
) -> Page[DeliveryOut]:
    """List the deliveries, newest first; `status=failed` shows what did not arrive."""
    query = select(WebhookDelivery).order_by(WebhookDelivery.id.desc())
    if outcome is not None:
        query = query.where(WebhookDelivery.status == outcome)
    return page_of(session, query, DeliveryOut, page, size)


@router.post("/deliveries/{delivery_id}/retry")
def retry_delivery(state: StateDep, session: SessionDep, _admin: Admin, delivery_id: Identity) -> DeliveryOut:
    """Send a delivery once more, now, unless it arrived."""
    delivery = session.get(WebhookDelivery, delivery_id)
    if delivery is None:
        raise NotFoundError(f"there is no delivery {delivery_id}")
    if delivery.status is DeliveryStatus.DELIVERED:
        raise ConflictError("it arrived already")
    session.commit()
    webhooks.deliver(state.sessions, state.settings, [delivery_id])
    session.refresh(delivery)
    return DeliveryOut.model_validate(delivery)
