"""A journey against servers that misbehave: bounded, told as what it is, and cleaned up in any case."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from listeners import listening
from walks import walk
from websockets.sync.server import ServerConnection, serve

from deploy_gate.catalog import Catalog
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Status
from deploy_gate.units import Variable

PASSWORD = "a password nobody may see"
Answer = tuple[int, Any]


class Handler(BaseHTTPRequestHandler):
    """Answers as its server's table says, and keeps what was asked."""

    server: Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def answer(self) -> None:
        length = int(self.headers.get("content-length", 0))
        self.server.asked.append((f"{self.command} {self.path}", dict(self.headers.items()), self.rfile.read(length)))
        told = self.server.table.get(f"{self.command} {self.path}", (404, {"detail": "no such thing"}))
        status, body = told(self) if callable(told) else told
        if status is None:
            return
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the library's names


class Server(ThreadingHTTPServer):
    """A server of a table: `METHOD /path` to status and body, or to what decides."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.table: dict[str, Answer | Callable[[Handler], Any]] = {}
        self.asked: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def lines(self) -> list[str]:
        return [line for line, _, _ in self.asked]


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def written(text: str) -> Path:
        path = tmp_path / "journey.yml"
        path.write_text(f"version: 1\njourney: shop\n{text}")
        return path

    return written


ORDER = """
steps:
  - request: POST /orders
    json: {lines: [1]}
    capture: {order: id}
    expect: {json: {total: 5}}
  - request: GET /orders/${order}
cleanup:
  - name: cancel
    request: DELETE /orders/${order}
  - name: log out
    request: POST /logout
"""


def test_request_is_what_the_file_says(
    server: Server, write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNEY_PASSWORD", PASSWORD)
    monkeypatch.setenv("DEPLOY_GATE_PROBE", "of-this-deployment")
    server.table = {"POST /in": (200, {}), "POST /form": (200, {}), "GET /a%2Fb?c=1": (200, {})}
    file = write(
        """
values: {name: a/b}
steps:
  - request: POST /in
    json: {password: "${env.JOURNEY_PASSWORD}", number: 1}
  - request: POST /form
    form: {x: "a b&c"}
    headers: {X-More: "yes ${name}"}
  - request: GET /${name}?c=1
"""
    )
    assert walk(file, server.url).status is Status.PASSED
    (_, first, sent), (_, second, form), _ = server.asked
    assert json.loads(sent) == {"password": PASSWORD, "number": 1}
    assert first["Content-Type"] == "application/json"
    assert form == b"x=a+b%26c"
    assert (second["Content-Type"], second["X-More"]) == ("application/x-www-form-urlencoded", "yes a/b")
    assert {headers["X-Deploy-Gate-Probe"] for _, headers, _ in server.asked} == {"of-this-deployment"}
    assert {headers["User-Agent"] for _, headers, _ in server.asked} == {"deploy-gate/1"}


def test_clean_up_runs_with_what_was_captured_before_it_went_wrong(
    server: Server, write: Callable[[str], Path]
) -> None:
    server.table = {
        "POST /orders": (201, {"id": 7, "total": 6}),
        "DELETE /orders/7": (200, {}),
        "POST /logout": (200, {}),
    }
    result = walk(write(ORDER), server.url)
    assert result.status is Status.FAILED
    assert result.found == "shop: step 1 of 2 'POST /orders': POST /orders: total is 6, expected 5"
    assert server.lines() == ["POST /orders", "DELETE /orders/7", "POST /logout"]


def test_clean_up_goes_on_when_one_step_of_it_fails_and_leaves_out_what_never_was(
    server: Server, write: Callable[[str], Path]
) -> None:
    server.table = {"POST /orders": (201, {"id": 7, "total": 5}), "GET /orders/7": (200, {}), "POST /logout": (200, {})}
    result = walk(write(ORDER), server.url)
    assert result.status is Status.WARNED
    assert "but the clean-up 'cancel' failed: answered 404, expected 2xx; it says: no such thing" in result.found
    assert server.lines()[-1] == "POST /logout"
    server.asked.clear()
    server.table["POST /orders"] = (500, b"oops")
    assert walk(write(ORDER), server.url).status is Status.FAILED
    assert server.lines() == ["POST /orders", "POST /logout"]


LOST = """
steps:
  - {name: find, request: GET /products, capture: {product: id}}
  - {name: place, request: POST /orders, capture: {order: id}}
cleanup:
  - name: look for it
    request: GET /orders
    unless: order
    capture: {order: "items[?product==`${product}`] | [0].id"}
  - {name: cancel, request: "DELETE /orders/${order}"}
