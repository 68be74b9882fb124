"""One request (or a GET through a few redirects), bounded in time and size.

HTTP as in RFC 9110; TLS is judged by the trust store of the system, or by what SSL_CERT_FILE names.
"""

from __future__ import annotations

import base64
import re
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import quote, unquote, urljoin, urlsplit

from deploy_gate.facts.deadline import within
from deploy_gate.result import CouldNotTell, brief
from deploy_gate.units import show_duration

USER_AGENT = "deploy-gate/1"
MAX_BODY = 1024 * 1024
MAX_URL = 2048
MAX_HOPS = 5
REDIRECTS = (301, 302, 303, 307, 308)
Kind = Literal["name", "refused", "timeout", "certificate", "tls", "broken"]


class NoAnswer(CouldNotTell):
    """Connection trouble: nothing is known of the other side. `kind` says which."""

    def __init__(self, kind: Kind, found: str, fix: str) -> None:
        super().__init__(found, fix)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed URL. `path` has the query in it; `userinfo` (`name:password`) is sent as Basic, and never shown."""

    scheme: str
    host: str
    port: int
    path: str
    userinfo: str = field(default="", repr=False)

    @property
    def origin(self) -> tuple[str, str, int]:
        """What must stay the same for credentials to be sent again."""
        return self.scheme, self.host, self.port

    @property
    def full(self) -> str:
        """The URL without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == (443 if self.scheme == "https" else 80)
        return f"{self.scheme}://{host}{'' if usual else f':{self.port}'}{self.path}"

    @property
    def shown(self) -> str:
        """For people: a query may hold a token, so it is left out too."""
        path, query, _ = self.full.partition("?")
        return brief(path + ("?…" if query else ""), 160)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `body` has at most `limit` bytes, and is `whole` or cut; `seconds` from connecting to its end."""

    address: Address
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    whole: bool
    seconds: float

    def header(self, name: str) -> list[str]:
        """All values of a header, its name in any case."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def location(self) -> str:
        """Where it redirects to, for people: without query, user and password."""
        text = (self.header("location") or ["nowhere (no Location)"])[0]
        return brief(re.sub(r"//[^/@\s]*@", "//", text.split("?", maxsplit=1)[0]), 160)


