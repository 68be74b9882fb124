"""served-identity against a real HTTP server that says what it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deploy_gate.catalog import Catalog
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Result, Status

RELEASE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@dataclass
class Service:
    """What it answers."""

    port: int = 0
    status: int = 200
    body: bytes = b""

    def names(self, **values: object) -> None:
        self.body = json.dumps(values).encode()


@pytest.fixture
def service() -> Iterator[Service]:
    told = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(told.status)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield told
        server.shutdown()
        thread.join()


@pytest.fixture
def look(ask: Callable[..., Result], service: Service) -> Callable[..., Result]:
    url = f"http://127.0.0.1:{service.port}/health"
    return lambda environment="staging", **given: ask("served-identity", url=url, environment=environment, **given)


def test_environment_and_release_as_intended(look: Callable[..., Result], service: Service) -> None:
    service.names(environment="staging", release=RELEASE)
    result = look(release=RELEASE)
    assert result.status is Status.PASSED
    assert result.found.endswith(f"/health is staging and serves {RELEASE}, the intended one")
    assert look(release=RELEASE[:12]).status is Status.PASSED
    assert look().status is Status.PASSED
    assert look("stage, staging").status is Status.PASSED
    service.status = 503
    assert look().status is Status.PASSED, "what is down still says who it is"


def test_the_variables_of_another_environment(look: Callable[..., Result], service: Service) -> None:
    service.names(environment="production", release=RELEASE)
    result = look(release=RELEASE)
    assert (result.status, result.target, result.measured) == (Status.FAILED, "staging", "production")
    assert result.found.endswith("/health says it is production, intended is staging")


def test_another_release(look: Callable[..., Result], service: Service) -> None:
    service.names(environment="staging", release="a" * 40)
    result = look(release=RELEASE)
    assert result.status is Status.FAILED
    assert result.found.endswith(f"serves {'a' * 40}, intended is {RELEASE}")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"release": RELEASE}, "names no environment"),
        ({"environment": "", "release": RELEASE}, "names no environment"),
        ({"environment": None, "release": RELEASE}, "names no environment"),
        ({"environment": "staging"}, "names no release"),
        ([], "answered no JSON object"),
        ("staging", "answered no JSON object"),
    ],
)
def test_what_names_nothing_is_not_passed(
    look: Callable[..., Result], service: Service, body: object, told: str
) -> None:
    service.body = json.dumps(body).encode()
    result = look()
    assert result.status is Status.ERROR
    assert told in result.found


def test_no_document(look: Callable[..., Result], service: Service) -> None:
    service.body = b"<html>"
    assert look().status is Status.ERROR
    service.names(environment="staging", release=RELEASE)
    service.status = 404
    assert "answered 404, expected a health document" in look().found


def test_fields_elsewhere(look: Callable[..., Result], service: Service) -> None:
    service.names(app={"env": "staging", "version": RELEASE})
    assert look(environment_field="app.env", release_field="app.version").status is Status.PASSED


def test_a_hostile_name_steers_nothing(look: Callable[..., Result], service: Service) -> None:
    service.names(environment="stag\x1b[2Jing\n::error::x\u202e", release=RELEASE)
    result = look()
    assert result.status is Status.FAILED
    assert result.found.isprintable()


def test_an_address_that_is_none(ask: Callable[..., Result]) -> None:
    with pytest.raises(Misconfigured) as fault:
        Catalog().get("served-identity").function(
            url="ftp://x", environment=["a"], environment_field="e", release_field="r", release="", timeout=1
        )
    assert "input 'url'" in str(fault.value)
