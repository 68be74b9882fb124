"""One exchange with GitHub's API: over TLS wherever it leaves this machine, bounded in time and size, no redirect."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from deploy_gate.facts.deadline import within
from deploy_gate.facts.http import USER_AGENT
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, brief
from deploy_gate.units import show_duration

API = "GITHUB_API_URL"
VERSION = "2022-11-28"
TIMEOUT = 20.0
MAX_BODY = 16 * 1024 * 1024
TRIES = 2
"""How often a broken connection or a 5xx is tried again; only reading is."""
_PASSING = (500, 502, 503, 504)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def base() -> str:
    """Where the API is, as the runner says; it differs on a server of one's own, so it is never a constant here."""
    text = os.environ.get(API, "").rstrip("/")
    if not text:
        fix = "run this in GitHub Actions, or set the variable to the address of your server's REST API"
        raise CouldNotTell(f"{API} is not set, so GitHub cannot be asked", fix)
    where = urlsplit(text)
    plain = where.scheme == "http" and where.hostname in _LOOPBACK
    if not (where.scheme == "https" or plain) or not where.hostname or where.query or where.username:
        raise Misconfigured([f"{API} is '{brief(text)}', expected an address that begins with https://"])
    return text


class Transport:
    """Connections that are kept for the next request."""

    def __init__(self, timeout: float = TIMEOUT) -> None:
        """Opens nothing yet."""
        self.timeout = timeout
        self.pool: Any = None

    def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """Ask, twice more when the way or the server is in trouble; CouldNotTell when that does not help."""
        return self._bounded("GET", url, headers, None)

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Write, once: only a connection that never came about is tried again. CouldNotTell where it broke later."""
        try:
            kind = {"Content-Type": "application/json"} if body else {}
            return self._bounded(method, url, {**kind, **headers}, body)
        except CouldNotTell as fault:
            found = f"{fault.found}, so whether it was done is not known"
            raise CouldNotTell(found, f"look whether it was done before you repeat it; {fault.fix}") from None

    def _bounded(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        host = urlsplit(url).hostname or ""
        whole = self.timeout * (TRIES + 1)
        try:
            return within(whole, lambda: self._asked(method, url, headers, body))
        except TimeoutError:
            raise _silent(host, f"did not answer within {show_duration(whole)}") from None
        except _TooLarge:
            found = f"{host} answered with more than {MAX_BODY // 1024 // 1024} MiB"
            raise CouldNotTell(found, "report this: no list of GitHub's is that long") from None
        except Exception as fault:
            from urllib3.exceptions import HTTPError

            if not isinstance(fault, HTTPError | OSError):
                raise
            reason = getattr(fault, "reason", None) or fault
            raise _silent(host, f"did not answer: {brief(f'{type(reason).__name__}: {reason}', 160)}") from None

    def _asked(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        from urllib3 import Retry, Timeout

        again = TRIES if body is None else 0
        # Waiting that the server asks for is ours to bound (`limits`), not the library's.
        retry = Retry(
            total=TRIES,
            read=again,
            status=again,
            other=again,
            redirect=0,
            status_forcelist=_PASSING if body is None else (),
            backoff_factor=0.2,
            respect_retry_after_header=False,
            raise_on_status=False,
        )
        sent = {"User-Agent": USER_AGENT, "X-GitHub-Api-Version": VERSION, **headers}
        sent.setdefault("Accept", "application/vnd.github+json")
        options = {"retries": retry, "redirect": False, "preload_content": False, "timeout": Timeout(self.timeout)}
        response = self._pool(url).request(method, url, body=body, headers=sent, **options)
        try:
            got = b""
            while len(got) <= MAX_BODY and (part := response.read(min(1 << 20, MAX_BODY + 1), decode_content=True)):
                got += part
            if len(got) > MAX_BODY:
                raise _TooLarge
            known = {str(name).lower(): str(value) for name, value in response.headers.items()}
            return Answer(response.status, known, got)
        finally:
            response.release_conn()

    def _pool(self, url: str) -> Any:
        from urllib3 import PoolManager, ProxyManager

        if self.pool is None:
            where = urlsplit(url)
            proxy = "" if proxy_bypass(where.netloc) else getproxies().get(where.scheme, "")
            context = ssl.create_default_context() if where.scheme == "https" else None
            self.pool = (
                ProxyManager(proxy, ssl_context=context)
                if proxy.startswith("http")
                else PoolManager(ssl_context=context)
            )
        return self.pool


class _TooLarge(Exception):
    pass


def _silent(host: str, what: str) -> CouldNotTell:
    return CouldNotTell(f"{brief(host)} {what}", "see GitHub's status page and the runner's network, then run again")
