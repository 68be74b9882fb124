"""security-headers: every header whole and broken, judged by table, and over real TLS."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import trustme
from sites import Reply, routes, site

from deploy_gate.catalog import Catalog
from deploy_gate.facts import csp, http
from deploy_gate.result import Result, Status

Ask = Callable[..., Result]
GOOD = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
FRAMED: dict[str, str | None] = {"X-Frame-Options": "DENY"}


def judged(changes: Mapping[str, str | None], **limits: object) -> Result:
    """The judgement of one page whose good headers were changed (None: taken away)."""
    module = Catalog().get("security-headers").module
    headers = {**GOOD, **changes}
    pairs = tuple((name, value) for name, value in headers.items() if value is not None)
    answer = http.Answer(http.parse("https://erp.example/"), 200, pairs, b"", True, 0.1)
    result: Result = module.judge([module.Page("/", answer)], module.Limits(**limits))
    return result


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"Strict-Transport-Security": None},
            "Strict-Transport-Security is missing, expected a max-age of 180 d or more",
        ),
        ({"Strict-Transport-Security": "max-age=86400"}, "has a max-age of 1 d, expected 180 d or more"),
        ({"Strict-Transport-Security": "includeSubDomains"}, "has no single max-age"),
        ({"Strict-Transport-Security": "max-age=1; max-age=31536000"}, "has no single max-age"),
        ({"Content-Security-Policy": None, **FRAMED}, "Content-Security-Policy is missing"),
        (
            {"Content-Security-Policy": None, "Content-Security-Policy-Report-Only": "default-src 'self'", **FRAMED},
            "is missing (there is a report-only one, which stops nothing)",
        ),
        (
            {"Content-Security-Policy": "default-src *; frame-ancestors 'none'"},
            "default-src allows *, which is everybody",
        ),
        (
            {"Content-Security-Policy": "script-src 'self'; frame-ancestors 'self'"},
            "no default-src: what has no directive",
        ),
        ({"Content-Security-Policy": "img-src 'self'; frame-ancestors 'self'"}, "no default-src and no script-src"),
        (
            {"Content-Security-Policy": "default-src 'self'; script-src 'unsafe-inline'; frame-ancestors 'none'"},
            "script-src allows 'unsafe-inline'",
        ),
        ({"Content-Security-Policy": "default-src 'self' 'unsafe-eval'; frame-ancestors 'none'"}, "'unsafe-eval'"),
        (
            {"Content-Security-Policy": "default-src https:; frame-ancestors 'none'"},
            "allows https:, which is everybody",
        ),
        ({"Content-Security-Policy": "default-src 'self'"}, "neither frame-ancestors in the CSP nor X-Frame-Options"),
        (
            {"Content-Security-Policy": "default-src 'self'", "X-Frame-Options": "ALLOW-FROM https://a.example"},
            "X-Frame-Options is allow-from https://a.example",
        ),
        ({"Content-Security-Policy": "default-src 'self'; frame-ancestors *"}, "lets everybody frame the page"),
        ({"X-Content-Type-Options": None}, "X-Content-Type-Options is missing, expected nosniff"),
        ({"Referrer-Policy": "unsafe-url"}, "Referrer-Policy is unsafe-url, expected no-referrer"),
    ],
)
def test_one_fault_is_one_finding(changes: dict[str, str | None], says: str) -> None:
    result = judged(changes)
    assert (result.status, result.measured) == (Status.FAILED, 1), result.found
    assert says in result.found
    assert "1 fault in the headers, none is allowed" in result.found
    assert result.fix


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"Content-Security-Policy-Report-Only": "default-src *"},
        {"Content-Security-Policy": "default-src 'self'", "X-Frame-Options": "SAMEORIGIN"},
        {
            "Content-Security-Policy": "default-src 'self'; script-src 'nonce-abc' 'unsafe-inline'; frame-ancestors 'none'"
        },
        {
            "Content-Security-Policy": "default-src 'none'; script-src 'strict-dynamic' 'nonce-a' https:; frame-ancestors x"
        },
        {"Content-Security-Policy": "script-src *, default-src 'self'; frame-ancestors 'none'"},
        {"Content-Security-Policy": "DEFAULT-SRC 'self'; default-src *; Frame-Ancestors 'none'"},
        {"Strict-Transport-Security": 'Max-Age="31536000"'},
        {"Referrer-Policy": "unsafe-url, strict-origin-when-cross-origin"},
    ],
)
def test_what_only_looks_like_a_fault_passes(changes: dict[str, str | None]) -> None:
    result = judged(changes)
    assert result.status is Status.PASSED, result.found


def test_limits_are_the_users() -> None:
    wide = {"Content-Security-Policy": "default-src 'self' 'unsafe-inline'; frame-ancestors 'none'"}
    assert judged(wide).status is Status.FAILED
    assert judged(wide, csp_allows=("unsafe-inline",)).status is Status.PASSED
    assert judged({"Strict-Transport-Security": "max-age=31536000"}, subdomains=True).status is Status.FAILED
    assert judged({}, min_age=31536001).status is Status.FAILED


def test_a_policy_is_parsed_as_browsers_do() -> None:
    assert csp.parse(["default-src 'self' ; ;IMG-SRC *;img-src a, script-src b"]) == [
        {"default-src": ["'self'"], "img-src": ["*"]},
        {"script-src": ["b"]},
    ]
    assert csp.parse(["", " ; "]) == []


def test_without_tls_no_header_helps(ask: Ask) -> None:
    with site(routes({"/": Reply(headers=GOOD)}, Reply(404, headers=GOOD))) as shop:
        result = ask("security-headers", url=shop.url)
    assert result.status is Status.FAILED
    assert "served over plain http" in result.found
    assert "(on /, an error page)" in result.found
    assert all("x-deploy-gate-probe" in one.headers for one in shop.seen)
    assert len(shop.seen) == 2


class Handler(BaseHTTPRequestHandler):
    """`/` redirects to a good page; what does not exist has no headers."""

    careful = False

    def do_GET(self) -> None:
        self.send_response({"/": 302, "/app": 200}.get(self.path, 404))
        if self.path in ("/", "/app") or self.careful:
            for name, value in GOOD.items():
                self.send_header(name, value)
        if self.path == "/":
            self.send_header("Location", "/app")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Careful(Handler):
    """Its errors have headers too."""

    careful = True


@pytest.mark.parametrize("careful", [True, False])
def test_over_tls_and_on_the_error_page(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, careful: bool
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Careful if careful else Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        result = ask("security-headers", url=f"https://localhost:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert result.status is (Status.PASSED if careful else Status.FAILED), result.found
    if not careful:
        assert result.measured == 5
        assert "on an error page" in result.found


def test_a_broken_page_says_nothing_of_headers(ask: Ask) -> None:
    with site(routes({}, Reply(502))) as shop:
        assert ask("security-headers", url=shop.url).status is Status.ERROR


def test_only_the_declared_host_is_asked() -> None:
    faults = Catalog().get("security-headers").module.validate
    values = {"url": "https://erp.example", "csp_allows": [], "timeout": 1.0, "budget": 5}
    with pytest.raises(Exception, match="leads to another host"):
        faults(paths=["https://other.example/"], **values)
