"""Alertmanager's webhook on a loopback socket: what it reports is journalled, where the watch of a deployment sees it.

Whoever sends must know the token in HOME/alert-token, which only the user of this program can read. The socket takes
one request at a time, each bounded in size and time: it tells, and decides nothing.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from host.files import give, read_bounded, write_all
from host.machine import Machine
from host.trouble import WRONG, Trouble

FILE = "alert-token"
LARGEST = 256 * 1024
MOST = 20
_LONGEST = 200
_PATIENCE = 10.0
"""Seconds for one request, from its connection to its end."""


def token(home: Path) -> str:
    """The token; made at the first call, for this user alone."""
    path = home / FILE
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            give(descriptor, home)
            write_all(descriptor, secrets.token_urlsafe(32).encode())
        finally:
            os.close(descriptor)
    return read_bounded(path, 200).decode().strip()


def told(raw: bytes) -> list[dict[str, str]]:
    """The alerts of a webhook, as they are journalled; ValueError for anything else."""
    data = json.loads(raw)
    alerts = data.get("alerts") if isinstance(data, dict) else None
    if not isinstance(alerts, list) or not all(isinstance(one, dict) for one in alerts):
        raise ValueError("no webhook of Alertmanager")
    return [_alert(one) for one in alerts[:MOST]]


def _alert(one: dict[str, Any]) -> dict[str, str]:
    labels, notes = (_part(one, name) for name in ("labels", "annotations"))
    name, severity = str(labels.get("alertname", "unnamed")), str(labels.get("severity", ""))
    summary = str(notes.get("summary") or notes.get("description") or "")
    text = " ".join(part for part in (str(one.get("status", "")), severity, summary) if part)
    return {"kind": name[:_LONGEST], "text": text[:_LONGEST]}


def _part(one: dict[str, Any], name: str) -> dict[str, Any]:
    found = one.get(name)
    return found if isinstance(found, dict) else {}


class Door(HTTPServer):
    """It knows the token, and where alerts are written down."""

    def __init__(self, machine: Machine, port: int) -> None:
        """Only from this machine."""
        self.machine, self.known = machine, token(machine.home)
        super().__init__(("127.0.0.1", port), Handler)

    def handle_error(self, *_: object) -> None:
        """Whoever hung up, or was cut off, needs no answer."""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Door
    timeout = _PATIENCE

    def handle(self) -> None:
        """Within its time: a byte now and then is never silent for long, and would keep all others waiting."""
        ending = threading.Timer(_PATIENCE, self._cut)
        ending.daemon = True
        ending.start()
        try:
            super().handle()
        finally:
            ending.cancel()

    def do_POST(self) -> None:  # the library's name
        """Alerts, with the token."""
        given = self.headers.get("Authorization", "")
        length = self.headers.get("Content-Length", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self.server.known}".encode()):
            self._answer(401)
        elif not (length.isascii() and length.isdigit()) or int(length) > LARGEST:
            self._answer(413)
        else:
            self._answer(_taken(self.server.machine, self.rfile.read(int(length))))

    def log_message(self, *_: object) -> None:
        """Nothing: what is worth it stands in the journal."""

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _cut(self) -> None:
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def serve(machine: Machine, port: int) -> dict[str, Any]:
    """Until it is ended."""
    try:
        server = Door(machine, port)
    except OSError as fault:
        what = f"port {port} cannot be listened on: {fault.strerror}"
        means = "another program has it, or another `slots alert` runs"
        raise Trouble(what, means, "choose another --port", WRONG) from fault
    with server:
        print(f"listening on 127.0.0.1:{server.server_port}; the token is in {machine.home / FILE}", flush=True)
        server.serve_forever()
    return {}


def _taken(machine: Machine, raw: bytes) -> int:
    try:
        for alert in told(raw):
            machine.log("alertmanager", **alert)
    except (ValueError, RecursionError):
        return 400
    except (OSError, Trouble):
        return 503  # Alertmanager sends it again
    return 200