"""


def test_a_clean_up_that_looks_for_what_never_was_has_not_failed(server: Server, write: Callable[[str], Path]) -> None:
    start = "shop: step 1 of 2 'find': GET /products: answered 500, expected 2xx"
    server.table = {"GET /products": (500, b"oops")}
    assert walk(write(LOST), server.url).found == start
    assert server.lines() == ["GET /products"], "it does not know what to look for"
    start = "shop: step 2 of 2 'place': POST /orders: answered 500, expected 2xx"
    server.table = {
        "GET /products": (200, {"id": 3}),
        "POST /orders": (500, b"oops"),
        "GET /orders": (200, {"items": []}),
    }
    assert walk(write(LOST), server.url).found == start
    server.table["GET /orders"] = (200, {"items": [{"product": 3, "id": 7}]})
    server.table["DELETE /orders/7"] = (500, b"oops")
    assert walk(write(LOST), server.url).found.startswith(f"{start}; and the clean-up 'cancel' failed: answered 500")
    server.table["GET /orders"] = (503, b"oops")
    assert walk(write(LOST), server.url).found.startswith(
        f"{start}; and the clean-up 'look for it' failed: answered 503"
    )
    # One that does not say that it looks for what was lost misses what is not there.
    server.table["GET /orders"] = (200, {"items": []})
    asked = write(LOST.replace("    unless: order\n", ""))
    assert "'look for it' failed: items[?product==`${product}`] | [0].id is missing" in walk(asked, server.url).found


def test_time_is_over_and_the_clean_up_comes_all_the_same(server: Server, write: Callable[[str], Path]) -> None:
    over = threading.Event()

    def hang(_: Handler) -> tuple[None, None]:
        over.wait(60)
        return None, None

    server.table = {"POST /orders": (201, {"id": 7, "total": 5}), "GET /orders/7": hang}
    server.table |= {"DELETE /orders/7": (200, {}), "POST /logout": (200, {})}
    result = walk(write(f"timeout: 2s\n{ORDER}"), server.url)
    over.set()
    assert result.status is Status.FAILED
    assert "step 2 of 2 'GET /orders/${order}'" in result.found
    assert "did not end within" in result.found
    assert server.lines()[-2:] == ["DELETE /orders/7", "POST /logout"]


def test_polling_ends_when_it_is_there_or_when_its_time_is_over(server: Server, write: Callable[[str], Path]) -> None:
    counted = iter(range(100))
    server.table = {"GET /job": lambda _: (200, {"n": next(counted)})}
    text = "steps:\n  - request: GET /job\n    until: {within: 30s, every: 100ms}\n    expect: {json: {n: 2}}\n"
    result = walk(write(text), server.url)
    assert result.status is Status.PASSED
    assert result.evidence[0]["attempts"] == 3
    result = walk(write(text.replace("within: 30s", "within: 500ms")), server.url)
    assert result.status is Status.FAILED
    assert ", expected 2; after " in result.found


def test_nobody_is_there(write: Callable[[str], Path]) -> None:
    with listening(lambda *_: None) as port:
        pass
    result = walk(write("steps: [{request: GET /}]\n"), f"http://127.0.0.1:{port}")
    assert result.status is Status.ERROR
    assert f"GET http://127.0.0.1:{port}/: connection refused" in result.found


@pytest.mark.parametrize("body", [b"x" * 3_000_000, b"[" * 500_000, b"\xff\xfe", b'{"id": ' + b"9" * 5000 + b"}"])
def test_hostile_bodies_are_no_json(server: Server, write: Callable[[str], Path], body: bytes) -> None:
    server.table = {"GET /": (200, body)}
    result = walk(write("steps: [{request: GET /, expect: {json: {id: 1}}}]\n"), server.url)
    assert result.status is Status.FAILED
    assert "the body is no JSON of at most 1 MiB" in result.found


def test_what_is_captured_can_neither_leave_the_path_nor_split_a_header(
    server: Server, write: Callable[[str], Path]
) -> None:
    server.table = {"GET /": (200, {"id": "../../x?y#z\r\n", "long": "x" * 5000, "list": [1]})}
    text = "steps:\n  - request: GET /\n    capture: {id: id}\n  - request: GET /a/${id}\n"
    walk(write(text), server.url)
    assert server.lines()[1] == "GET /a/..%2F..%2Fx%3Fy%23z%0D%0A"
    text = "steps:\n  - request: GET /\n    capture: {id: id}\n  - request: GET /\n    headers: {X: 'a ${id}'}\n"
    result = walk(write(text), server.url)
    assert "the header X would hold characters that no header may" in result.found
    for name in ("long", "list"):
        result = walk(write(f"steps: [{{request: GET /, capture: {{it: {name}}}}}]\n"), server.url)
        assert f"{name} is no text or number of at most 4096 characters" in result.found


def test_nothing_secret_is_told(server: Server, write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNEY_PASSWORD", PASSWORD)
    token = "token-that-was-captured"
    server.table = {
        "POST /in": (200, {"token": token}),
        "GET /me?t=1": (500, {"detail": f"{PASSWORD} and {token} are wrong", "name": token}),
    }
    file = write(
        """