def parse(url: str) -> Address:
    """Take a URL apart; ValueError says what would be legal."""
    if len(url) > MAX_URL or not url.isprintable() or " " in url:
        raise ValueError(f"a URL of at most {MAX_URL} characters without blanks or control characters")
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna" if not (parts.hostname or "").isascii() else "ascii").decode()
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except (ValueError, UnicodeError):
        raise ValueError("a URL with a legal host and port") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError("a URL that starts with https:// or http:// and names a host")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?[]") if parts.query else ""
    return Address(parts.scheme, host, port, path + query, parts.netloc.rpartition("@")[0])


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked beyond the address; `headers` come last and replace our own."""

    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)


def get(address: Address, *, timeout: float, limit: int = MAX_BODY) -> Answer:
    """One GET; see `send`."""
    return send(address, Order(), timeout=timeout, limit=limit)


def send(address: Address, order: Order, *, timeout: float, limit: int = MAX_BODY) -> Answer:
    """One request with no redirect followed and nothing tried twice, never through a proxy: the way is measured.

    Raises NoAnswer when the whole answer (or its first `limit` bytes) is not there within `timeout` seconds.
    """
    call = _Call(address, order, timeout, limit)
    try:
        return within(timeout, call.run, call.stop)
    except Exception as fault:  # noqa: BLE001 - whatever breaks on this way is trouble with the connection
        raise _explained(fault, call) from None


def follow(address: Address, order: Order, *, timeout: float) -> tuple[Answer, int]:
    """The same through at most five redirects: the last answer, with the seconds of all, and how many led to it.

    Never from https to http, never with credentials to another origin. CouldNotTell for a loop or a wrong address.
    """
    started = time.monotonic()
    for hop in range(MAX_HOPS + 1):
        answer = send(address, order, timeout=max(started + timeout - time.monotonic(), 0.001))
        if answer.status not in REDIRECTS or not answer.header("location"):
            return replace(answer, seconds=time.monotonic() - started), hop
        address = _next(answer)
    found = f"GET {address.shown}: more than {MAX_HOPS} redirects in a row"
    raise CouldNotTell(found, "mend the redirect loop in the proxy or the application")


def _next(answer: Answer) -> Address:
    here = answer.address
    try:
        there = parse(urljoin(here.full, answer.header("location")[0]))
    except ValueError:
        found = f"GET {here.shown} redirects to {answer.location}, which is no http address"
        raise CouldNotTell(found, "correct the redirect in the proxy or the application") from None
    if here.scheme == "https" and there.scheme == "http":
        found = f"GET {here.shown} redirects from https to {there.shown}, which is not followed"
        raise CouldNotTell(found, "let the redirect name an https address")
    return replace(there, userinfo=here.userinfo if there.origin == here.origin else "")


class _Call:
    def __init__(self, address: Address, order: Order, timeout: float, limit: int) -> None:
        self.address, self.order, self.timeout, self.limit = address, order, timeout, limit
        self.stage = "connecting"
        self.over = False
        self.connection: Any = None

    def reach(self, stage: str) -> None:
        # What happens after time is up is our own shutting down, not the server's doing.
        if not self.over:
            self.stage = stage

    def run(self) -> Answer:
        started = time.monotonic()
        self.connection = connection(self.address, self.timeout)
        try:
            self.connection.connect()
            self.reach("waiting for the answer")
            sent = {"body": self.order.body, "headers": self.headers(), "preload_content": False}
            self.connection.request(self.order.method, self.address.path, **sent)
            response = self.connection.getresponse()
            self.reach("reading the body")
            body = self.read(response)
            seconds = time.monotonic() - started
            headers = tuple((str(key), str(value)) for key, value in response.headers.items())
            response.close()
            whole = len(body) <= self.limit
            return Answer(self.address, response.status, headers, body[: self.limit], whole, seconds)
        finally:
            self.connection.close()

    def headers(self) -> dict[str, str]:
        more = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
        if self.address.userinfo:
            secret = base64.b64encode(unquote(self.address.userinfo).encode()).decode()
            more["Authorization"] = f"Basic {secret}"
        given = {name.lower() for name in self.order.headers}
        return {**{name: value for name, value in more.items() if name.lower() not in given}, **self.order.headers}

    def read(self, response: Any) -> bytes:
        """At most `limit` + 1 bytes of the body."""
        body = b""
        while len(body) <= self.limit and (part := response.read(self.limit + 1 - len(body), decode_content=True)):
            body += part
        return body

    def stop(self) -> None:
        self.over = True
        shut(getattr(self.connection, "sock", None))


def connection(address: Address, timeout: float) -> Any:
    """A connection of urllib3, not yet opened."""
    from urllib3.connection import HTTPConnection, HTTPSConnection

    if address.scheme == "http":
        return HTTPConnection(address.host, address.port, timeout=timeout)
    return HTTPSConnection(address.host, address.port, timeout=timeout, ssl_context=ssl.create_default_context())


def shut(sock: Any) -> None:
    """End both directions of a socket, if there is one, so that whoever waits for it is woken."""
    if sock is not None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _explained(fault: Exception, call: _Call) -> NoAnswer:
    from urllib3 import exceptions as trouble

    where = f"{call.order.method} {call.address.shown}"
    cause = fault if isinstance(fault, OSError) else fault.__cause__ or fault.__context__ or fault
    timeouts = (TimeoutError, trouble.ConnectTimeoutError, trouble.ReadTimeoutError)  # the second for any failure, too
    if isinstance(fault, timeouts) and not isinstance(fault, trouble.NewConnectionError):
        found = f"{where} did not end within {show_duration(call.timeout)} ({call.stage})"
        return NoAnswer("timeout", found, "see whether the service is up and reachable from here, then run again")
    if isinstance(fault, trouble.NameResolutionError):
        host = brief(call.address.host)
        return NoAnswer("name", f"the name {host} cannot be resolved", "correct the URL's host, or its DNS record")
    if isinstance(cause, ConnectionRefusedError):
        found = f"{where}: connection refused on port {call.address.port}"
        return NoAnswer("refused", found, "start the service, or correct the port or the firewall")
    if isinstance(cause, ssl.SSLCertVerificationError):
        found = f"{where}: its certificate is not accepted: {brief(cause.verify_message, 160)}"
        return NoAnswer("certificate", found, "run the tls-certificate check on this host and mend what it names")
    if isinstance(cause, ssl.SSLError):
        found = f"{where}: no TLS connection: {brief(str(cause.reason or cause), 160)}"
        return NoAnswer("tls", found, "see whether this port speaks TLS (http:// or https://?), then its protocols")
    found = f"{where} broke off while {call.stage}: {brief(f'{type(cause).__name__}: {cause}', 160)}"
    return NoAnswer("broken", found, "read the log of the service and its proxy")
