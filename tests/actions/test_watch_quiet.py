"""Quiet faults: what is no fault of the release takes nothing back, and what could not be seen is told and never passed."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from shutil import rmtree

import declared
import pytest
from bot_api import GROUP, telegram
from fleet import NEW, OLD, let_pass, wait_for
from namespaces import cut_off
from sites import Reply, Request, site
from traffic_lines import spread, write
from watch_shop import ONCE, Shop, began

from deploy_gate.workbench import packages
from deploy_gate.workbench.server import free_port, running
from host.state import CONFIRM, GUARD, HOLD

WELL = "1 lines and triggers are well; confirmed"
ERRORS = {"proves": "error-band", "since": "10m"}


@dataclass(frozen=True)
class Quiet:
    """One fault: how it is made, and all that is to come of it."""

    make: Callable[[Shop, ExitStack], None]
    found: str
    """A pattern that the whole of what is found fits."""
    states: dict[str, str]
    code: int = 3
    word: str = "could-not-tell"
    phase: str = HOLD
    release: str = NEW
    told: tuple[str, ...] = ()
    """What the team reads; empty: the team hears of nothing."""
    more: dict[str, str] = field(default_factory=dict)


def nobody() -> str:
    return f"http://127.0.0.1:{free_port()}"


def no_traffic(shop: Shop, _: ExitStack) -> None:
    shop.on_host("t", "immediate", "traffic", **ERRORS)


def broken_probe(shop: Shop, _: ExitStack) -> None:
    """The trigger's own address is a wrong one; the site is well."""
    shop.trigger("t", "immediate", "http-endpoint", **{"with": {"url": nobody()}, "watch": ONCE})


def mistaken_probe(shop: Shop, _: ExitStack) -> None:
    """It expects what the site never answered, and its witness is well."""
    given = {"url": f"{shop.front}/health", "status": "418"}
    shop.trigger("t", "immediate", "http-endpoint", **{"with": given, "watch": ONCE, "witness": "health"})


def no_prometheus(shop: Shop, _: ExitStack) -> None:
    shop.on_host("t", "immediate", "traffic", **ERRORS, prometheus=nobody(), selector='slot="green"')


def third_party_gone(shop: Shop, _: ExitStack) -> None:
    shop.item("third", nobody(), severity="warn", watch={"every": "1s", "error-limit": 1})


def third_party_ill(shop: Shop, stack: ExitStack) -> None:
    third = stack.enter_context(site(lambda _: Reply(503)))
    shop.item("third", third.url, severity="warn", watch=ONCE)


def rotated(shop: Shop, stack: ExitStack, errors: int = 0, number: int = 900) -> None:
    """The log is rotated when the watch is under way: its own first look at another line does it."""
    host = shop.servers.hosts[0]
    log, older = host.work / "access.log", host.work / "access.log.1"
    write(host, "green", spread(number), errors=errors)
    shop.on_host("t", "immediate", "traffic", **ERRORS)

    def answer(_: Request) -> Reply:
        if not older.exists():
            log.rename(older)
            write(host, "green", spread(number), errors=errors)
        return Reply()

    stack.callback(older.unlink, missing_ok=True)
    shop.item("other", stack.enter_context(site(answer)).url)


def rotated_and_failing(shop: Shop, stack: ExitStack) -> None:
    """Neither of the two files alone has enough for a judgement."""
    rotated(shop, stack, errors=30, number=150)


def off(shop: Shop, stack: ExitStack, seconds: int, errors: int = 0) -> None:
    """The server's clock was always so far from the runner's: all that it wrote has its own time."""
    host = shop.servers.hosts[0]
    host.good("rollback", "--from", NEW, "--reason", "the clock of this test")
    host.env["SLOTS_TEST_CLOCK"] = str(seconds)
    stack.callback(host.env.pop, "SLOTS_TEST_CLOCK")
    host.good("prepare", NEW)
    host.good("switch", NEW, "--confirm-within", "600")
    write(host, "green", spread(1000), errors=errors, ago=-seconds)
    clock_of_the_server(shop, stack, seconds)
    shop.on_host("t", "immediate", "traffic", **ERRORS)


def moved(shop: Shop, stack: ExitStack) -> None:
    """Somebody sets the clock after the switch: the log's lines and the switch are of two times."""
    write(shop.servers.hosts[0], "green", spread(1000))
    clock_of_the_server(shop, stack, 3600)
    shop.on_host("t", "immediate", "traffic", **ERRORS)