steps:
  - request: POST /in
    json: {password: "${env.JOURNEY_PASSWORD}"}
    capture: {token: token}
  - request: GET /me?t=1
    headers: {Authorization: "Bearer ${token}"}
"""
    )
    result = walk(file, server.url)
    assert result.found == (
        "shop: step 2 of 2 'GET /me?t=1': GET /me: answered 500, expected 2xx; it says: *** and *** are wrong"
    )
    assert PASSWORD not in str(result)
    assert token not in str(result)


def test_clean_up_comes_whatever_breaks_in_a_step(server: Server, write: Callable[[str], Path]) -> None:
    server.table = {"POST /orders": (201, {"id": 7, "odd": "\ud800"}), "DELETE /orders/7": (200, {})}
    text = """
steps:
  - request: POST /orders
    capture: {order: id, odd: odd}
  - request: POST /form
    form: {x: "${odd}"}
  - open: sse /news
    as: news
cleanup:
  - receive: news
    within: 1s
    expect: {json: {a: 1}}
  - request: DELETE /orders/${order}
"""
    result = walk(write(text), server.url)
    assert "the step broke: UnicodeEncodeError" in result.found
    assert server.lines() == ["POST /orders", "DELETE /orders/7"]


def test_a_journey_that_did_nothing_proves_nothing(server: Server, write: Callable[[str], Path]) -> None:
    with pytest.raises(Misconfigured, match="no step before captures 'unique'"):
        walk(write("steps:\n  - request: GET /\n    unless: unique\n"), server.url)
    assert not server.asked


def test_a_limit_tells_nothing_of_what_lies_behind(server: Server, write: Callable[[str], Path]) -> None:
    server.table = {"POST /orders": (429, {"detail": "slow down"})}
    result = walk(write(ORDER), server.url)
    assert (result.status, "answered 429" in result.found) == (Status.ERROR, True)


def test_a_secret_is_hidden_before_a_value_is_cut(
    server: Server, write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    long, odd = "t" + "0123456789" * 12, 'with "quotes" and \\'
    monkeypatch.setenv("JOURNEY_PASSWORD", odd)
    server.table = {"GET /": (200, {"token": long, "said": odd}), "GET /me": (200, {"token": long, "said": odd})}
    text = """
steps:
  - request: GET /
    capture: {token: token}
  - request: GET /me
    headers: {X-A: "${env.JOURNEY_PASSWORD}"}
    expect: {json: {token: other, said: other}}
"""
    result = walk(write(text), server.url)
    assert 'token is "***", expected "other"; said is "***"' in result.found
    assert "0123456789" not in str(result)


def test_captured_token_in_a_path_is_not_told_either(server: Server, write: Callable[[str], Path]) -> None:
    def close(handler: Handler) -> tuple[None, None]:
        handler.close_connection = True
        return None, None

    server.table = {"GET /": (200, {"token": "token-that-was-captured"}), "GET /token-that-was-captured": close}
    result = walk(
        write("steps:\n  - {request: GET /, capture: {token: token}}\n  - request: GET /${token}\n"), server.url
    )
    assert result.status is Status.FAILED
    assert f"GET /${{token}}: GET {server.url}/*** broke off" in result.found


def test_secret_that_is_not_there_or_not_declared(
    write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JOURNEY_PASSWORD", raising=False)
    file = write("steps: [{request: GET /, headers: {X: '${env.JOURNEY_PASSWORD}'}}]\n")
    result = walk(file, "http://127.0.0.1:9")
    assert result.status is Status.ERROR
    assert "needs JOURNEY_PASSWORD, which this job's environment does not hold" in result.found
    with pytest.raises(Misconfigured, match="which input 'secrets' does not name"):
        walk(file, "http://127.0.0.1:9", secrets=["OTHER"])


def test_faults_are_told_before_anything_is_asked(tmp_path: Path, write: Callable[[str], Path]) -> None:
    journey = Catalog().get("journey")
    values: dict[str, Any] = {"secrets": [Variable("A")], "read": "", "write": "", "search": "", "health": ""}
    values |= {"file": tmp_path / "none.yml", "url": "http://127.0.0.1:9"}
    assert journey.faults(values) == []
    empty = write("steps: []\n")
    assert journey.faults({**values, "file": empty}) == [
        f"{empty}:3: there are no steps: a journey that does nothing proves nothing"
    ]
    assert journey.faults({**values, "read": "3s 2s 1s", "write": "1", "url": "ftp://x"}) == [
        "input 'read' is '3s 2s 1s', expected durations that rise: target, warning, critical",
        "input 'write' is '1', expected three durations: target, warning, critical",
        "input 'url': expected a URL that starts with https:// or http:// and names a host",
    ]
    assert journey.named(values) == ("A",)
    result = walk(tmp_path / "none.yml", "http://127.0.0.1:9")
    assert (result.status, result.found.startswith("there is no journey ")) == (Status.ERROR, True)


EVENTS = """
steps:
  - {open: sse /events, as: news}
  - {receive: news, within: 20s, expect: {json: {event: made}}, capture: {id: data.id}}
  - request: GET /seen/${id}
