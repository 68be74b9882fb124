"""The faults that are seen at the door: errors, delays, headers, pages. Present only where faults are asked for."""

import asyncio
import logging
import threading
import time
import traceback
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from erp import faults
from erp.faults import Fault, Switch, UnknownFaultError

log = logging.getLogger(__name__)
PER_MILLE = {Fault.ERRORS_0_2_PERCENT: 2, Fault.ERRORS_6_PERCENT: 60}
FACTORS = {Fault.SLOW_2X: 2, Fault.SLOW_5X: 5}
FAKE_ENV = "DATABASE_URL=postgresql://erp:example@postgres:5432/erp\nSECRET_KEY=made-up-and-worth-nothing\n"


@dataclass
class Counter:
    """Says of every request whether it is one of the `per_mille` in a thousand, evenly spread."""

    per_mille: int
    count: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def due(self) -> bool:
        """Count one."""
        with self.lock:
            self.count += 1
            return self.count * self.per_mille // 1000 > (self.count - 1) * self.per_mille // 1000


class Leak:
    """Database connections that are opened and not given back, until the fault is switched off."""

    def __init__(self, engine: Engine) -> None:
        self._engine = create_engine(engine.url, poolclass=NullPool, connect_args={"connect_timeout": 2})
        self._held: list[Connection] = []

    def drip(self) -> None:
        """Open one more; the server's refusal is the other requests' trouble."""
        try:
            self._held.append(self._engine.connect())
        except SQLAlchemyError as error:
            log.warning("no further connection to leave open: %s", type(error).__name__)

    def stop(self) -> None:
        """Close all."""
        while self._held:
            self._held.pop().close()


class FaultMiddleware:
    """ASGI middleware: switches the request's faults on, and does those that belong to no route."""

    def __init__(self, app: ASGIApp, switch: Switch, engine: Engine) -> None:
        self.app, self.switch = app, switch
        self.counters = {fault: Counter(number) for fault, number in PER_MILLE.items()}
        self.leak = Leak(engine)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with what is switched on at this moment."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        try:
            found = self.switch.now()
        except UnknownFaultError as error:
            # Loud: a typing error in a test's list must not look like a fault that nobody found.
            await PlainTextResponse(str(error), 500)(scope, receive, send)
            return
        with faults.active(found):
            if scope["type"] == "http":
                await self.serve(found, scope, receive, send)
            else:
                await self.app(scope, receive, send)

    async def serve(self, found: frozenset[Fault], scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or have it answered."""
        if scope["path"].startswith("/api/"):
            await self.disturb(found)
        instead = self.instead(found, scope)
        if instead is not None:
            await instead(scope, receive, send)
            return
        door = Door(found, Headers(scope=scope).get("origin", ""), send)
        try:
            await self.app(scope, receive, door.send)
        except Exception:
            if door.started or Fault.DEBUG_ON not in found:
                raise
            await PlainTextResponse(traceback.format_exc(), 500)(scope, receive, send)
            raise

    async def disturb(self, found: frozenset[Fault]) -> None:
        """Do what is beside the answer."""
        if Fault.CONNECTION_LEAK in found:
            await run_in_threadpool(self.leak.drip)
        else:
            await run_in_threadpool(self.leak.stop)
        if Fault.LOG_TRACEBACKS in found:
            leave_traceback()

    def instead(self, found: frozenset[Fault], scope: Scope) -> Response | None:
        """Return the answer that stands in for the application's, if there is one."""
        path, headers = scope["path"], Headers(scope=scope)
        if Fault.ENV_SERVED in found and path == "/.env":
            return PlainTextResponse(FAKE_ENV)
        if Fault.DOCS_MISSING in found and path == "/docs":
            return JSONResponse({"detail": "Not Found"}, 404)
        if Fault.OPENAPI_INVALID in found and path == "/openapi.json":
            return JSONResponse({"openapi": "3.1.0", "paths": {"no-slash": 7}})
        if Fault.CORS_OPEN in found and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            return PlainTextResponse("OK", headers=open_door(headers.get("origin", "")))
        due = [fault for fault, counter in self.counters.items() if fault in found and counter.due()]
        if path.startswith("/api/") and due:
            return JSONResponse({"detail": "Internal Server Error"}, 500)
        return None


def leave_traceback() -> None:
    """Log what an error in a task leaves that nobody waits for: raised, so that it bears a traceback."""
    try:
        fail()
    except RuntimeError:
        log.exception("unhandled error in a background task")


def fail() -> None:
    """Raise."""
    raise RuntimeError("the fault log-tracebacks is on")


class Door:
    """Stands where an answer leaves: delays its start, and changes its headers."""

    def __init__(self, found: frozenset[Fault], origin: str, send: Send) -> None:
        self.found, self.origin, self.onward = found, origin, send
        self.began, self.started = time.perf_counter(), False

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on."""
        if message["type"] == "http.response.start":
            self.started = True
            factor = max([number for fault, number in FACTORS.items() if fault in self.found], default=1)
            await asyncio.sleep((factor - 1) * (time.perf_counter() - self.began))
            self.spoil(MutableHeaders(scope=message))
        await self.onward(message)

    def spoil(self, headers: MutableHeaders) -> None:
        """Change the headers as the faults say."""
        if Fault.HEADER_MISSING in self.found:
            del headers["Strict-Transport-Security"]
            del headers["Content-Security-Policy"]
        if Fault.CORS_OPEN in self.found and self.origin:
            headers.update(open_door(self.origin))


def open_door(origin: str) -> dict[str, Any]:
    """Return the headers that let an origin do everything."""
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
    }
