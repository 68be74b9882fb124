"""http-endpoint against real servers on loopback: well-behaved, broken and hostile ones."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
from listeners import Talk, listening

from deploy_gate.catalog import Catalog
from deploy_gate.engine.child import guarded
from deploy_gate.facts import http
from deploy_gate.inputs import bind
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Result, Status, brief

NEW, OLD = "4f0c2d9b6a1e8d7c5b3a29181706f5e4d3c2b1a0", "00aa11bb22cc33dd44ee55ff66778899aabbccdd"
Reply = tuple[int, dict[str, str], bytes]
Routes = dict[str, Reply | Callable[[], Reply]]


def run(**given: object) -> Result:
    """The check as the engine calls it: inputs as texts, defaults from its action.yml, trouble turned into errors."""
    capability = Catalog().get("http-endpoint")
    texts = {name.replace("_", "-"): str(value) for name, value in given.items()}
    bound = bind(capability.manifest.inputs, capability.hints, texts)
    assert not bound.wrong, bound.wrong
    assert not bound.missing, bound.missing
    return guarded(lambda: capability.function(**bound.values))


def wrong(**given: object) -> str:
    """What Misconfigured says of these inputs."""
    capability = Catalog().get("http-endpoint")
    texts = {name.replace("_", "-"): str(value) for name, value in given.items()}
    bound = bind(capability.manifest.inputs, capability.hints, texts)
    with pytest.raises(Misconfigured) as caught:
        capability.function(**bound.values)
    return str(caught.value)


class Server(ThreadingHTTPServer):
    """Answers from a table of routes and remembers what it was asked."""

    daemon_threads = True
    routes: Routes
    seen: list[tuple[str, dict[str, str]]]

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away early is what some tests want."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers.items())))
        reply = self.server.routes[self.path]
        status, headers, body = reply() if callable(reply) else reply
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Quiet."""


