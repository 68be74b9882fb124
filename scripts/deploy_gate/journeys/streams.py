"""Connections over which an application speaks by itself, WebSocket (RFC 6455) and server-sent events, bounded."""

from __future__ import annotations

import queue
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import Any, Protocol

from deploy_gate.facts import http
from deploy_gate.facts.deadline import within
from deploy_gate.facts.http import Address
from deploy_gate.result import brief

MAX_MESSAGE = 256 * 1024
MAX_LINE = 64 * 1024
WAITING = 100


class StreamEnded(Exception):
    """The other side refused or closed the stream; the text says how."""


class Channel(Protocol):
    """An open stream."""

    def next(self, seconds: float) -> str | None:
        """The next message, None when none comes in time; raises StreamEnded."""

    def close(self) -> None:
        """Close it, without waiting for the other side."""


class WebSocketChannel:
    """A WebSocket; messages beyond 256 KiB end it, and so do extensions nobody asked for."""

    def __init__(self, address: Address, headers: Mapping[str, str], seconds: float) -> None:
        from websockets.exceptions import InvalidHandshake, WebSocketException
        from websockets.sync.client import connect

        self.opened = ExitStack()
        secure = address.scheme == "https"
        url = ("wss" if secure else "ws") + address.full.removeprefix(address.scheme)
        options: dict[str, Any] = {"ssl": ssl.create_default_context()} if secure else {}
        agent: dict[str, Any] = {
            "user_agent_header": http.USER_AGENT,
            "additional_headers": dict(headers),
            "proxy": None,
        }
        limits: dict[str, Any] = {
            "open_timeout": seconds,
            "close_timeout": 1,
            "max_size": MAX_MESSAGE,
            "compression": None,
        }
        try:
            # Looking a name up knows no time-out of its own.
            self.socket = within(seconds, lambda: self.opened.enter_context(connect(url, **agent, **limits, **options)))
        except InvalidHandshake as fault:
            raise StreamEnded(f"the server refused it: {brief(str(fault), 160)}") from None
        except (OSError, WebSocketException, EOFError) as fault:
            text = brief(f"{type(fault).__name__}: {fault}", 160)
            raise StreamEnded(f"it could not be opened: {text}") from None

    def send(self, text: str) -> None:
        """Send one message."""
        from websockets.exceptions import WebSocketException

        try:
            self.socket.send(text)
        except (OSError, WebSocketException) as fault:
            raise StreamEnded(f"it broke while sending: {brief(str(fault), 160)}") from None

    def next(self, seconds: float) -> str | None:
        """The next message."""
        from websockets.exceptions import WebSocketException

        try:
            said = self.socket.recv(timeout=max(seconds, 0))
        except TimeoutError:
            return None
        except (OSError, WebSocketException) as fault:
            raise StreamEnded(f"the server closed it: {brief(str(fault), 160)}") from None
        return said if isinstance(said, str) else said.decode(errors="replace")

    def close(self) -> None:
        """Close it."""
        with suppress(Exception):
            self.opened.close()


class EventChannel:
    """Server-sent events (HTML Living Standard, 9.2): the `data` of each event."""

    def __init__(self, address: Address, headers: Mapping[str, str], seconds: float) -> None:
        self.said: queue.Queue[str | StreamEnded] = queue.Queue(WAITING)
        self.over = threading.Event()
        self.connection: Any = None
        self.sock: Any = None
        self.listener: threading.Thread | None = None
        self.response: Any = None
        try:
            within(seconds, lambda: self.open(address, headers, seconds), self.close)
        except StreamEnded:
            self.close()
            raise
        except Exception as fault:  # noqa: BLE001 - whatever breaks on this way is trouble with the connection
            self.close()
            raise StreamEnded(f"it could not be opened: {type(fault).__name__}: {brief(str(fault), 120)}") from None
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()

    def open(self, address: Address, headers: Mapping[str, str], seconds: float) -> None:
        """Send the request and judge the answer's head."""
        self.connection = http.connection(address, seconds)
        sent = {"User-Agent": http.USER_AGENT, "Accept": "text/event-stream", "Cache-Control": "no-store", **headers}
        self.connection.connect()
        # Kept apart: the connection forgets its socket when the answer says that it will close.
        self.sock = self.connection.sock
        self.connection.request("GET", address.path, headers=sent, preload_content=False)
        self.response = self.connection.getresponse()
        kind = str(self.response.headers.get("content-type", "nothing")).partition(";")[0].strip().lower()
        if self.response.status != 200 or kind != "text/event-stream":
            raise StreamEnded(f"the server answered {self.response.status} with {brief(kind)}, no events")
        # Silence between two events is no fault.
        self.sock.settimeout(None)

    def listen(self) -> None:
        """Hand every event on until the stream ends."""
        data: list[str] = []
        size = 0
        try:
            while not self.over.is_set():
                raw = self.response.readline(MAX_LINE)
                size += len(raw)
                if not raw or len(raw) >= MAX_LINE or size > MAX_MESSAGE:
                    break
                line = raw.decode(errors="replace").rstrip("\r\n")
                if line.startswith("data:"):
                    data.append(line.removeprefix("data:").removeprefix(" "))
                elif not line:
                    self.hand_on("\n".join(data))
                    data, size = [], 0
        except Exception:  # noqa: BLE001 - however it ends, it has ended
            data = []
        with suppress(queue.Full):
            self.said.put_nowait(StreamEnded("the server closed it, or sent more than one event may hold"))

    def hand_on(self, text: str) -> None:
        """Keep an event until it is asked for; what nobody fetches is not kept for ever."""
        if not text:
            return
        if self.said.full():
            with suppress(queue.Empty):
                self.said.get_nowait()
        self.said.put_nowait(text)

    def next(self, seconds: float) -> str | None:
        """The next event's data."""
        try:
            found = self.said.get(timeout=max(seconds, 0.001))
        except queue.Empty:
            return None
        if isinstance(found, StreamEnded):
            raise found
        return found

    def close(self) -> None:
        """Close it; the thread that reads then ends."""
        self.over.set()
        http.shut(self.sock)
        if self.listener is not None:
            self.listener.join(1.0)
        for one in (self.response, self.connection):
            with suppress(Exception):
                if one is not None:
                    one.close()


def matching(channel: Channel, fits: Any, seconds: float) -> tuple[str | None, int, str]:
    """The first message that `fits` (which returns what is wrong, empty if nothing), how many came, the last fault."""
    ends, count, last = time.monotonic() + seconds, 0, ""
    while (left := ends - time.monotonic()) > 0:
        said = channel.next(left)
        if said is None:
            break
        count += 1
        last = fits(said)
        if not last:
            return said, count, ""
    return None, count, last