def clock_of_the_server(shop: Shop, stack: ExitStack, seconds: int) -> None:
    """To whatever Python runs there it is so much later."""
    folder = shop.servers.hosts[0].work / "programs"
    folder.mkdir()
    stack.callback(rmtree, folder)
    off = f"import sys, time, runpy; now = time.time; time.time = lambda: now() + {seconds}"
    run = "del sys.argv[0]; sys.path.insert(0, sys.argv[0]); runpy.run_path(sys.argv[0], run_name='__main__')"
    lines = ['[ "$2" = - ] && exec /usr/bin/python3 "$@"', "shift", f'exec /usr/bin/python3 -I -c "{off}; {run}" "$@"']
    path = folder / "python3"
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)


QUIET: dict[str, Quiet] = {
    "no traffic at all": Quiet(
        no_traffic,
        r"t: no data: inconclusive: too little traffic: 0 requests in \S+ \S+.*, at least 200 are needed; held for a person",
        {"t": "no data", "health": "fine", "the servers": "fine"},
        told=("too little traffic: 0 requests", "held for a person"),
    ),
    "a broken probe": Quiet(
        broken_probe,
        r"t: no data: .*127\.0\.0\.1:\d+.*; held for a person",
        {"t": "no data", "health": "fine", "the servers": "fine"},
        told=("held for a person",),
    ),
    "a mistaken probe": Quiet(
        mistaken_probe,
        r"t: inconclusive: only one side sees it: .*418.*; health is fine: .*; held for a person",
        {"t": "inconclusive", "health": "fine", "the servers": "fine"},
        told=("only one side sees it", "held for a person"),
    ),
    "Prometheus is down": Quiet(
        no_prometheus,
        r"t: no data: .*127\.0\.0\.1:\d+.*; held for a person",
        {"t": "no data", "health": "fine", "the servers": "fine"},
        told=("held for a person",),
    ),
    "a third party is gone": Quiet(
        third_party_gone,
        rf"{NEW[:12]} was watched for .*: {WELL}",
        {"third": "no data", "health": "fine", "the servers": "fine"},
        *(0, "go", GUARD),
        told=("third is no data: ",),
    ),
    "a third party is ill": Quiet(
        third_party_ill,
        rf"{NEW[:12]} was watched for .*: {WELL}",
        {"third": "failing", "health": "fine", "the servers": "fine"},
        *(0, "go", GUARD),
        told=("third is failing: ",),
    ),
    "the log is rotated": Quiet(
        rotated,
        rf"{NEW[:12]} was watched for .*: 3 lines and triggers are well; confirmed",
        {"t": "fine", "other": "fine", "health": "fine", "the servers": "fine"},
        *(0, "go", GUARD),
        more={"window": "3s"},
    ),
    "the log is rotated and it fails": Quiet(
        rotated_and_failing,
        r"t: roll back: band immediate: 60 of 300 requests failed.*; fell back: .*",
        {"t": "failing"},
        *(4, "no-go", "", OLD),
        told=("rolled back", "60 of 300 requests failed"),
        more={"window": "5m"},
    ),
    "the server's clock is an hour ahead": Quiet(
        partial(off, seconds=3600),
        rf"{NEW[:12]} was watched for .*: 2 lines and triggers are well; confirmed",
        {"t": "fine", "health": "fine", "the servers": "fine"},
        *(0, "go", GUARD),
    ),
    "the server's clock is a day behind, and it fails": Quiet(
        partial(off, seconds=-86400, errors=80),
        r"t: roll back: band immediate: 80 of 1000 requests failed.*; fell back: .*",
        {"t": "failing"},
        *(4, "no-go", "", OLD),
        told=("rolled back", "80 of 1000 requests failed"),
        more={"window": "5m"},
    ),
    "the server's clock was moved since the switch": Quiet(
        moved,
        r"t: no data: the server's clock was moved by 1 h since the switch; held for a person",
        {"t": "no data", "health": "fine", "the servers": "fine"},
        told=("the server's clock was moved by 1 h", "held for a person"),
    ),
}


OUTCOMES = {"could-not-tell": "held for a person", "go": "confirmed", "no-go": "rolled back"}


def test_every_declared_fault_comes_to_what_is_declared() -> None:
    comes = {fault: OUTCOMES[case.word] for fault, case in QUIET.items()}
    for fault, case in QUIET.items():
        comes[fault] += ", and told" if case.word == "go" and case.told else ""
    assert declared.outcomes("quiet") == comes