@contextmanager
def serving(routes: Routes, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.routes, server.seen = routes, []
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def raw(talk: Talk) -> Iterator[str]:
    """A server that does to each connection what `talk` says; its base URL."""
    with listening(talk) as port:
        yield f"http://127.0.0.1:{port}"


def page(body: str | bytes = b"ok", status: int = 200, kind: str = "text/plain", **headers: str) -> Reply:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, {"Content-Type": kind, **more}, body.encode() if isinstance(body, str) else body


def health(**more: object) -> Reply:
    data = {"status": "ok", "build": {"commit": NEW}, "parts": [{"up": True}], **more}
    return page(json.dumps(data), kind="application/json")


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


# --- what is as it should be, and what is not ---


def test_passes_and_says_status_and_latency() -> None:
    with serving({"/health": health()}) as server:
        result = run(url=server.url("/health"), critical="30s")
    assert result.status is Status.PASSED
    assert "/health answered 200 in " in result.found
    assert result.found.endswith("within 30 s")
    assert result.evidence[0]["status"] == 200
    assert server.seen[0][1]["User-Agent"].startswith("deploy-gate/")


@pytest.mark.parametrize("status", [404, 500, 503])
def test_wrong_status_fails_with_value_and_limit(status: int) -> None:
    with serving({"/": page("no", status)}) as server:
        result = run(url=server.url())
    assert result.status is Status.FAILED
    assert f"answered {status}, expected 200" in result.found
    assert (result.measured, result.target) == (status, 200)
    assert result.fix


def test_another_status_can_be_the_expected_one() -> None:
    with serving({"/": page("no", 401), "/old": page(status=301, Location="/new")}) as server:
        assert run(url=server.url(), status=401).status is Status.PASSED
        assert run(url=server.url("/old"), status=301, redirects="true").status is Status.PASSED


def test_200_from_the_old_release_fails() -> None:
    with serving({"/health": health(build={"commit": OLD})}) as server:
        result = run(url=server.url("/health"), release_field="build.commit", release=NEW)
    assert result.status is Status.FAILED
    assert f"serves {OLD}, intended {NEW}" in result.found


@pytest.mark.parametrize("intended", [NEW, NEW[:7], NEW[:12].upper()])
def test_the_intended_release_passes_also_when_shortened(intended: str) -> None:
    with serving({"/health": health()}) as server:
        result = run(url=server.url("/health"), release_field="build.commit", release=intended)
    assert result.status is Status.PASSED, result.found


@pytest.mark.parametrize(("field", "says"), [("build.tag", "no release"), ("build", "serves {")])
def test_no_release_or_no_text_is_not_the_intended_release(field: str, says: str) -> None:
    with serving({"/health": health()}) as server:
        result = run(url=server.url("/health"), release_field=field, release=NEW)
    assert result.status is Status.FAILED
    assert says in result.found


def test_a_shortened_hash_needs_seven_digits() -> None:
    with serving({"/health": health(build={"commit": NEW[:6]})}) as server:
        result = run(url=server.url("/health"), release_field="build.commit", release=NEW)
    assert result.status is Status.FAILED


def test_json_fields() -> None:
    with serving({"/health": health()}) as server:
        good = run(url=server.url("/health"), field="status = ok\nparts.0.up = true")
        bad = run(url=server.url("/health"), field="status = fine\nparts.1.up = true")
    assert good.status is Status.PASSED
    assert bad.status is Status.FAILED
    assert "status is ok, expected fine; parts.1.up is missing, expected true" in bad.found


@pytest.mark.parametrize("body", ["<html>ok</html>", "", "{", "[" * 100_000, "9" * 100_000, b"\xff\xfe"])
def test_a_body_that_is_no_json_fails(body: str | bytes) -> None:
    with serving({"/": page(body)}) as server:
        result = run(url=server.url(), field="status = ok")
    assert result.status is Status.FAILED
    assert "status is missing, expected ok" in result.found or "not JSON, expected JSON" in result.found


def test_content_type_and_headers() -> None:
    reply = page("{}", kind="text/html; charset=utf-8", Cache_Control="no-store, max-age=0")
    with serving({"/": reply}) as server:
        both = "cache-control: no-store, max-age=0\nContent-Type:"
        good = run(url=server.url(), content_type="Text/HTML", header=both)
        kind = run(url=server.url(), content_type="application/json")
        header = run(url=server.url(), header="X-Frame-Options: DENY\nCache-Control: no-cache")
    assert good.status is Status.PASSED, good.found
    assert kind.status is Status.FAILED
    assert "content type is text/html, expected application/json" in kind.found
    assert header.status is Status.FAILED
    assert "header X-Frame-Options is missing, expected DENY" in header.found
    assert "header Cache-Control is no-store, max-age=0, expected no-cache" in header.found


def test_a_marker_in_the_body_also_behind_compression() -> None:
    squeezed = page(gzip.compress("Prüfstand".encode()), Content_Encoding="gzip")
    with serving({"/": page("<h1>Swagger UI</h1>"), "/gzip": squeezed}) as server:
        assert run(url=server.url(), contains="Swagger UI").status is Status.PASSED
        assert run(url=server.url("/gzip"), contains="Prüfstand").status is Status.PASSED
        missing = run(url=server.url(), contains="ReDoc")
    assert missing.status is Status.FAILED
    assert "'ReDoc' is not in its 19 B, expected once or more" in missing.found


@pytest.mark.parametrize(
    ("seconds", "status", "says"),
    [
        (0.1, Status.PASSED, "in 100 ms, within 500 ms"),
        (0.5, Status.PASSED, "in 500 ms, within 500 ms"),
        (0.7, Status.PASSED, "in 700 ms, over the target of 500 ms"),
        (1.5, Status.WARNED, "in 1.5 s, the warning is at 1 s"),
        (2.0, Status.WARNED, "in 2 s, the warning is at 1 s"),
        (2.5, Status.FAILED, "in 2.5 s, the limit is 2 s"),
    ],
)
def test_latency_bands(seconds: float, status: Status, says: str) -> None:
    module = Catalog().get("http-endpoint").module
    answer = http.Answer(http.parse("https://erp.example/health"), 200, (), b"", True, seconds)
    result: Result = module.judge(module.Facts(answer), module.Expected(target=0.5, warning=1.0, critical=2.0))
    assert (result.status, says in result.found) == (status, True), result.found
    assert result.measured == seconds


def test_a_slow_answer_is_measured_as_slow() -> None:
    def late() -> Reply:
        threading.Event().wait(0.15)
        return page()

    with serving({"/": late}) as server:
        result = run(url=server.url(), critical="100ms")
    assert result.status is Status.FAILED
    assert "the limit is 100 ms" in result.found
    assert isinstance(result.measured, float)
    assert 0.15 <= result.measured < 5


def test_a_quick_wrong_answer_is_still_wrong() -> None:
    with serving({"/": page("no", 500)}) as server:
        assert run(url=server.url(), target="10s").status is Status.FAILED


# --- redirects ---


def test_a_redirect_is_a_finding_that_names_its_goal() -> None:
    with serving({"/": page(status=302, Location="https://u:geheim@login.example/x?token=geheim")}) as server:
        result = run(url=server.url())
    assert result.status is Status.FAILED
    assert "answered 302, a redirect to https://login.example/x, expected 200" in result.found
    assert "geheim" not in str(result.as_json())


def test_redirects_are_followed_when_asked_for() -> None:
    routes: Routes = {"/": page(status=301, Location="/a"), "/a": page(status=308, Location="b"), "/b": page("there")}
    with serving(routes) as server:
        result = run(url=server.url(), redirects="true", contains="there")
    assert result.status is Status.PASSED, result.found
    assert "after 2 redirects" in result.found


def test_a_redirect_loop_ends() -> None:
    with serving({"/": page(status=302, Location="/")}) as server:
        result = run(url=server.url(), redirects="true")
    assert result.status is Status.ERROR
    assert "more than 5 redirects" in result.found
    assert len(server.seen) == 6


@pytest.mark.parametrize("goal", ["ftp://files.example/", "file:///etc/passwd", "http://[::1"])
def test_a_redirect_to_no_http_address_is_not_followed(goal: str) -> None:
    with serving({"/": page(status=302, Location=goal)}) as server:
        result = run(url=server.url(), redirects="true")
    assert result.status is Status.ERROR
    assert "which is no http address" in result.found


def test_credentials_stay_with_their_origin_and_out_of_sight() -> None:
    with serving({"/": page()}) as other, serving({}) as server:
        server.routes = {"/a": page(status=302, Location="/b"), "/b": page(status=302, Location=other.url())}
        result = run(url=f"http://ada:geheim%21@127.0.0.1:{server.server_port}/a", redirects="true")
    assert result.status is Status.PASSED, result.found
    assert [headers.get("Authorization") for _, headers in server.seen] == ["Basic YWRhOmdlaGVpbSE="] * 2
    assert "Authorization" not in other.seen[0][1]
    assert "geheim" not in str(result.as_json())
    assert "ada" not in result.found


def test_never_from_https_to_http(tls: ssl.SSLContext) -> None:
    with serving({"/": page()}) as plain, serving({"/": page(status=302, Location=plain.url())}, tls) as server:
        result = run(url=f"https://localhost:{server.server_port}/", redirects="true")
    assert result.status is Status.ERROR
    assert "redirects from https to http://127.0.0.1" in result.found
    assert not plain.seen


# --- no answer: nobody knows ---


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's context whose authority is trusted, for `localhost`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def test_https_with_a_trusted_certificate_passes(tls: ssl.SSLContext) -> None:
    with serving({"/": page()}, tls) as server:
        assert run(url=f"https://localhost:{server.server_port}/").status is Status.PASSED


def test_a_certificate_for_another_name_or_of_nobody_is_an_error(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving({"/": page()}, tls) as server:
        name = run(url=f"https://127.0.0.1:{server.server_port}/")
        monkeypatch.delenv("SSL_CERT_FILE")
        nobody = run(url=f"https://localhost:{server.server_port}/")
    assert (name.status, nobody.status) == (Status.ERROR, Status.ERROR)
    assert "certificate is not accepted: IP address mismatch" in name.found
    assert "certificate is not accepted: unable to get local issuer certificate" in nobody.found
    assert "tls-certificate" in nobody.fix
    assert not server.seen


def test_https_asked_of_a_plain_server_is_an_error() -> None:
    with serving({"/": page()}) as server:
        result = run(url=f"https://127.0.0.1:{server.server_port}/")
    assert result.status is Status.ERROR
    assert "no TLS connection" in result.found


def test_refused_is_an_error() -> None:
    port = closed_port()
    result = run(url=f"http://127.0.0.1:{port}/")
    assert result.status is Status.ERROR
    assert f"connection refused on port {port}" in result.found


def test_an_unknown_name_is_an_error() -> None:
    result = run(url="http://nowhere.invalid/")
    assert result.status is Status.ERROR
    assert "nowhere.invalid cannot be resolved" in result.found


def _silent(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(4096)
    over.wait(20)


def _drip(head: bytes) -> Callable[[socket.socket, threading.Event], None]:
    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(4096)
        connection.sendall(head)
        while not over.wait(0.05):
            connection.sendall(b"a")

    return talk


_HEAD = b"HTTP/1.1 200 OK\r\nX: "
_BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"


@pytest.mark.parametrize(
    ("talk", "stage"),
    [(_silent, "waiting for the answer"), (_drip(_HEAD), "waiting for the answer"), (_drip(_BODY), "reading the body")],
    ids=["silent", "drips headers", "drips body"],
)
def test_the_whole_request_has_one_deadline(talk: Callable[[socket.socket, threading.Event], None], stage: str) -> None:
    with raw(talk) as url:
        started = time.monotonic()
        result = run(url=url, timeout="400ms")
        took = time.monotonic() - started
    assert result.status is Status.ERROR
    assert "did not end within 400 ms" in result.found
    assert stage in result.found
    assert took < 3


def test_the_deadline_spans_redirects() -> None:
    def late() -> Reply:
        threading.Event().wait(0.2)
        return page(status=302, Location="/")

    with serving({"/": late}) as server:
        result = run(url=server.url(), redirects="true", timeout="500ms")
    assert result.status is Status.ERROR
    assert "did not end within" in result.found


def _hangs_up(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(4096)


def _says(answer: bytes) -> Callable[[socket.socket, threading.Event], None]:
    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(4096)
        connection.sendall(answer)

    return talk


@pytest.mark.parametrize(
    "talk",
    [
        _hangs_up,
        _says(b"220 mail.example ESMTP\r\n"),
        _says(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"),
        _says(b"HTTP/1.1 200 OK\r\nX-Big: " + b"a" * 100_000 + b"\r\n\r\n"),
        _says(b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 500 + b"\r\n"),
        _says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot a size\r\n"),
    ],
    ids=["hangs up", "not HTTP", "cut body", "huge header", "many headers", "bad chunk"],
)
def test_a_broken_answer_is_an_error(talk: Callable[[socket.socket, threading.Event], None]) -> None:
    with raw(talk) as url:
        result = run(url=url, timeout="5s")
    assert result.status is Status.ERROR
    assert "broke off while" in result.found
    assert len(result.found) < 600


def test_an_endless_body_is_read_up_to_a_mebibyte() -> None:
    sent = 0

    def talk(connection: socket.socket, over: threading.Event) -> None:
        nonlocal sent
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nmarker")
        while not over.is_set():
            sent += connection.send(b"[" * 65536)

    with raw(talk) as url:
        marked = run(url=url, contains="marker")
        fields = run(url=url, field="status = ok")
    assert marked.status is Status.PASSED, marked.found
    assert marked.evidence[0]["bytes"] == http.MAX_BODY
    assert fields.status is Status.FAILED
    assert "larger than 1 MiB" in fields.found
    assert sent < 100 * http.MAX_BODY


def test_markdown_and_control_characters_stay_on_one_bounded_line() -> None:
    nasty = "ok|\n## Go\x1b[31m\u202e" + "x" * 5000
    with serving({"/": page(json.dumps({"status": nasty}))}) as server:
        result = run(url=server.url(), field="status = ok")
    assert result.status is Status.FAILED
    assert result.found.isprintable()
    assert "\u202e" not in result.found
    assert len(result.found) < 300


def test_clean_takes_the_sting_out_of_a_text() -> None:
    assert brief("a\x1b[31mb\u202ec\u200bd\ne|f") == "a�[31mb�c�d e|f"
    assert brief("x" * 100, 10) == "x" * 9 + "…"
    assert brief("x" * 10, 10) == "x" * 10


# --- attempts ---


def test_it_tries_again_only_when_no_connection_comes_about(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(Catalog().get("http-endpoint").module.time, "sleep", pauses.append)
    with serving({"/": page("no", 503)}) as server:
        assert run(url=server.url(), attempts=3).status is Status.FAILED
    assert len(server.seen) == 1
    assert run(url=f"http://127.0.0.1:{closed_port()}/", attempts=3).status is Status.ERROR
    assert len(pauses) == 2


def test_a_later_attempt_is_said() -> None:
    count = iter(range(9))

    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(4096)
        if next(count):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with raw(talk) as url:
        result = run(url=url, attempts=2)
    assert result.status is Status.PASSED, result.found
    assert "only on attempt 2" in result.found


# --- wrong inputs ---


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/",
        "a.example",
        "https://",
        "http://a b/",
        "http://a:99999/",
        "http://a/\0",
        "http://" + "a" * 3000,
    ],
)
def test_a_wrong_url_is_told_without_repeating_it(url: str) -> None:
    assert "input 'url': expected a URL" in wrong(url=url)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"release": NEW}, "belong together"),
        ({"release_field": "commit"}, "belong together"),
        ({"attempts": 0}, "expected 1 to 10"),
        ({"status": 99}, "expected 100 to 599"),
        ({"warning": "2s", "critical": "1s"}, "latencies must rise"),
        ({"header": "no colon"}, "expected `name: value`"),
        ({"field": "= ok"}, "expected `name= value`"),
    ],
)
def test_wrong_inputs_are_told(given: dict[str, object], says: str) -> None:
    assert says in wrong(url="http://127.0.0.1/", **given)
