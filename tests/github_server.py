"""A GitHub of one repository: it keeps state, pages its lists, knows ETags, and holds itself and its askers to the law.

Every request and every answer is judged by GitHub's own document; a fault of either fails the test that caused it.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import github_writes
from github_document import Document, document

TOKEN = "ghs_token-of-this-run-0123456789"
NAME = "acme/shop"
BASE = f"/repos/{NAME}"
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
SHA = "a" * 40
TREE = "b" * 40


def ago(**span: float) -> str:
    """A moment before the server's noon, as GitHub writes it."""
    return (NOW - timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Fault:
    """What is answered instead, `times` times, to requests whose path fits."""

    path: str
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1_000_000
    method: str = "GET"
    act: Callable[[BaseHTTPRequestHandler], None] | None = None


class GitHub(ThreadingHTTPServer):
    """The state; lists are what the API shows, newest first where GitHub does so."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lock = threading.Lock()
        self.law: Document = document()
        self.objects: dict[str, Any] = {}
        self.lists: dict[str, tuple[str, list[dict[str, Any]]]] = {}
        self.faults: list[Fault] = []
        self.violations: list[str] = []
        self.asked: list[str] = []
        self.statuses: list[int] = []
        self.hooks: list[Callable[[str], None]] = []
        self.written: list[tuple[str, str, Any]] = []
        """Method, path and document of each write that was carried out."""
        self.number = 1000
        self.list("/activity")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def list(self, path: str, key: str = "", entries: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
        """The list at a path below the repository (or from the root, with `//`), made when it is not there."""
        whole = path[1:] if path.startswith("//") else BASE + path
        found = self.lists.setdefault(whole, (key, []))[1]
        if entries is not None:
            found[:] = entries
        return found

    def object(self, path: str, value: dict[str, Any]) -> None:
        """What stands at a path."""
        self.objects[path[1:] if path.startswith("//") else BASE + path] = value

    def fail(self, path: str, status: int, body: Any = None, **more: Any) -> Fault:
        """Answer so, instead, to requests whose path holds the text; `method` is GET unless it is given."""
        self.faults.append(fault := Fault(path, status, body, **more))
        return fault

    def example(self, name: str, key: str = "") -> dict[str, Any]:
        """The first entry of one of the document's examples."""
        found = self.law.example(name)
        found = found[key] if key else found
        one: dict[str, Any] = found[0] if isinstance(found, list) else found
        self.number += 1
        if "id" in one:
            one["id"] = self.number
        return one

    def answer(self, target: str) -> tuple[int, Any, str]:
        """Status, document and Link for a question."""
        parts = urlsplit(target)
        path, query = unquote(parts.path), dict(parse_qsl(parts.query))
        if path in self.objects:
            return 200, self.objects[path], ""
        if path not in self.lists:
            return (
                404,
                {"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"},
                "",
            )
        key, entries = self.lists[path]
        entries = [one for one in entries if _fits(one, query)]
        size, page = min(int(query.get("per_page", 30)), 100), int(query.get("page", 1))
        part = entries[(page - 1) * size : page * size]
        more = page * size < len(entries)
        link = f'<{self.url}{parts.path}?{_query(query, page + 1)}>; rel="next"' if more else ""
        if not key:
            return 200, part, link
        extra = {"state": "success", "sha": SHA, "commit_url": self.url, "url": self.url} if key == "statuses" else {}
        extra |= {"repository": self.law.example("combined-commit-status")["repository"]} if key == "statuses" else {}
        return 200, {"total_count": len(entries), key: part, **extra}, link


def _query(query: dict[str, str], page: int) -> str:
    return "&".join(f"{name}={value}" for name, value in {**query, "page": str(page)}.items())


def _fits(one: dict[str, Any], query: dict[str, str]) -> bool:
    """The filters that checks use."""
    for name in ("head_sha", "environment", "sha"):
        if name in query and one.get(name) != query[name]:
            return False
    if query.get("state") not in (None, "all") and one.get("state") != query["state"]:
        return False
    if "actor" in query and one["actor"]["login"] != query["actor"]:
        return False
    if "since" in query and one.get("updated_at", "") < query["since"]:
        return False
    labels = {label["name"] for label in one.get("labels", []) if isinstance(label, dict)}
    return "labels" not in query or set(query["labels"].split(",")) <= labels


class _Handler(BaseHTTPRequestHandler):
    server: GitHub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        here = self.server
        with here.lock:
            fault = self.noted()
            status, body, link = here.answer(self.path)
            if not fault:
                here.violations += here.law.answer_faults("GET", urlsplit(self.path).path, status, body)
        self.settle(fault, status, body, {"Link": link} if link else {})

    def do_POST(self) -> None:
        """A write; what a fault answers instead was not carried out, unless its `act` says otherwise."""
        here, path = self.server, unquote(urlsplit(self.path).path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        sent = json.loads(raw) if raw else None
        with here.lock:
            here.violations += (wrong := list(here.law.body_faults(self.command, path, sent)))
            fault = self.noted() or (Fault(path, 422, {"message": "Validation Failed"}) if wrong else None)
            status, body = (0, None) if fault else github_writes.carry_out(here, self.command, path, sent)
            if not fault:
                here.written.append((self.command, path, sent))
                here.violations += here.law.answer_faults(self.command, path, status, body)
        self.settle(fault, status, body, {})

    def do_PATCH(self) -> None:
        self.do_POST()

    def do_PUT(self) -> None:
        self.do_POST()

    def noted(self) -> Fault | None:
        """Hold the request to the law, and find the fault it meets."""
        here = self.server
        here.asked.append(self.path)
        for hook in here.hooks:
            hook(self.path)
        here.violations += here.law.request_faults(self.command, self.path)
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            here.violations.append(f"{self.path} without the token")
        fitting = (one for one in here.faults if one.method == self.command and re.search(one.path, self.path))
        fault = next((one for one in fitting if one.times > 0), None)
        if fault:
            fault.times -= 1
        return fault

    def settle(self, fault: Fault | None, status: int, body: Any, headers: dict[str, str]) -> None:
        """Answer, or what the fault does instead."""
        if fault and fault.act:
            fault.act(self)
        elif fault:
            self.reply(fault.status, fault.body, fault.headers)
        else:
            self.reply(status, body, headers)

    def reply(self, status: int, body: Any, headers: dict[str, str]) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        etag = f'W/"{hashlib.sha256(raw).hexdigest()}"'
        if status == 200 and self.headers.get("If-None-Match") == etag:
            status, raw = 304, b""
        self.server.statuses.append(status)
        self.send_response_only(status)
        sent = {"Date": format_datetime(NOW, usegmt=True), "Content-Type": "application/json", "ETag": etag}
        sent |= {"Content-Length": str(len(raw)), **headers}
        for name, value in sent.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def running() -> Iterator[GitHub]:
    """The server until the block is left; then nobody may have broken the law."""
    server = GitHub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
        assert server.violations == [], "\n".join(server.violations)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
