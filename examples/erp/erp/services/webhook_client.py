"""Sending one webhook: bounded in time, no redirects, and never into the private network unless allowed.

The name is resolved once and that very address is connected to, so a name that changes its address between the
check and the connection gains nothing.
"""

import ipaddress
import socket
from dataclasses import dataclass

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Url, parse_url

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt: the answer's status, or why there is none."""

    status: int | None
    error: str | None

    @property
    def delivered(self) -> bool:
        """Whether the other side took it."""
        return self.status is not None and 200 <= self.status < 300


class BadTargetError(ValueError):
    """The address cannot be a webhook's."""


def parse_target(text: str) -> Url:
    """Return the parsed address, or raise BadTargetError."""
    try:
        url = parse_url(text)
    except LocationParseError as error:
        raise BadTargetError("not a URL") from error
    if url.scheme not in PORTS or not url.host:
        raise BadTargetError("a webhook needs a URL that starts with https:// or http://")
    if url.auth:
        raise BadTargetError("a webhook's URL must not carry a password")
    return url


def resolve(url: Url, *, allow_private: bool) -> str:
    """Return the address to connect to, or raise BadTargetError if it is private or there is none."""
    try:
        found = socket.getaddrinfo((url.host or "").strip("[]"), port_of(url), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise BadTargetError("the host name cannot be resolved") from error
    address = str(found[0][4][0])
    if not allow_private and not ipaddress.ip_address(address.partition("%")[0]).is_global:
        raise BadTargetError("the address is private: set WEBHOOK_ALLOW_PRIVATE to allow it")
    return address


def port_of(url: Url) -> int:
    """Return the URL's port, or its scheme's."""
    return url.port or PORTS[url.scheme or "https"]


def connect(url: Url, address: str, timeout: Timeout) -> HTTPConnectionPool:
    """Return a pool for one request to this address, that checks the certificate against the URL's name."""
    if url.scheme == "http":
        return HTTPConnectionPool(address, port_of(url), timeout=timeout, maxsize=1)
    return HTTPSConnectionPool(
        address,
        port_of(url),
        timeout=timeout,
        maxsize=1,
        cert_reqs="CERT_REQUIRED",
        server_hostname=url.host,
        assert_hostname=url.host,
    )


def post(text: str, body: bytes, headers: dict[str, str], *, seconds: float, allow_private: bool) -> Outcome:
    """Send the body and return what came of it; never raises for anything the other side can cause."""
    try:
        url = parse_target(text)
        pool = connect(url, resolve(url, allow_private=allow_private), Timeout(total=seconds))
    except BadTargetError as error:
        return Outcome(None, str(error))
    with pool:
        try:
            response = pool.urlopen(
                "POST",
                url.request_uri,
                body=body,
                headers={**headers, "Host": url.netloc or ""},
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except (HTTPError, OSError) as error:
            return Outcome(None, type(error).__name__)
        response.close()
    return Outcome(response.status, None if 200 <= response.status < 300 else f"answered {response.status}")
