"""Rollbacks over real ssh, on two real hosts."""

from __future__ import annotations

import re

import pytest
from fleet import NEW, OLD, Fleet

from deploy_gate.result import Status
from deploy_gate.rollout.back import Back, judge
from deploy_gate.ssh.hostprogram import Answer

WITHIN = ("--confirm-within", "60")


def put_in(servers: Fleet, count: int = 1, *, confirm: bool = True) -> None:
    """NEW, live on the first `count`, by the host program itself."""
    for host in servers.hosts[:count]:
        host.good("prepare", NEW)
        host.good("switch", NEW, *WITHIN)
        if confirm:
            host.good("confirm", NEW)


def test_all_servers_go_back_at_once(servers: Fleet) -> None:
    put_in(servers, 2)
    told = servers.do("rollback", 2, from_release=NEW, reason="orders fail")
    assert (told.code, told.data["status"]) == (0, "passed"), told
    assert told.found.startswith(f"left {NEW[:12]}: {servers.doors[0].host} is on blue ({OLD[:12]}); ")
    assert re.search(r"; detect 0.0 s, decide [\d.]+ s, restore [\d.]+ s, in all [\d.]+ s of 120 s$", told.found)
    assert told.data["measured"] < 120
    servers.live((OLD, "blue"), (OLD, "blue"))
    left = servers.hosts[1].good("status")["left"][-1]
    assert (left["by"], left["reason"]) == ("ada (run 7)", "orders fail")
    again = servers.do("rollback", 2, from_release=NEW)
    assert again.code == 0
    assert again.found.startswith(f"{NEW[:12]} is not live any more, nothing was to be done: ")
    assert "was already rolled back by ada (run 7) at " in again.lines[0]


def test_what_it_would_do_is_shown_and_not_done(servers: Fleet) -> None:
    put_in(servers)
    told = servers.do("rollback", dry_run="true")
    assert told.code == 0
    where = servers.doors[0].host
    expected = f"would go back: {where} serves {NEW[:12]} from green, before it {OLD[:12]} (warm, about 0.1 s, schema: "
    assert told.found == expected + "switch-only)"
    told = servers.do("rollback", to_release="d" * 40)
    assert told.code == 1
    assert told.found == f"on {where} the way back leads to {OLD[:12]}, not to dddddddddddd"
    servers.live((NEW, "green"))
    told = servers.do("rollback", to_release=OLD)
    assert told.code == 0, "empty `from-release`: the one that is live"
    servers.live((OLD, "blue"))
    told = servers.do("rollback", dry_run="true")
    assert (told.code, told.data["fix"]) == (1, "there was no release before; deploy one that is good")


def test_what_somebody_found_good_stays_when_only_the_unconfirmed_is_meant(servers: Fleet) -> None:
    put_in(servers)
    put_in(Fleet(servers.hosts[1:], servers.doors[1:]), confirm=False)
    told = servers.do("rollback", from_release=NEW, unconfirmed="true")
    assert (told.code, told.found) == (0, f"{NEW[:12]} is not live, or confirmed: nothing was changed")
    told = servers.do("rollback", 2, from_release=NEW, unconfirmed="true", reason="the run died")
    assert told.code == 0, told
    assert told.found.startswith(f"left {NEW[:12]}: {servers.doors[1].host} is on blue ")
    servers.live((NEW, "green"), (OLD, "blue"))


def test_the_schema_may_forbid_it(servers: Fleet) -> None:
    put_in(servers)
    machine = servers.hosts[0].machine
    state = machine.load()
    state.back = {"verdict": "forward-only", "why": "r2 removes a column", "release": NEW}
    machine.save(state)
    told = servers.do("rollback", dry_run="true")
    assert told.code == 1
    assert "no way back by a switch" in told.found
    assert "schema: forward-only" in told.found
    told = servers.do("rollback", from_release=NEW)
    assert told.code == 1
    assert "does not know the live schema: r2 removes a column" in told.found
    assert servers.do("rollback", from_release=NEW, force="true").code == 0


def test_servers_that_differ_are_not_guessed_about(servers: Fleet) -> None:
    put_in(servers)
    told = servers.do("rollback", 2)
    assert told.code == 3
    assert told.found.startswith("the servers do not serve the same release: ")
    servers.live((NEW, "green"), (OLD, "blue"))


def test_a_server_that_cannot_go_back(servers: Fleet) -> None:
    put_in(servers)
    servers.hosts[0].fault(OLD, crash=True)
    servers.hosts[0].kill_app("blue")
    told = servers.do("rollback", from_release=NEW)
    assert (told.code, told.data["status"]) == (5, "failed"), told
    assert f"{OLD[:12]} does not come up in blue" in told.found


@pytest.mark.parametrize(
    ("seconds", "status"),
    [({"detect": 100, "decide": 1, "restore": 18}, Status.PASSED), ({"restore": 121}, Status.WARNED)],
)
def test_the_measure_has_a_limit(seconds: dict[str, float], status: Status) -> None:
    class Server:
        name = "erp"

    data = {"changed": True, "live": "blue", "release": OLD, "seconds": seconds}
    result = judge(Back([(Server(), Answer(0, data))]), NEW, 120)  # type: ignore[list-item]
    assert result.status is status
    assert result.target == 120
    assert result.measured == sum(seconds.values())
