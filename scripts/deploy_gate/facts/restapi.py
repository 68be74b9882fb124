"""One request to a JSON API with a token: bounded, no redirect, over TLS wherever it leaves this machine."""

from __future__ import annotations

import http.client
import json
import ssl
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from deploy_gate.facts.http import USER_AGENT
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, brief

TIMEOUT = 20.0
MAX_BODY = 4 * 1024 * 1024
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and what was said; `data` is None where that was no JSON."""

    status: int
    data: Any

    @property
    def message(self) -> str:
        """The API's own words."""
        return brief(str(self.data.get("message", "")), 200) if isinstance(self.data, dict) else "nothing more"


def ask(method: str, base: str, path: str, token: str, body: dict[str, Any] | None = None) -> Answer:
    """Ask once; CouldNotTell when there is no answer."""
    where = urlsplit(base)
    host = where.hostname or ""
    if where.scheme not in ("https", "http") or not host or (where.scheme == "http" and host not in _LOOPBACK):
        raise Misconfigured([f"the address of the API is '{brief(base)}', expected one that begins with https://"])
    headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
    headers |= {"User-Agent": USER_AGENT, "Authorization": f"Bearer {token.strip()}"}
    headers |= {"Content-Type": "application/json"} if body is not None else {}
    text = None if body is None else json.dumps(body)
    try:
        with closing(_connection(where.scheme, host, where.port)) as connection:
            connection.request(method, where.path.rstrip("/") + path, text, headers)
            response = connection.getresponse()
            raw = response.read(MAX_BODY + 1)
    except (OSError, http.client.HTTPException, ValueError) as fault:
        found = f"{host} did not answer {method}: {brief(str(fault) or type(fault).__name__)}"
        raise CouldNotTell(found, "see whether it can be reached from here, and try again") from None
    return Answer(response.status, _json(raw))


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=ssl.create_default_context())


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw) if len(raw) <= MAX_BODY else None
    except (ValueError, RecursionError):
        return None