"""


def test_server_sent_events_are_heard(server: Server, write: Callable[[str], Path]) -> None:
    def events(handler: Handler) -> tuple[None, None]:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream; charset=utf-8")
        handler.end_headers()
        handler.wfile.write(b': hello\n\ndata: {"event": "other"}\n\nevent: x\ndata: {"event":\r\ndata: "made",')
        handler.wfile.write(b' "data": {"id": 5}}\n\n')
        return None, None

    server.table = {"GET /events": events, "GET /seen/5": (200, {})}
    assert walk(write(EVENTS), server.url).found.startswith("shop: 3 steps as expected in ")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((503, {}), "the server answered 503 with nothing, no events"),
        ((200, {}), "the server answered 200 with nothing, no events"),
    ],
)
def test_what_is_no_stream_is_told(server: Server, write: Callable[[str], Path], answer: Answer, told: str) -> None:
    server.table = {"GET /events": answer}
    result = walk(write(EVENTS), server.url)
    assert result.status is Status.FAILED
    assert told in result.found


def test_endless_event_ends_the_stream(server: Server, write: Callable[[str], Path]) -> None:
    def flood(handler: Handler) -> tuple[None, None]:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        try:
            for _ in range(3000):
                handler.wfile.write(b"data: " + b"x" * 1000 + b"\n")
        except OSError:
            pass
        return None, None

    server.table = {"GET /events": flood}
    assert "the server closed it, or sent more than one event may hold" in walk(write(EVENTS), server.url).found


@contextmanager
def sockets(talk: Callable[[ServerConnection], None]) -> Iterator[str]:
    with serve(talk, "127.0.0.1", 0) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{found.socket.getsockname()[1]}"
        found.shutdown()
        thread.join()


SOCKET = """
steps:
  - {open: websocket /ws, as: news, send: {hello: "${unique}"}}
  - {receive: news, within: 20s, expect: {json: {event: made}}}
"""


@pytest.mark.parametrize(
    ("talk", "status", "told"),
    [
        (lambda one: (one.recv(), one.send("no json"), one.send('{"event": "made"}')), Status.PASSED, "2 steps as expected"),
        (lambda one: (one.recv(), one.send("x" * 400_000)), Status.FAILED, "the server closed it: "),
        (lambda one: (one.recv(), one.close(1008, "not you")), Status.FAILED, "not you"),
    ],
    ids=["good", "flood", "closed"],
)  # fmt: skip
def test_websocket(
    write: Callable[[str], Path], talk: Callable[[ServerConnection], None], status: Status, told: str
) -> None:
    with sockets(talk) as url:
        result = walk(write(SOCKET), url)
    assert (result.status, told in result.found) == (status, True), result.found


def test_silent_socket_and_one_that_only_chatters(write: Callable[[str], Path]) -> None:
    hurried = SOCKET.replace("20s", "500ms")

    def chatter(one: ServerConnection) -> None:
        one.recv()
        one.send('{"event": "other"}')
        for _ in one:
            raise AssertionError

    with sockets(chatter) as url:
        found = walk(write(hurried), url).found
    assert 'no such message within 0.5 s; of 1 others the last differs: event is "other", expected "made"' in found


def test_plain_server_is_no_websocket(server: Server, write: Callable[[str], Path]) -> None:
    assert "the server refused it: " in walk(write(SOCKET), server.url).found


def test_slow_drip_does_not_outlast_the_journey(write: Callable[[str], Path]) -> None:
    def drip(connection: Any, over: threading.Event) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not over.wait(0.05):
            connection.sendall(b"x")

    with listening(drip) as port:
        started = time.monotonic()
        result = walk(write("timeout: 1s\nsteps: [{request: GET /}]\n"), f"http://127.0.0.1:{port}")
    assert time.monotonic() - started >= 1
    assert result.status is Status.ERROR
    assert "did not end within" in result.found
