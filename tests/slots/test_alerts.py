"""Alertmanager's webhook: only with the token, bounded, and in the journal; it changes nothing else."""

from __future__ import annotations

import http.client
import json
import re
import socket
import stat
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from slots.world import OLD, World

from host import alerts
from host.alerts import LARGEST, MOST, told

Ask = Any
FIRING = {
    "status": "firing",
    "labels": {"alertname": "DiskFull", "severity": "critical"},
    "annotations": {"summary": "no room on /srv"},
}


@pytest.fixture
def port(host: World) -> Iterator[int]:
    """The socket of a running `slots alert`."""
    with host.popen("alert", "--port", "0") as child:
        assert child.stdout is not None
        try:
            match = re.search(rb"listening on 127\.0\.0\.1:(\d+)", child.stdout.readline())
            assert match
            yield int(match[1])
        finally:
            child.kill()


def post(port: int, body: bytes, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/", body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_an_alert_stands_in_the_journal(host: World, port: int) -> None:
    path = host.home / alerts.FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    token = path.read_text()
    assert len(token) > 40
    body = json.dumps({"alerts": [FIRING]}).encode()
    assert post(port, body, Authorization=f"Bearer {token}") == 200
    entry = host.machine.journal.tail(1)[0]
    assert (entry["event"], entry["kind"], entry["text"]) == (
        "alertmanager",
        "DiskFull",
        "firing critical no room on /srv",
    )
    before = len(list(host.machine.journal.entries()))
    assert [
        post(port, body),
        post(port, body, Authorization="Bearer x"),
        post(port, body, Authorization="Bearer \xe9"),
        post(port, b"{", Authorization=f"Bearer {token}"),
        post(port, b"[" * 9999, Authorization=f"Bearer {token}"),
        post(port, b"", **{"Authorization": f"Bearer {token}", "Content-Length": str(LARGEST + 1)}),
        post(port, b"", **{"Authorization": f"Bearer {token}", "Content-Length": "-1"}),
        post(port, b"", **{"Authorization": f"Bearer {token}", "Content-Length": "\xb2"}),
    ] == [401, 401, 401, 400, 400, 413, 413, 413]
    assert len(list(host.machine.journal.entries())) == before
    assert host.good("journal", "verify")["faults"] == []
    host.live(OLD, "blue")
    answer = host.run("alert", "--port", str(port))
    assert (answer.code, f"port {port} cannot be listened on" in answer.what) == (2, True)


@pytest.mark.long
def test_one_that_sends_a_byte_now_and_then_keeps_nobody_waiting(host: World, port: int) -> None:
    over, cut = threading.Event(), threading.Event()

    def drip() -> None:
        with socket.create_connection(("127.0.0.1", port), 60) as slow:
            connected.set()
            try:
                while not over.wait(0.5):
                    slow.sendall(b"P")
            except OSError:
                cut.set()

    connected = threading.Event()
    slow = threading.Thread(target=drip)
    slow.start()
    try:
        assert connected.wait(60)
        token = (host.home / alerts.FILE).read_text()
        body = json.dumps({"alerts": [FIRING]}).encode()
        assert post(port, body, Authorization=f"Bearer {token}") == 200
        assert cut.wait(60)
    finally:
        over.set()
        slow.join()


def test_many_and_long_ones_are_cut() -> None:
    found = told(json.dumps({"alerts": [{"labels": {"alertname": "x" * 9999}, "annotations": 7}] * 500}).encode())
    assert (len(found), len(found[0]["kind"]), found[0]["text"]) == (MOST, 200, "")


@pytest.mark.parametrize("raw", [b"", b"7", b"{}", b'{"alerts": {}}', b'{"alerts": [7]}'])
def test_what_is_no_webhook(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of whatever kind
        told(raw)
