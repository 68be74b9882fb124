"""One look over HTTP: what a server says about itself, and servers that do not mean well."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from listeners import listening

from deploy_gate.workbench import tls
from host import names, probe
from host.probe import Look, front_look, slot_look
from host.settings import Front, Health

RELEASE = "a" * 40
HEALTH = Health(timeout=0.5)


def answer(body: object, status: str = "200 OK", headers: str = "") -> bytes:
    text = json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\n{headers}Content-Type: application/json\r\n\r\n".encode() + text


def looked(sent: bytes) -> Look:
    """A look at a server that sends this and closes."""

    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(4096)
        connection.sendall(sent)

    with listening(talk) as port:
        return slot_look(port, "/health", HEALTH)


def test_a_good_answer() -> None:
    look = looked(answer({"slot": "blue", "release": RELEASE}))
    assert (look.status, look.slot, look.release, look.trouble("blue", RELEASE)) == (200, "blue", RELEASE, "")


@pytest.mark.parametrize(
    ("sent", "trouble"),
    [
        (answer({"slot": "green", "release": RELEASE}), "answered by green, not blue"),
        (answer({"slot": "blue", "release": "b" * 40}), "release bbbbbbbbbbbb answered, not aaaaaaaaaaaa"),
        (answer({"slot": "blue"}), "release (not named) answered, not aaaaaaaaaaaa"),
        (answer({"release": RELEASE}), "answered by a slot that does not name itself, not blue"),
        (answer({}, "503 Service Unavailable"), "status 503"),
        (answer({}, "302 Found", "Location: /login\r\n"), "status 302"),
        (
            answer({"slot": "green", "release": RELEASE}, headers="X-Slot: blue\r\n"),
            "nginx says blue, the application says green: a port is crossed",
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no HTTP answer"),
        (b"", "the connection was closed without an answer"),
        (b"HTTP/1.1 200 OK\r\n\r\n[" + b"x" * 100_000, "the answer is longer than 65536 bytes"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 60_000, "answered by a slot that does not name itself, not blue"),
        (b"HTTP/1.1 200 OK\r\n\r\n\xff\xfe{", "answered by a slot that does not name itself, not blue"),
    ],
)
def test_what_is_not_a_good_answer(sent: bytes, trouble: str) -> None:
    assert looked(sent).trouble("blue", RELEASE) == trouble


def silent(connection: socket.socket, over: threading.Event) -> None:
    over.wait(10)


def dripping(connection: socket.socket, over: threading.Event) -> None:
    while not over.wait(0.05):
        connection.sendall(b"x")


@pytest.mark.parametrize("talk", [silent, dripping])
def test_a_look_ends_in_time(talk: Callable[[socket.socket, threading.Event], None]) -> None:
    begun = time.monotonic()
    with listening(talk) as port:
        look = slot_look(port, "/health", HEALTH)
        passed = time.monotonic() - begun
    assert look.error == "no answer within 0.5 s"
    assert passed < 60


def test_nobody_listens() -> None:
    with listening(silent) as port:
        pass
    assert slot_look(port, "/health", HEALTH).error == "Connection refused"


def test_the_front_door_by_its_name_without_the_name_server() -> None:
    heard: list[bytes] = []

    def talk(connection: socket.socket, over: threading.Event) -> None:
        heard.append(connection.recv(4096))
        connection.sendall(answer({"slot": "blue", "release": RELEASE}))

    with listening(talk) as port:
        front = Front(url="http://erp.example/health?deep=1", connect=f"127.0.0.1:{port}")
        assert front_look(front, HEALTH).good
    assert heard[0].startswith(b"GET /health?deep=1 HTTP/1.0\r\nHost: erp.example\r\n")


def test_https_with_an_authority_of_ones_own(tmp_path: Path) -> None:
    with tls.https(tmp_path / "tls") as served:
        front = Front(url=served.url + "/", ca=str(served.authority))
        assert front_look(front, Health(timeout=5)).status == 200
        look = front_look(Front(url=served.url + "/"), Health(timeout=5))
    assert (look.status, "certificate verify failed" in look.error.lower()) == (0, True), look


def test_an_authority_that_is_not_there(tmp_path: Path) -> None:
    look = front_look(Front("https://erp.example/", "127.0.0.1:1", str(tmp_path / "none.pem")), HEALTH)
    assert look.trouble("blue", RELEASE).endswith("none.pem: No such file or directory")


def test_a_front_door_that_speaks_no_tls() -> None:
    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(4096)
        connection.sendall(answer({}))

    with listening(talk) as port:
        look = front_look(Front(url="https://erp.example/", connect=f"127.0.0.1:{port}"), HEALTH)
    assert not look.good
    assert look.status == 0


# --- names


def test_a_name_server_that_does_not_answer_holds_no_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    over, asked = threading.Event(), []

    def hangs(host: str) -> list[str]:
        asked.append(host)
        over.wait(60)
        return ["127.0.0.1"]

    monkeypatch.setattr(names, "lookup", hangs)
    monkeypatch.setattr(probe, "NAMES", names.Names())
    front = Front("http://shop.example/health")
    try:
        for _ in range(3):
            look = front_look(front, Health(timeout=0.1))
            assert (look.status, look.error) == (0, "the name shop.example was not resolved in time")
        assert asked == ["shop.example"], "one question for all of them"
    finally:
        over.set()


def test_an_address_needs_no_name_server_and_a_name_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    known = names.Names()
    assert known.addresses("127.0.0.1", 0) == ["127.0.0.1"]
    assert known.addresses("::1", 0) == ["::1"]
    monkeypatch.setattr(names, "lookup", lambda _: ["192.0.2.1"])
    assert known.addresses("shop.example", 20) == ["192.0.2.1"]

    def gone(host: str) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(names, "lookup", gone)
    assert known.addresses("shop.example", 20) == ["192.0.2.1"]
    monkeypatch.setattr(names, "_FRESH", 0.0)
    assert known.addresses("shop.example", 20) == ["192.0.2.1"], "what was known is better than nothing"
    with pytest.raises(socket.gaierror):
        known.addresses("other.example", 20)


def test_every_address_of_a_name_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(4096)
        connection.sendall(answer({"slot": "blue", "release": RELEASE}))

    monkeypatch.setattr(names, "lookup", lambda _: ["127.0.0.2", "127.0.0.1"])
    monkeypatch.setattr(probe, "NAMES", names.Names())
    with listening(talk) as port:
        look = front_look(Front("http://shop.example/health", connect=f"shop.example:{port}"), Health(timeout=20))
    assert look.trouble("blue", RELEASE) == ""
