"""A person is given time to look; without an answer the server goes back."""

from __future__ import annotations

import pytest
from fleet import NEW, OLD, Fleet, wait_for

from deploy_gate.catalog import Catalog
from host.state import HOLD


def switched(servers: Fleet, count: int = 1) -> None:
    """NEW is live there, and nobody has confirmed it."""
    for host in servers.hosts[:count]:
        host.good("prepare", NEW)
    assert servers.do("switch", count, release=NEW).code == 0


def test_held_until_a_person_confirms(servers: Fleet) -> None:
    switched(servers, 2)
    told = servers.do("hold", 2, release="live", within="20m", reason="p95 is odd", unconfirmed="true")
    assert (told.code, told.data["status"]) == (0, "passed"), told
    assert told.found == f"{NEW[:12]} is held on 2 servers for 20 min; without a confirm they go back by themselves"
    for host in servers.hosts:
        watch = host.good("status")["watch"]
        assert (watch["phase"], watch["release"]) == (HOLD, NEW)
        assert watch["seconds_left"] > 600
        [entry] = [one for one in host.machine.journal.tail(5) if one.get("step") == "hold" and "data" in one]
        assert entry["data"] == {"release": NEW, "phase": "confirm", "seconds": 1200, "reason": "p95 is odd"}
        assert entry["by"] == "ada (run 7)"
    told = servers.do("confirm", 2, release="live")
    assert (told.code, told.found) == (0, f"{NEW[:12]} is confirmed on 2 servers")
    servers.live((NEW, "green"), (NEW, "green"))


def test_nobody_answers_so_it_goes_back(servers: Fleet) -> None:
    switched(servers)
    assert servers.do("hold", release=NEW, within="1s").code == 0
    wait_for(servers.hosts[0], OLD)
    servers.live((OLD, "blue"))
    assert servers.hosts[0].good("status")["left"][-1]["reason"] == "nobody answered the hold in time"


@pytest.mark.long
def test_what_is_confirmed_is_held_no_more(servers: Fleet) -> None:
    switched(servers)
    assert servers.do("confirm", release=NEW).code == 0
    told = servers.do("hold", release=NEW)
    assert (told.code, told.data["status"]) == (1, "failed")
    assert told.found.startswith(f"hold on {servers.doors[0].host}: {NEW[:12]} is confirmed already")
    told = servers.do("hold", release=NEW, unconfirmed="true")
    assert (told.code, told.found) == (0, f"{NEW[:12]} is not live, or confirmed: there is nothing to hold")
    servers.live((NEW, "green"))


@pytest.mark.parametrize("name", ["hold", "confirm"])
def test_what_names_no_release(name: str) -> None:
    login = {"host": ["deploy@erp.example"], "host_keys": "", "config": "/slots.json", "python": "python3"}
    faults = Catalog().get(name).faults({**login, "sudo": False, "release": "main"})
    assert faults == ["input 'release' is 'main', expected forty hexadecimal digits, or 'live'"]
