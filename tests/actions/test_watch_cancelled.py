"""A watch that is cancelled: what was seen is written down once, nothing is confirmed, and the server goes back by itself."""

from __future__ import annotations

import json
import os
import signal
import threading
from typing import Any

import pytest
from fleet import NEW, OLD, let_pass, wait_for
from sites import Reply, Request, site
from watch_shop import Shop, began

from deploy_gate.engine import stream
from deploy_gate.engine.executor import Job
from deploy_gate.result import passed
from deploy_gate.watch import cancelling
from host.state import CONFIRM


def test_a_signal_before_the_first_look_and_one_after_the_last_are_noted() -> None:
    before = signal.getsignal(signal.SIGTERM)
    looks: list[str] = []
    with cancelling.noted() as early:
        os.kill(os.getpid(), signal.SIGTERM)
        job = Job("a", lambda: passed("well"), 5, {})
        cancelled = stream.run(lambda: None if early.name else [job], 1, lambda key, _: looks.append(key))
        os.kill(os.getpid(), signal.SIGINT)
        assert (cancelled, early.name, looks) == ("", "SIGTERM", [])
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_stream_hears_its_own() -> None:
    with cancelling.noted() as early:

        def feed() -> list[Job]:
            os.kill(os.getpid(), signal.SIGINT)
            return []

        assert (stream.run(feed, 1, lambda *_: None), early.name) == ("SIGINT", "")


JOURNEY = """
version: 1
journey: order
steps:
  - {name: place it, class: write, request: POST /orders, expect: {status: 201}, capture: {order: id}}
  - {name: read it, class: read, request: "GET /orders/${order}"}
cleanup:
  - {name: cancel it, class: write, request: "DELETE /orders/${order}", expect: {status: 204}}
"""


@pytest.mark.long
@pytest.mark.parametrize("when", ["at the beginning", "while it looks", "twice"])
def test_what_was_seen_is_written_once_and_the_server_goes_back(shop: Shop, when: str) -> None:
    reading, over = threading.Event(), threading.Event()

    def answer(request: Request) -> Reply:
        if request.method == "POST":
            return Reply(201, {"id": "7"})
        if request.method == "GET":
            reading.set()
            over.wait(60)
        return Reply(204 if request.method == "DELETE" else 200)

    (shop.folder / "order.yml").write_text(JOURNEY)
    with site(answer) as orders:
        given = {"file": str(shop.folder / "order.yml"), "url": orders.url}
        shop.item("order", orders.url, check="journey", **{"with": given})
        child = shop.popen(window="5m", confirm="true")
        try:
            if when == "at the beginning":
                began(child)
            else:
                assert reading.wait(60)
            child.send_signal(signal.SIGINT)
            if when == "twice":
                child.send_signal(signal.SIGTERM)
        finally:
            over.set()
        told = shop.servers.read(child, 240)
    if when != "at the beginning":
        asked = [f"{one.method} {one.path}" for one in orders.seen]
        assert asked == ["POST /orders", "GET /orders/7", "DELETE /orders/7"], "what the journey began is taken back"
    assert (told.code, told.data["measured"]) == (3, "could-not-tell"), told
    assert told.found.startswith(("cancelled (SIGINT); nothing was confirmed", "cancelled (SIGTERM); nothing was"))
    record: dict[str, Any] = json.loads(shop.record.read_text())
    assert (record["verdict"], record["release"]) == ("could-not-tell", NEW)
    whats = [one["what"] for one in record["timeline"]]
    assert (whats[0], whats[-1], whats.count("ended")) == ("began", "ended", 1)
    assert (shop.folder / "summary.md").read_text().count("## ❔ watch: could-not-tell") == 1
    # Nobody confirmed, and nobody will: the guard keeps the time.
    assert shop.phase() == CONFIRM
    let_pass(shop.servers.hosts[0], 600)
    wait_for(shop.servers.hosts[0], OLD)
    shop.servers.hosts[0].live(OLD, "blue")
