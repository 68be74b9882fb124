"""A journey that is ended early, by a cancelled run or its own time limit, still cleans up; and is still bounded."""

from __future__ import annotations

import os
import signal
import threading
from functools import partial
from pathlib import Path

from sites import Reply, Request, site

from deploy_gate.catalog import Catalog
from deploy_gate.engine.executor import Job, Outcome, run_all
from deploy_gate.result import Status

JOURNEY = """
version: 1
journey: order
steps:
  - {name: place, request: POST /orders, expect: {status: 201}, capture: {order: id}}
  - {name: wait, request: GET /slow}
cleanup:
  - {name: cancel, request: "DELETE /orders/${order}", expect: {status: 204}}
"""


class Shop:
    """It answers everything but `/slow`, and `reached` is called when that is asked."""

    def __init__(self, reached: object = None, *, hangs: bool = False) -> None:
        self.reached, self.hangs = reached, hangs
        self.over = threading.Event()

    def answer(self, request: Request) -> Reply:
        if request.method == "POST":
            return Reply(201, {"id": 7})
        if request.method == "DELETE" and not self.hangs:
            return Reply(204)
        if callable(self.reached) and request.path == "/slow":
            self.reached()
        self.over.wait(60)
        return Reply()


def walked(url: str, folder: Path, seconds: float, grace: float) -> Outcome:
    (folder / "order.yml").write_text(JOURNEY)
    capability = Catalog().get("journey")
    assert capability.about.grace > 0
    given = {"secrets": [], "read": "", "write": "", "search": "", "health": ""}
    call = partial(capability.function, file=folder / "order.yml", url=url, **given)
    return run_all([Job("order", call, seconds, dict(os.environ), grace=grace)], 1, lambda *_: None)


def test_a_cancelled_run_cleans_up(tmp_path: Path, no_runner: None) -> None:
    shop = Shop(partial(os.kill, os.getpid(), signal.SIGINT))
    with site(shop.answer) as there:
        outcome = walked(there.url, tmp_path, 60, 30)
        shop.over.set()
    assert [f"{one.method} {one.path}" for one in there.seen] == ["POST /orders", "GET /slow", "DELETE /orders/7"]
    assert outcome.cancelled == "SIGINT"
    assert outcome.results["order"].status is Status.ERROR


def test_one_that_takes_too_long_cleans_up(tmp_path: Path, no_runner: None) -> None:
    shop = Shop()
    with site(shop.answer) as there:
        outcome = walked(there.url, tmp_path, 2, 30)
        shop.over.set()
    assert there.seen[-1].method == "DELETE"
    assert "did not end within 2 s" in outcome.results["order"].found


def test_a_clean_up_that_hangs_is_ended(tmp_path: Path, no_runner: None) -> None:
    shop = Shop(hangs=True)
    with site(shop.answer) as there:
        outcome = walked(there.url, tmp_path, 2, 1)
        shop.over.set()
    assert [one.method for one in there.seen] == ["POST", "GET", "DELETE"]
    assert outcome.results["order"].status is Status.ERROR


def test_without_a_grace_it_would_be_left_behind(tmp_path: Path, no_runner: None) -> None:
    """The fault itself: killed at once, nothing is cleaned up."""
    shop = Shop()
    with site(shop.answer) as there:
        walked(there.url, tmp_path, 2, 0)
        shop.over.set()
    assert "DELETE" not in [one.method for one in there.seen]
