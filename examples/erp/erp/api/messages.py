"""Messages to customers' phones and how far they got."""

from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Path, Query, status
from sqlalchemy import select

from erp.api.dependencies import GoodKey, Manager, PageNumber, PageSize, SessionDep, StateDep
from erp.api.paging import page_of
from erp.models import Message
from erp.schemas.common import MAX_ID, Page
from erp.schemas.outside import MessageIn, MessageOut, MessageStatusIn
from erp.services import messages

router = APIRouter(prefix="/api/messages", tags=["messages"])


@router.post("", status_code=status.HTTP_201_CREATED)
def send_message(
    state: StateDep, session: SessionDep, _manager: Manager, body: MessageIn, tasks: BackgroundTasks
) -> MessageOut:
    """Send a message, to try the provider."""
    message_id = messages.enqueue(session, body.recipient, body.template)
    session.commit()
    tasks.add_task(messages.hand_over, state.sessions, [message_id])
    return MessageOut.model_validate(session.get_one(Message, message_id))


@router.get("")
def list_messages(
    session: SessionDep,
    _manager: Manager,
    order_id: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
    page: PageNumber = 1,
    size: PageSize = 20,
) -> Page[MessageOut]:
    """List the messages, newest first, of one order or of all."""
    query = select(Message).order_by(Message.id.desc())
    if order_id is not None:
        query = query.where(Message.order_id == order_id)
    return page_of(session, query, MessageOut, page, size)


@router.post("/{provider_id}/status")
def report_status(
    session: SessionDep, _key: GoodKey, provider_id: Annotated[str, Path(max_length=40)], body: MessageStatusIn
) -> MessageOut:
    """Take the provider's word on a message; the provider signs in by API key."""
    message = messages.note_status(session, provider_id, body.status, body.error)
    session.commit()
    return MessageOut.model_validate(message)
