"""A rehearsal over real ssh: timed, counted, recorded where it happened."""

from __future__ import annotations

from fleet import NEW, OLD, Fleet


def test_a_rehearsal_is_recorded_on_the_server(servers: Fleet) -> None:
    told = servers.do("rehearse", release=NEW)
    assert (told.code, told.data["status"]) == (0, "passed"), told
    assert told.data["target"] == 120
    assert told.data["evidence"][0]["failed"] == 0
    assert told.data["evidence"][0]["sent"] > 10
    entries = servers.hosts[0].machine.journal.tail(10)
    assert [one["data"]["passed"] for one in entries if one.get("step") == "rehearsal" and "data" in one] == [True]
    servers.live((OLD, "blue"))
    told = servers.do("rehearse", release=OLD)
    assert (told.code, told.found) == (1, f"{OLD[:12]} is live here already, so there is nothing to switch to")
