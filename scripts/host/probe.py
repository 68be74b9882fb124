"""One look over HTTP: a new connection each time, bounded as a whole, and what it says about slot and release."""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from host.names import NAMES, Unresolved
from host.settings import Front, Health

_LONGEST = 64 * 1024


@dataclass(frozen=True)
class Look:
    """What one request found; `status` 0 means that no answer came."""

    status: int
    slot: str
    release: str
    seconds: float
    error: str

    @property
    def good(self) -> bool:
        """Answered with 200."""
        return self.status == 200 and not self.error

    def trouble(self, slot: str, release: str) -> str:
        """Why this is not a good answer of that slot and release (an empty text where nothing is expected), or ''."""
        if not self.good:
            return self.error or f"status {self.status}"
        if slot and self.slot != slot:
            return f"answered by {self.slot or 'a slot that does not name itself'}, not {slot}"
        if release and self.release != release:
            return f"release {self.release[:12] or '(not named)'} answered, not {release[:12]}"
        return ""


def slot_look(port: int, path: str, health: Health) -> Look:
    """Ask a slot on its own port."""
    return _look(urlsplit(f"http://127.0.0.1:{port}{path}"), ("127.0.0.1", port), None, health)


def front_look(front: Front, health: Health) -> Look:
    """Ask through the front door."""
    url = urlsplit(front.url)
    host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    if front.connect:
        host, _, given = front.connect.rpartition(":")
        port = int(given)
    try:
        context = ssl.create_default_context(cafile=front.ca or None) if url.scheme == "https" else None
    except OSError as fault:
        return Look(0, "", "", 0.0, f"front.ca {front.ca}: {fault.strerror or fault}")
    return _look(url, (host, port), context, health)


def _look(url: SplitResult, address: tuple[str, int], context: ssl.SSLContext | None, health: Health) -> Look:
    begun = time.monotonic()
    until = begun + health.timeout
    try:
        answer = _exchange(url, address, context, until)
        return _read(answer, health, time.monotonic() - begun)
    except (OSError, ValueError, RecursionError, AttributeError, TypeError) as fault:
        seconds = time.monotonic() - begun
        late = isinstance(fault, TimeoutError) or seconds >= health.timeout
        text = f"no answer within {health.timeout:g} s" if late else (getattr(fault, "strerror", "") or str(fault))
        text = str(fault) if isinstance(fault, Unresolved) else text
        return Look(0, "", "", seconds, text)


def _exchange(url: SplitResult, address: tuple[str, int], context: ssl.SSLContext | None, until: float) -> bytes:
    """The whole answer. HTTP/1.0, so that it ends with the connection and comes in one piece."""
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    request = f"GET {path} HTTP/1.0\r\nHost: {url.netloc}\r\nUser-Agent: deploy-gate\r\nAccept: */*\r\n\r\n"
    plain = _connected(address, until)
    connection = plain
    try:
        if context is not None:
            plain.settimeout(_left(until))
            connection = context.wrap_socket(plain, server_hostname=url.hostname)
        connection.sendall(request.encode("ascii"))
        received = b""
        while len(received) <= _LONGEST:
            connection.settimeout(_left(until))
            more = connection.recv(16384)
            if not more:
                return received
            received += more
        raise ValueError(f"the answer is longer than {_LONGEST} bytes")
    finally:
        connection.close()
        plain.close()


def _connected(address: tuple[str, int], until: float) -> socket.socket:
    """To the first address of the name that takes the connection."""
    host, port = address
    *others, last = NAMES.addresses(host.strip("[]"), _left(until))
    for one in others:
        with suppress(OSError):
            return socket.create_connection((one, port), _left(until))
    return socket.create_connection((last, port), _left(until))


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _read(answer: bytes, health: Health, seconds: float) -> Look:
    head, _, body = answer.partition(b"\r\n\r\n")
    line, _, headers = head.decode("latin-1").partition("\r\n")
    match = re.match(r"HTTP/1\.[01] (\d{3})\b", line)
    if not match:
        return Look(0, "", "", seconds, "no HTTP answer" if answer else "the connection was closed without an answer")
    told = re.search(r"^x-slot:[ \t]*([\w-]{1,40})[ \t\r]*$", headers, re.IGNORECASE | re.MULTILINE)
    data = _object(body)
    release, own = data.get(health.release_field), data.get(health.slot_field)
    own = own if isinstance(own, str) else ""
    slot = told[1] if told else own
    error = ""
    if told and own and own != slot:
        error = f"nginx says {slot}, the application says {own}: a port is crossed"
    return Look(int(match[1]), slot[:40], release[:80] if isinstance(release, str) else "", seconds, error)


def _object(body: bytes) -> dict[str, object]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):  # `[[[[…` is no document either
        return {}
    return data if isinstance(data, dict) else {}
