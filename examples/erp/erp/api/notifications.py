"""Order events for connected clients, over a WebSocket.

The client proves who it is by an Authorization header, or (browsers cannot set one) by a first message
`{"token": "..."}`; the token is never in the URL, where logs would keep it. The server answers `{"event": "ready"}`
once no event can be missed any more.
"""

import asyncio
import contextlib
from typing import Any, cast

from fastapi import APIRouter, WebSocket, WebSocketDisconnect, status
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from erp.api.dependencies import user_of
from erp.models import Customer, Role
from erp.services.events import Event
from erp.services.tokens import BadTokenError
from erp.state import State

router = APIRouter()
LOGIN_SECONDS = 5.0
READY_SECONDS = 3.0
NOBODY = 0


async def token_from(socket: WebSocket) -> str:
    """Return the client's token from the header or its first message; raises BadTokenError."""
    scheme, _, token = socket.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token
    try:
        first: Any = await asyncio.wait_for(socket.receive_json(), LOGIN_SECONDS)
    except (TimeoutError, ValueError, KeyError) as error:
        raise BadTokenError("no token came") from error
    if not isinstance(first, dict) or not isinstance(first.get("token"), str):
        raise BadTokenError("the first message must be a token")
    return cast(str, first["token"])


def audience_of(state: State, token: str) -> int | None:
    """Return the customer whose events this token may see, or None for staff, who see all; raises BadTokenError."""
    with state.sessions() as session:
        user = user_of(state, session, token)
        if user.role is not Role.CUSTOMER:
            return None
        own = session.scalar(select(Customer.id).where(Customer.user_id == user.id))
        return NOBODY if own is None else own


@router.websocket("/ws/notifications")
async def notifications(socket: WebSocket) -> None:
    """Send the order events that concern the client until it goes."""
    state = cast(State, socket.app.state.erp)
    await socket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        try:
            audience = await run_in_threadpool(audience_of, state, await token_from(socket))
        except BadTokenError as error:
            await socket.close(status.WS_1008_POLICY_VIOLATION, str(error)[:100])
        except SQLAlchemyError:
            await socket.close(status.WS_1011_INTERNAL_ERROR, "the database does not answer")
        else:
            await stay(socket, state, audience)


async def stay(socket: WebSocket, state: State, audience: int | None) -> None:
    """Keep a client connected for as long as it wants."""
    queue = state.hub.join(audience)
    try:
        if await state.broker.ready(READY_SECONDS):
            await socket.send_json({"event": "ready"})
            await serve(socket, queue)
        else:
            await socket.close(status.WS_1013_TRY_AGAIN_LATER, "events do not arrive at the moment")
    finally:
        state.hub.leave(queue)


async def serve(socket: WebSocket, queue: asyncio.Queue[Event]) -> None:
    """Send events until the client goes; what it says meanwhile is ignored."""
    sender = asyncio.create_task(send_events(socket, queue))
    try:
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass
    finally:
        sender.cancel()
        with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
            await sender


async def send_events(socket: WebSocket, queue: asyncio.Queue[Event]) -> None:
    """Send every event of the queue."""
    while True:
        event = await queue.get()
        await socket.send_json({"event": event.name, "data": event.data})
