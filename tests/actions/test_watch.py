"""The watch on real servers: each kind of trigger does its own thing, and what is no fault of the release does nothing."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from bot_api import GROUP, TOKEN, telegram
from fleet import NEW, OLD
from traffic_lines import spread, write
from watch_shop import Shop

from deploy_gate.catalog import Catalog
from deploy_gate.workbench.server import free_port
from host import sampler
from host.state import CONFIRM, GUARD, HOLD


def test_all_is_well_and_confirmed(shop: Shop) -> None:
    shop.item("third", f"http://127.0.0.1:{free_port()}/", severity="warn")
    told = shop.watch(confirm="true")
    assert (told.code, told.data["status"], told.data["measured"]) == (0, "passed", "go"), told.found
    assert told.found.startswith(f"{NEW[:12]} was watched for ")
    assert told.found.endswith("1 lines and triggers are well; confirmed")
    # What is not the release's own is told, and decides nothing.
    assert shop.seen() == {"health": "fine", "third": "no data", "the servers": "fine"}
    assert shop.phase() == GUARD
    assert shop.record.with_suffix(".svg").read_text().startswith("<svg ")


def test_what_is_critical_is_rolled_back_and_told(shop: Shop) -> None:
    host = shop.servers.hosts[0]
    shop.item("order", f"{shop.front}/orders")
    shop.trigger("t-critical", "immediate", "journey", of=["order"])
    host.fault(NEW, status=500)
    with telegram() as bot:
        child = shop.popen(chat=GROUP, api=bot.url, window="1m")
        told = shop.servers.read(child, 240)
        texts = bot.texts()
    assert (told.code, told.data["measured"]) == (4, "no-go"), told
    assert "t-critical: roll back: order: " in told.found
    assert f"is on blue ({OLD[:12]})" in told.found
    assert [one for one in ("detect", "decide", "restore") if f"{one} " not in told.found] == []
    host.live(OLD, "blue")
    [text] = texts
    assert f"Deployment of {NEW}" in text
    assert "rolled back" in text
    assert TOKEN not in told.log
    record = json.loads(shop.record.read_text())
    assert (record["verdict"], record["decided_by"]) == ("no-go", "t-critical")
    assert [one["what"] for one in record["timeline"] if one["id"] == "t-critical"] == [
        "seen",
        "decided",
        "done",
        "ended",
    ]
    summary = (shop.folder / "summary.md").read_text()
    assert summary.count("## ❌ watch: no-go") == 1
    assert "| decided | t\\-critical |" in summary or "| decided | t-critical |" in summary
    left = host.good("status")["left"][-1]
    assert left["reason"].startswith("watch: t-critical: order: ")


@pytest.mark.long
def test_what_is_to_be_considered_is_held(shop: Shop) -> None:
    shop.on_host("t-errors", "immediate", "traffic", proves="error-band")
    shop.on_host("c-errors", "consider", "traffic", proves="error-band")
    write(shop.servers.hosts[0], "green", spread(1000), errors=20)
    told = shop.watch(hold="20m")
    assert (told.code, told.data["status"], told.data["measured"]) == (3, "pending", "could-not-tell"), told
    assert told.found.startswith("c-errors: band consider: ")
    assert told.found.endswith("; held for a person")
    # Both go by the same look, and each by its own band.
    assert shop.seen() == {"t-errors": "fine", "c-errors": "failing", "health": "fine", "the servers": "fine"}
    status = shop.servers.hosts[0].good("status")
    assert (status["release"], status["watch"]["phase"]) == (NEW, HOLD)
    assert status["watch"]["seconds_left"] > 600


@pytest.mark.long
@pytest.mark.parametrize("fault", ["errors", "latency", "database", "rotated"])
def test_each_immediate_trigger_rolls_back(shop: Shop, fault: str) -> None:
    host = shop.servers.hosts[0]
    if fault == "errors":
        shop.on_host("t", "immediate", "traffic", proves="error-band")
        write(host, "green", spread(1000), errors=80)
    elif fault == "latency":
        shop.on_host("t", "immediate", "traffic", proves="latency-band")
        write(host, "green", spread(1000, middle=480))
    elif fault == "rotated":
        shop.on_host("t", "immediate", "traffic", proves="error-band")
        write(host, "green", spread(500), errors=80)
        (host.work / "access.log").rename(host.work / "access.log.1")
        write(host, "green", spread(20))
    else:
        log = host.work / "green.log"
        log.write_text("sqlalchemy.exc.OperationalError: gone\n" * 6)
        host.configure(commands={"logs": ["sh", "-c", 'cat "$2"', "x", "{since}", str(log)]})
        shop.on_host("t", "immediate", "server-logs", **{"look-for": "database", "max-errors": 4})
    told = shop.watch(window="1m")
    assert (told.code, told.data["measured"]) == (4, "no-go"), told
    assert told.found.startswith("t: roll back: ")
    host.live(OLD, "blue")


@pytest.mark.long
def test_one_of_two_servers_is_ill_and_both_go_back(shop: Shop) -> None:
    other = shop.servers.hosts[1]
    other.good("prepare", NEW)
    other.good("switch", NEW, "--confirm-within", "600")
    shop.item("order", f"{shop.front}/orders")
    shop.trigger("t-critical", "immediate", "journey", of=["order"])
    shop.servers.hosts[0].fault(NEW, status=500)
    told = shop.servers.read(shop.popen(count=2, window="1m"), 240)
    assert (told.code, told.data["measured"]) == (4, "no-go"), told
    for host in shop.servers.hosts:
        host.live(OLD, "blue")


@pytest.mark.long
def test_slower_but_not_much_is_held(shop: Shop) -> None:
    shop.on_host("t-latency", "immediate", "traffic", proves="latency-band")
    shop.on_host("c-latency", "consider", "traffic", proves="latency-band")
    write(shop.servers.hosts[0], "green", spread(1000, middle=160))
    told = shop.watch()
    assert (told.code, told.found.startswith("c-latency: band consider: ")) == (3, True), told
    assert shop.phase() == HOLD


@pytest.mark.long
def test_the_guard_was_quicker(shop: Shop) -> None:
    shop.on_host("t-health", "immediate", "slot-health", slots="live")
    shop.triggers["t-health"] |= {"witness": "health", "watch": {"every": "1s", "failure-limit": 500}}
    shop.servers.hosts[0].fault(NEW, ready=503)
    told = shop.watch(window="1m")
    assert (told.code, told.data["measured"]) == (4, "no-go"), told
    assert f"{NEW[:12]} was taken out by guard: front door: " in told.found
    shop.servers.hosts[0].live(OLD, "blue")


@pytest.mark.long
def test_a_checklist_without_anything_to_watch(shop: Shop) -> None:
    del shop.items["health"]
    told = shop.watch(window="1h")
    assert (told.code, told.data["measured"]) == (3, "could-not-tell"), told
    assert told.found == "nothing was looked at; held for a person"


@pytest.mark.long
def test_looking_back_waits_for_nobody(shop: Shop) -> None:
    host = shop.servers.hosts[0]
    # A deployment is under way: it is that one's to judge, and to hold.
    told = shop.watch(look_back="true", window="1h", phase="monitor")
    assert (told.code, told.data["status"], told.data["measured"]) == (0, "skipped", None), told
    assert " ago and is not confirmed: " in told.found
    assert shop.phase() == CONFIRM
    host.good("confirm", NEW)
    told = shop.watch(look_back="true", window="1ms", phase="monitor")
    assert (told.code, told.data["status"], told.data["measured"]) == (0, "skipped", None), told
    assert " ago, and is looked back at for 3 ms at most" in told.found
    told = shop.watch(look_back="true", window="1h", phase="monitor")
    assert (told.code, "samples of" in told.found) == (3, True), told
    for ago in range(600, 0, -5):
        sampler.keep(host.home, {"at": time.time() - ago, "release": NEW[:12], "front": {"status": 200}, "p95": 80})
    shop.on_host("t-errors", "immediate", "traffic", proves="error-band")
    write(shop.servers.hosts[0], "green", spread(1000))
    told = shop.watch(look_back="true", window="1h", phase="monitor")
    assert (told.code, told.data["measured"]) == (0, "go"), told
    points = json.loads(shop.record.read_text())["points"]
    assert 2 <= len(points) <= 60
    assert {(one["p95_ms"], one["health_share"]) for one in points if "p95_ms" in one} == {(80, 1)}
    write(shop.servers.hosts[0], "green", spread(1000), errors=200)
    told = shop.watch(look_back="true", window="1h", phase="monitor")
    assert (told.code, told.data["measured"]) == (4, "no-go"), told
    shop.servers.hosts[0].live(OLD, "blue")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"window": 0.0}, "input 'window' expects a time of at most 6h"),
        ({"jobs": 0}, "input 'jobs' is 0, expected 1 to 64"),
        ({"chat": "shop"}, "input 'chat' expects a number or an @name, 'thread' the number of a topic, or 0"),
        ({"release": "main"}, "input 'release' is 'main', expected forty hexadecimal digits, or 'live'"),
        ({"hold": 0.0}, "input 'hold' expects a time of at most 7d"),
    ],
)
def test_inputs_that_cannot_be_meant(wrong: dict[str, Any], told: str) -> None:
    login = {"host": ["deploy@erp.example"], "host_keys": "", "config": "/slots.json", "python": "python3"}
    given = {**login, "sudo": False, "window": 900.0, "hold": 60.0, "release": "", "chat": "", "thread": 0, "jobs": 6}
    assert Catalog().get("watch").faults({**given, "api": "https://api.telegram.org", **wrong}) == [told]
