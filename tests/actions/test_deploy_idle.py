"""The phase idle-slot of a checklist, before the switch: the new release alone is asked, through SSH, on its own port."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from fleet import NEW, OLD, Fleet, Told, wait_until
from processes import children

from deploy_gate.checklist import variables
from deploy_gate.facts import findings, http
from deploy_gate.ledger import statement
from deploy_gate.ledger.chain import Head
from deploy_gate.ledger.entry import Outcome
from deploy_gate.ledger.leavings import gather
from deploy_gate.pages.sheet import of_json
from deploy_gate.result import CouldNotTell
from deploy_gate.ssh.client import connection
from deploy_gate.ssh.forward import forwarded
from deploy_gate.workbench.sshd import sshd

WALK = """
version: 1
journey: order
steps:
  - name: place it
    request: GET /orders
    headers: {Authorization: "Bearer ${env.JOURNEY_TOKEN}"}
"""
SECRET = "four-words-" + "and-9"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A checklist whose line for the idle slot walks a journey at `${url}`; its front door is nobody's."""
    (tmp_path / "order.yml").write_text(WALK)
    order = {
        "section": "q",
        "title": "Orders",
        "check": "journey",
        "phases": ["idle-slot", "verify"],
        "with": {"file": str(tmp_path / "order.yml"), "url": "${url}", "secrets": "JOURNEY_TOKEN"},
    }
    whole = {
        "version": 1,
        "sections": {"q": {"part": "P", "title": "T"}},
        "environments": {"production": {"url": "http://127.0.0.1:9"}},
        "items": {"order": order},
    }
    (tmp_path / "checklist.yml").write_text(json.dumps(whole))
    return tmp_path


def look(shop: Path) -> dict[str, str]:
    return {
        "environment": "production",
        "checklist": str(shop / "checklist.yml"),
        "report": str(shop / "report"),
    }


def deploy(servers: Fleet, given: dict[str, str], count: int = 1, **more: str) -> Told:
    child = servers.popen(
        "deploy",
        servers.inputs(count, release=NEW, watch="500ms", confirm_within="4m", **given),
        DEPLOY_GATE_SECRETS=f"JOURNEY_TOKEN={SECRET}",
        **more,
    )
    told = servers.read(child)
    assert SECRET not in f"{told}"
    return told


def front(servers: Fleet) -> str:
    return (servers.hosts[0].work / "access.log").read_text()


def kept(shop: Path) -> dict[str, Path]:
    """The reports, by the server that each says it is about."""
    found = sorted((shop / "report").glob("*/report.json"))
    return {json.loads(one.read_text())["server"]: one for one in found}


def test_a_journey_that_is_red_on_the_idle_slot_alone_keeps_it_out(servers: Fleet, shop: Path) -> None:
    servers.hosts[1].fault(NEW, status=500)
    before = front(servers).count("/orders")
    summary = shop / "summary.md"
    told = deploy(servers, look(shop), 2, GITHUB_STEP_SUMMARY=str(summary))
    assert (told.code, told.data["measured"]) == (1, "not switched"), told
    first, second = (one.host for one in servers.doors)
    start = f"idle-slot on {second}: the idle slot (green) fails the phase idle-slot of the checklist: "
    assert told.found.startswith(f"{start}no-go, order: "), told.found
    assert "500" in told.found
    servers.live((OLD, "blue"), (OLD, "blue"))
    assert front(servers).count("/orders") == before, "the live slot was asked"

    reports = kept(shop)
    assert {server: path.parent.name for server, path in reports.items()} == {
        first: first.replace(":", "+"),
        second: second.replace(":", "+"),
    }
    told_by = [json.loads(reports[one].read_text()) for one in (first, second)]
    assert [(one["phase"], one["verdict"], one["decided_by"]) for one in told_by] == [
        ("idle-slot", "go", None),
        ("idle-slot", "no-go", "order"),
    ]
    heads = [line for line in summary.read_text().splitlines() if line.startswith("## ")]
    names = [one.replace("@", "&#64;") for one in (first, second)]
    assert heads == [
        f"## ✅ Go · idle-slot · production · {names[0]}",
        f"## ❌ No-go · idle-slot · production · {names[1]}",
    ]
    # Both stand in the ledger, under their server's name.
    found = gather(list(reports.values()), None, None)
    assert [one["server"] for one in found.document["reports"]] == [first, second]
    assert [of_json(one, {}).headline.rpartition(" · ")[2] for one in found.document["reports"]] == [first, second]
    labels = [f"idle-slot on {one}" for one in (first, second)]
    assert [label for label, _ in findings.read(str(reports[one]) for one in (first, second)).verdicts] == labels
    fields = {"release": NEW, "environment": "production", "evidence": "e", "outcome": "not-switched"}
    signed = statement.of(fields, Head(), found.document)["predicate"]
    assert (signed["passedTests"], signed["failedTests"]) == ([f"{labels[0]}: order"], [f"{labels[1]}: order"])
    by, why = found.decided(Outcome.NOT_SWITCHED)
    assert (by, why.partition(": ")[0]) == ("order", second)