def run(shop: Shop, case: Quiet) -> None:
    """Watch, and compare with all that is to come of it."""
    with ExitStack() as stack:
        case.make(shop, stack)
        bot = stack.enter_context(telegram())
        told = shop.watch(**{"confirm": "true", "chat": GROUP, "api": bot.url, **case.more})
        texts = [str(body["text"]) for _, body in bot.asked]
    assert (told.code, told.data["measured"]) == (case.code, case.word), told
    assert re.fullmatch(case.found, told.found), told.found
    seen = shop.seen()
    assert {name: seen[name] for name in case.states} == case.states
    status = shop.servers.hosts[0].good("status")
    assert (status["release"], (status["watch"] or {}).get("phase", "")) == (case.release, case.phase)
    assert [one for one in case.told if not any(one in text for text in texts)] == [], texts
    assert bool(texts) == bool(case.told), texts


@pytest.mark.long
@pytest.mark.parametrize("fault", list(QUIET))
def test_a_quiet_fault(shop: Shop, fault: str) -> None:
    run(shop, QUIET[fault])


# --- one side is cut off, by a network of its own in which nothing is but what is let in


@pytest.mark.long
def test_the_runner_is_cut_off_from_the_site_and_the_server_is_not(shop: Shop) -> None:
    """It reaches the server by SSH and the messenger, and not the front door: its own way there is broken."""
    door = shop.servers.doors[0]
    shop.on_host("t-health", "immediate", "slot-health", slots="live")
    shop.triggers["t-health"]["witness"] = "health"
    both = {"url": f"{shop.front}/health", "vantage": "both", "host": door.host}
    shop.trigger("t-public", "immediate", "http-endpoint", **{"with": both, "watch": ONCE})
    with cut_off() as inside, telegram() as bot:
        for port in (door.port, bot.server_address[1]):
            inside.let_out(port)
        shop.servers.within = inside.within
        try:
            told = shop.watch(confirm="true", chat=GROUP, api=bot.url)
        finally:
            shop.servers.within = ()
        texts = bot.texts()
    assert (told.code, told.data["measured"]) == (3, "could-not-tell"), told
    seen = shop.seen()
    expected = {"t-health": "fine", "t-public": "no data", "health": "no data", "the servers": "fine"}
    assert seen == expected, told
    public = next(one for one in shop.lines() if one["id"] == "t-public")
    assert public["found"].startswith("only the runner sees it: "), public
    assert ("held for a person" in texts[-1], shop.phase()) == (True, HOLD), texts
    shop.servers.hosts[0].live(NEW, "green")


@pytest.mark.long
def test_the_runner_is_cut_off_from_everything_and_the_server_goes_back_by_itself(shop: Shop) -> None:
    """It can neither see nor hold nor take back, and says so; nobody confirms."""
    host = shop.servers.hosts[0]
    shop.on_host("t-health", "immediate", "slot-health", slots="live")
    with cut_off() as inside:
        shop.servers.within = inside.within
        try:
            with ExitStack() as way:
                replace(inside, stack=way).let_out(shop.servers.doors[0].port)
                child = shop.popen(window="5s", confirm="true")
                began(child)
        finally:
            shop.servers.within = ()
        told = shop.servers.read(child, 240)
    assert (told.code, told.data["measured"]) == (3, "could-not-tell"), told
    assert "; not held: " in told.found, told.found
    assert told.data["fix"].startswith("decide now: `do rollback` leaves it"), told
    assert (shop.phase(), host.good("status")["release"]) == (CONFIRM, NEW)
    let_pass(host, 600)
    wait_for(host, OLD)
    host.live(OLD, "blue")


@pytest.mark.long
def test_the_server_is_cut_off_from_its_own_slots_and_the_runner_is_not(shop: Shop) -> None:
    """Who logs in there sees neither slot nor front door; users, and the runner, do."""
    door = shop.servers.doors[0]
    config = door.home / "sshd_config"
    port = free_port()
    with cut_off() as inside, telegram() as bot:
        words = [*inside.within, str(packages.ensure("sshd")), "-D", "-e", "-f", str(config)]
        inside.stack.enter_context(running(words, r"Server listening on 127\.0\.0\.1"))
        inside.let_in(port, door.port)
        there = replace(door, port=port)
        shop.servers.doors[0], shop.there["host"] = there, there.host
        try:
            shop.on_host("t-health", "immediate", "slot-health", slots="live")
            shop.triggers["t-health"]["witness"] = "health"
            told = shop.watch(confirm="true", chat=GROUP, api=bot.url)
        finally:
            shop.servers.doors[0] = door
        texts = bot.texts()
    assert (told.code, told.data["measured"]) == (3, "could-not-tell"), told
    assert shop.seen() == {"t-health": "inconclusive", "health": "fine", "the servers": "fine"}, told
    assert told.found.startswith("t-health: inconclusive: only one side sees it: "), told.found
    assert ("held for a person" in texts[-1], shop.phase()) == (True, HOLD), texts
    shop.servers.hosts[0].live(NEW, "green")
