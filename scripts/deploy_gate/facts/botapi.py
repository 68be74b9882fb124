"""One request to Telegram's Bot API: bounded in time and size, and its token in no text that is shown."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy_gate.facts import http
from deploy_gate.facts.deadline import within
from deploy_gate.result import brief

MAX_ANSWER = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What it said: an HTTP-like code (0: nothing that can be understood), its words, and the result of a success."""

    code: int
    said: str
    result: Any
    parameters: Mapping[str, Any]


class Lost(Exception):
    """No answer. `sent` tells whether the request may have arrived."""

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.why, self.sent = why, sent


def post(base: http.Address, token: str, method: str, body: dict[str, Any], seconds: float) -> Answer:
    """Ask once; Lost when there is no answer within so many seconds."""
    call = _Post(base, f"{base.path.rstrip('/')}/bot{token}/{method}", json.dumps(body).encode(), seconds)
    try:
        status, raw = within(seconds, call.run, call.stop)
    except TimeoutError:
        raise Lost("it did not answer in time", sent=call.sent) from None
    except Exception as fault:  # noqa: BLE001 - whatever breaks here is trouble with the connection
        raise Lost(_told(fault), sent=call.sent) from None
    return _parsed(status, raw)


def _told(fault: Exception) -> str:
    """The cause in our own words: a library's text holds the address, and so the token."""
    cause = fault if isinstance(fault, OSError) else fault.__cause__ or fault.__context__ or fault
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {brief(cause.verify_message, 160)}"
    reason = (cause.strerror if isinstance(cause, OSError) else None) or type(cause).__name__
    return brief(reason, 160)


def _parsed(status: int, raw: bytes) -> Answer:
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict) or not isinstance(data.get("ok"), bool):
        said = "something that is not the Bot API's JSON"
        # A proxy's error page: the status alone tells.
        return Answer(status if status >= 400 else 0, said, None, {})
    if data["ok"]:
        return Answer(200, "", data.get("result"), {}) if 200 <= status < 300 else Answer(status, "ok", None, {})
    code = data.get("error_code")
    parameters = data.get("parameters")
    number = code if isinstance(code, int) and not isinstance(code, bool) and 400 <= code <= 599 else status
    known = parameters if isinstance(parameters, dict) else {}
    return Answer(number if number >= 400 else 0, brief(str(data.get("description", "")), 200), None, known)


class _Post:
    """One POST without redirects, proxies and second tries."""

    def __init__(self, base: http.Address, path: str, body: bytes, seconds: float) -> None:
        self.base, self.path, self.body, self.seconds = base, path, body, seconds
        self.sent = False
        self.connection: Any = None

    def run(self) -> tuple[int, bytes]:
        self.connection = http.connection(self.base, self.seconds)
        try:
            self.connection.connect()
            self.sent = True
            headers = {"Content-Type": "application/json", "User-Agent": http.USER_AGENT}
            self.connection.request("POST", self.path, body=self.body, headers=headers, preload_content=False)
            response = self.connection.getresponse()
            raw = response.read(MAX_ANSWER + 1)
            return int(response.status), bytes(raw) if len(raw) <= MAX_ANSWER else b""
        finally:
            self.connection.close()

    def stop(self) -> None:
        http.shut(getattr(self.connection, "sock", None))
