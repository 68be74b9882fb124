import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from erp.models import Role, SaleKind
from erp.services.webhook_client import BadTargetError, parse_target, post, resolve
from tests.world import World


@dataclass
class Receiver:
    """A real HTTP server that keeps what it was sent and answers as told."""

    url: str
    answer: int = 204
    bodies: list[bytes] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            found.signatures.append(self.headers["X-ERP-Signature"])
            self.send_response(found.answer)
            self.send_header("Location", found.url)
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Receiver(f"http://127.0.0.1:{server.server_port}/hook?x=1")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def hooked(build: Callable[..., World]) -> World:
    return build(webhook_allow_private=True)


def subscribe(world: World, url: str) -> Any:
    body = {"url": url, "events": ["order.created"]}
    return world.client.post("/api/webhooks", json=body, headers=world.sign_in(Role.ADMIN)).json()


def deliveries(world: World, query: str = "") -> Any:
    return world.client.get(f"/api/webhooks/deliveries{query}", headers=world.sign_in(Role.ADMIN)).json()["items"]


def test_order_is_delivered_signed_and_logged(hooked: World, receiver: Receiver) -> None:
    hook = subscribe(hooked, receiver.url)
    order = hooked.order(SaleKind.RETAIL, "TEA-1KG", 2).json()
    (body,) = receiver.bodies
    assert json.loads(body)["data"]["reference"] == order["reference"]
    moment, _, version = receiver.signatures[0].partition(",v1=")
    signed = moment.removeprefix("t=").encode() + b"." + body
    assert version == hmac.new(hook["secret"].encode(), signed, hashlib.sha256).hexdigest()
    (delivery,) = deliveries(hooked)
    assert (delivery["status"], delivery["response_status"], delivery["attempts"]) == ("delivered", 204, 1)


def test_only_wanted_events_and_active_hooks_are_sent(hooked: World, receiver: Receiver) -> None:
    hook = subscribe(hooked, receiver.url)
    order = hooked.order(SaleKind.RETAIL, "TEA-1KG", 2).json()
    hooked.client.post(f"/api/orders/{order['id']}/cancel", headers=hooked.sign_in(Role.ADMIN))
    admin = hooked.sign_in(Role.ADMIN)
    assert hooked.client.delete(f"/api/webhooks/{hook['id']}", headers=admin).json()["active"] is False
    hooked.order(SaleKind.RETAIL, "TEA-1KG", 1)
    assert len(receiver.bodies) == 1
    assert hooked.client.get("/api/webhooks", headers=admin).json()["total"] == 1


@pytest.mark.parametrize("answer", [500, 302])
def test_failure_is_logged_and_can_be_retried(hooked: World, receiver: Receiver, answer: int) -> None:
    subscribe(hooked, receiver.url)
    receiver.answer = answer
    assert hooked.order(SaleKind.RETAIL, "TEA-1KG", 1).status_code == 201
    (failed,) = deliveries(hooked, "?status=failed")
    assert (failed["error"], len(receiver.bodies)) == (f"answered {answer}", 1)
    receiver.answer = 200
    admin = hooked.sign_in(Role.ADMIN)
    path = f"/api/webhooks/deliveries/{failed['id']}/retry"
    retried = hooked.client.post(path, headers=admin).json()
    assert (retried["status"], retried["attempts"]) == ("delivered", 2)
    assert hooked.client.post(path, headers=admin).status_code == 409


def test_private_addresses_are_refused_unless_allowed(world: World, receiver: Receiver) -> None:
    subscribe(world, receiver.url)
    world.order(SaleKind.RETAIL, "TEA-1KG", 1)
    assert receiver.bodies == []
    assert "private" in deliveries(world)[0]["error"]


@pytest.mark.parametrize("url", ["ftp://a.example/", "//a.example/", "http://", "https://u:p@a.example/", "http://[::"])
def test_addresses_that_are_no_webhooks_are_refused(world: World, url: str) -> None:
    with pytest.raises(BadTargetError):
        parse_target(url)
    body = {"url": url.ljust(8, "/"), "events": ["order.created"]}
    assert world.client.post("/api/webhooks", json=body, headers=world.sign_in(Role.ADMIN)).status_code == 422


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[fe80::1]", "0.0.0.0"])  # noqa: S104 -- refused
def test_private_networks_are_known(host: str) -> None:
    with pytest.raises(BadTargetError, match="private"):
        resolve(parse_target(f"https://{host}/"), allow_private=False)


def test_nobody_listening_and_no_tls_are_outcomes_not_errors(receiver: Receiver) -> None:
    tls = post(receiver.url.replace("http:", "https:"), b"", {}, seconds=5, allow_private=True)
    assert (tls.status, tls.error) == (None, "SSLError")
    gone = post("http://nowhere.invalid/", b"", {}, seconds=5, allow_private=True)
    assert gone.error == "the host name cannot be resolved"


def test_unknown_ids_are_404(world: World) -> None:
    admin = world.sign_in(Role.ADMIN)
    assert world.client.delete("/api/webhooks/9", headers=admin).status_code == 404
    assert world.client.post("/api/webhooks/deliveries/9/retry", headers=admin).status_code == 404