@pytest.mark.long
def test_the_report_of_a_server_that_was_not_come_to_is_not_an_older_ones(servers: Fleet, shop: Path) -> None:
    old = shop / "report" / servers.doors[1].host.replace(":", "+") / "report.json"
    old.parent.mkdir(parents=True)
    old.write_text('{"server": "an older one"}')
    servers.hosts[0].fault(NEW, status=500)
    told = deploy(servers, look(shop), 2)
    assert told.found.startswith(f"idle-slot on {servers.doors[0].host}: "), told
    assert list(kept(shop)) == [servers.doors[0].host]


@pytest.mark.long
def test_what_is_wrong_with_the_live_slot_keeps_nothing_out(servers: Fleet, shop: Path) -> None:
    servers.hosts[0].fault(OLD, status=500)
    told = deploy(servers, look(shop))
    assert (told.code, told.data["measured"]) == (0, "deployed"), told
    servers.live((NEW, "green"))


def test_a_checklist_that_is_wrong_is_told_before_anything_is_touched(servers: Fleet, shop: Path) -> None:
    (shop / "checklist.yml").write_text((shop / "checklist.yml").read_text().replace('"journey"', '"jurney"'))
    told = deploy(servers, look(shop))
    assert told.code == 3, told
    assert "unknown check 'jurney'" in told.found
    assert servers.hosts[0].machine.load().slots["green"].release != NEW


@pytest.mark.long
def test_nothing_to_look_at_is_no_fault(servers: Fleet, shop: Path) -> None:
    (shop / "checklist.yml").write_text((shop / "checklist.yml").read_text().replace('"idle-slot", ', ""))
    told = deploy(servers, look(shop))
    assert told.code == 0, told
    assert "the checklist has no line for the idle slot" in told.log
    assert not (shop / "report").exists()


def test_a_server_that_forwards_nothing_is_not_taken_for_a_bad_release(servers: Fleet, tmp_path: Path) -> None:
    port = servers.hosts[0].ports["blue"]
    with sshd(tmp_path / "closed", AllowTcpForwarding="no") as door:
        os.environ["CLOSED_DOOR"] = door.key
        try:
            with (
                connection(door.host, door.pins, variable="CLOSED_DOOR") as link,
                pytest.raises(CouldNotTell) as fault,
                forwarded(link, port),
            ):
                pass
        finally:
            del os.environ["CLOSED_DOOR"]
    assert fault.value.found == f"port {port} of {door.host} does not answer through SSH"
    assert "AllowTcpForwarding" in fault.value.fix


def test_the_way_is_closed_afterwards(servers: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_PRIVATE_KEY", servers.key)
    with connection(servers.doors[0].host, servers.doors[0].pins) as link:
        with forwarded(link, servers.hosts[0].ports["blue"]) as here:
            address = http.parse(f"http://127.0.0.1:{here}/health")
            assert http.get(address, timeout=20).status == 200
        with pytest.raises(http.NoAnswer):
            http.get(address, timeout=20)


@pytest.mark.parametrize(
    ("own", "led", "url"),
    [
        ({"url": "https://shop.example"}, "", None),
        ({"url": "https://shop.example"}, "http://127.0.0.1:7", "http://127.0.0.1:7"),
        ({"url": "https://shop.example", "slot_url": "http://preview"}, "", "http://preview"),
        ({"slot_url": "http://preview"}, "http://127.0.0.1:7", "http://127.0.0.1:7"),
    ],
)
def test_before_the_switch_the_address_is_never_the_front_door(own: dict[str, str], led: str, url: str | None) -> None:
    assert variables.of_idle_slot(own, led).get("url") == url


@pytest.mark.long
def test_cancelled_while_it_is_looked_at(servers: Fleet, shop: Path) -> None:
    (shop / "order.yml").write_text(WALK.replace("/orders", "/slow=200"))
    given = servers.inputs(1, release=NEW, watch="500ms", confirm_within="4m", **look(shop))
    child = servers.popen("deploy", given, DEPLOY_GATE_SECRETS=f"JOURNEY_TOKEN={SECRET}")
    looking: list[int] = []

    def is_looking() -> bool:
        # The gate is the one of its children that has one of its own: the journey.
        looking[:] = [pid for pid, name in children(child.pid) if name.startswith("python") and children(pid)]
        return bool(looking)

    wait_until(is_looking)
    child.send_signal(signal.SIGINT)
    told = servers.read(child)
    assert (told.code, told.found) == (1, "cancelled; nothing was switched, production is served by the release before")
    assert not Path(f"/proc/{looking[0]}").exists()
    servers.live((OLD, "blue"))
