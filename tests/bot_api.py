"""A server that speaks Telegram's Bot API as far as `notify` needs it, with its error answers and some lies."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "123456789:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr"
GROUP, TOPIC = "-1001234567890", 7
Fault = tuple[int, bytes] | Callable[[BaseHTTPRequestHandler], None]


class Telegram(ThreadingHTTPServer):
    """One bot in one group; `faults` are answered first, one a request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lock = threading.Lock()
        self.faults: list[Fault] = []
        self.messages: dict[int, dict[str, Any]] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.over = threading.Event()
        self.next = 1

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def texts(self) -> list[str]:
        return [self.messages[number]["text"] for number in sorted(self.messages)]

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """What the real one says, word for word as its clients know it."""
        _, bot, method = path.split("/", 2)
        if bot != f"bot{TOKEN}":
            return refusal(401, "Unauthorized")
        if str(body["chat_id"]) not in (GROUP, "@shop_deploys"):
            return refusal(400, "Bad Request: chat not found")
        text = body["text"]
        if not text.strip():
            return refusal(400, "Bad Request: message text is empty")
        if len(text.encode("utf-16-le")) // 2 > 4096:
            return refusal(400, "Bad Request: message is too long")
        return self.send(body) if method == "sendMessage" else self.edit(body)

    def send(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if body.get("message_thread_id", TOPIC) != TOPIC:
            return refusal(400, "Bad Request: message thread not found")
        number, self.next = self.next, self.next + 1
        self.messages[number] = body
        return self.shown(number)

    def edit(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        number = body["message_id"]
        if number not in self.messages:
            return refusal(400, "Bad Request: message to edit not found")
        if self.messages[number]["text"] == body["text"]:
            same = "specified new message content and reply markup are exactly the same"
            return refusal(400, f"Bad Request: message is not modified: {same} as a current content")
        self.messages[number] = {**self.messages[number], "text": body["text"]}
        return self.shown(number)

    def shown(self, number: int) -> tuple[int, dict[str, Any]]:
        return 200, {"ok": True, "result": {"message_id": number, "date": 1, "chat": {"id": int(GROUP)}}}


def refusal(code: int, description: str, **parameters: int) -> tuple[int, dict[str, Any]]:
    more = {"parameters": parameters} if parameters else {}
    return code, {"ok": False, "error_code": code, "description": description, **more}


def refused(code: int, description: str, **parameters: int) -> Fault:
    """The same as a fault to be answered once."""
    status, data = refusal(code, description, **parameters)
    return status, json.dumps(data).encode()


class _Handler(BaseHTTPRequestHandler):
    server: Telegram

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server.lock:
            self.server.asked.append((self.path.rsplit("/", 1)[1], body))
            fault = self.server.faults.pop(0) if self.server.faults else None
            answer = self.server.answer(self.path, body) if fault is None else None
        if callable(fault):
            fault(self)
        elif fault is not None:
            self.reply(*fault)
        elif answer is not None:
            self.reply(answer[0], json.dumps(answer[1]).encode())

    def reply(self, status: int, raw: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def telegram() -> Iterator[Telegram]:
    """The server until the block is left."""
    server = Telegram()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
