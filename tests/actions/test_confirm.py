"""The confirm by itself; without it the server goes back."""

from __future__ import annotations

from fleet import NEW, OLD, Fleet, let_pass, wait_for


def test_nobody_confirms_so_the_server_goes_back(servers: Fleet) -> None:
    servers.hosts[0].good("prepare", NEW)
    assert servers.do("switch", release=NEW, confirm_within="4m").code == 0
    let_pass(servers.hosts[0], 240)
    wait_for(servers.hosts[0], OLD)
    servers.live((OLD, "blue"))


def test_a_release_that_is_not_live_is_not_confirmed(servers: Fleet) -> None:
    told = servers.do("confirm", release=NEW)
    assert (told.code, told.data["status"]) == (1, "failed")
    assert told.found.startswith(f"confirm on {servers.doors[0].host}: {NEW[:12]} is not live; live is {OLD[:12]}")
    servers.live((OLD, "blue"))
