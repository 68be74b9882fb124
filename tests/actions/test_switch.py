"""The switch by itself, over real ssh, on two real hosts."""

from __future__ import annotations

from fleet import NEW, OLD, Fleet

from host.state import CONFIRM


def test_switch_and_confirm(servers: Fleet) -> None:
    for host in servers.hosts:
        host.good("prepare", NEW)
    told = servers.do("switch", 2, release=NEW)
    assert told.found == f"{NEW[:12]} is live on 2 servers; confirm it within 120 s, else they go back by themselves"
    assert {host.machine.load().watch.phase for host in servers.hosts} == {CONFIRM}  # type: ignore[union-attr]
    told = servers.do("confirm", 2, release=NEW)
    assert (told.code, told.found) == (0, f"{NEW[:12]} is confirmed on 2 servers")
    servers.live((NEW, "green"), (NEW, "green"))


def test_a_switch_is_for_all_or_none(servers: Fleet) -> None:
    for host in servers.hosts:
        host.good("prepare", NEW)
    servers.hosts[1].fault(NEW, ready=503)
    servers.hosts[1].configure(limits={"ready": 1})
    told = servers.do("switch", 2, release=NEW)
    assert (told.code, told.data["status"]) == (1, "failed"), told
    assert "green is not ready for traffic" in told.found
    servers.live((OLD, "blue"), (OLD, "blue"))
    told = servers.do("confirm", release=NEW)
    assert told.code == 1 if told.data["status"] == "failed" else 3
    assert "was rolled back by ada (run 7)" in told.found
