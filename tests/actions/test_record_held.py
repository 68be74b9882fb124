"""A deployment that was held: who answered, or that nobody did, comes into the ledger, once, from a real server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fleet import NEW, OLD, Fleet, fleet, wait_for
from support import Repository

from deploy_gate.facts.answers import answered, read
from deploy_gate.ledger import branch as branches
from deploy_gate.ledger import reading
from deploy_gate.ledger.entry import Entry, Kind, Outcome
from deploy_gate.ledger.history import Failure, deployments
from deploy_gate.policy import live
from deploy_gate.result import CouldNotTell, Result, Status
from deploy_gate.ssh.hostprogram import Answer


@pytest.fixture(scope="module")
def one_server() -> Iterator[Fleet]:
    """A server of these tests."""
    with fleet(1) as found:
        yield found


class Shop:
    """A clone with a remote, and a server on which NEW is live, held for a person, and written down so."""

    def __init__(self, servers: Fleet, repository: Repository, ask: Callable[..., Result]) -> None:
        self.servers, self.host, self.repository, self.ask = servers, servers.hosts[0], repository, ask
        origin = repository.path.parent / "origin.git"
        subprocess.run(["git", "init", "-q", "--bare", str(origin)], check=True)
        repository.git("remote", "add", "origin", str(origin))
        repository.commit("feat: one")

    def hold(self, seconds: str) -> None:
        self.host.good("prepare", NEW)
        self.host.good("switch", NEW, "--confirm-within", "240")
        self.host.good("hold", NEW, "--within", seconds, "--reason", "latency up", "--by", "eve (run 6)")
        self.record(NEW, {"measured": "switched"}, verdict="could-not-tell")

    def record(self, release: str, told: dict[str, Any] | None, **more: str) -> None:
        """As a workflow's last job does, a minute after the deployment began."""
        started = datetime.now(UTC) - timedelta(minutes=1)
        head = {"phase": "pre-deploy", "verdict": "go", "decided_by": None, "started": started.isoformat()}
        self.repository.write("report.json", json.dumps({**head, "items": []}))
        if told is not None:
            self.repository.write("told.json", json.dumps({"status": "passed", "found": "done", **told}))
            more |= {"deploy": "told.json"}
        given = {"environment": "production", "release": release, "reports": "report.json", **more}
        result = self.ask("record", host=self.servers.doors[0].host, config="slots.json", **given)
        assert result.status is Status.PASSED, result

    def entries(self) -> list[Entry]:
        with branches.opened() as there:
            return reading.read(there.read().raw).entries

    def lines(self) -> list[tuple[str, str, str, str]]:
        """Of each line what it was, of which release, how it ended, and by whom."""
        return [(one.kind, one.release[:1], one.outcome, one.actor) for one in self.entries()]

    def failures(self) -> list[Failure | None]:
        return [one.failure for one in deployments(self.entries(), "production")]


@pytest.fixture
def shop(
    one_server: Fleet, repository: Repository, ask: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> Shop:
    """The server as it was."""
    one_server.reset()
    monkeypatch.setenv("SSH_PRIVATE_KEY", one_server.key)
    monkeypatch.setenv("SSH_KNOWN_HOSTS", one_server.doors[0].pins)
    return Shop(one_server, repository, ask)


@pytest.mark.long
def test_a_person_confirms_by_workflow(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.hold("600")
    assert shop.failures() == [Failure.UNKNOWN]
    told = shop.servers.do("confirm", release="live", reason="I looked")
    assert told.code == 0, told.log
    monkeypatch.setenv("GITHUB_TRIGGERING_ACTOR", "ada")
    monkeypatch.setenv("GITHUB_RUN_ID", "7")
    # The release that it was about is the confirm's own word, not what is checked out.
    shop.record("", told.data, kind="confirm", reason="I looked")
    held, confirm = shop.entries()
    assert (held.outcome, held.release) == (Outcome.DEPLOYED, NEW)
    assert held.interventions == [{"found": f"confirmed by ada at {confirm.ended}: I looked", "status": "passed"}]
    assert (confirm.kind, confirm.release, confirm.actor) == (Kind.CONFIRM, NEW, "ada")
    assert shop.failures() == [None]


@pytest.mark.long
def test_a_person_confirms_at_the_server_s_prompt(shop: Shop) -> None:
    shop.hold("600")
    shop.host.good("confirm", NEW, "--by", "grace", "--reason", "orders are fine")
    shop.record("d" * 40, {"measured": "not switched"})
    assert shop.lines() == [
        ("deploy", NEW[:1], "deployed", ""),
        ("confirm", NEW[:1], "deployed", "grace"),
        ("deploy", "d", "not-switched", ""),
    ]
    assert shop.entries()[0].interventions[0]["found"].endswith(": orders are fine")
    shop.record("d" * 40, {"measured": "not switched"})
    assert len(shop.lines()) == 4, "once is enough"


@pytest.mark.long
def test_nobody_answers_and_the_guard_goes_back(shop: Shop) -> None:
    shop.hold("0.5")
    wait_for(shop.host, OLD)
    late = shop.servers.do("confirm", release=NEW, reason="too late")
    assert late.code == 1, late.found
    shop.record("", late.data, kind="confirm", reason="too late")
    assert shop.lines() == [
        ("deploy", NEW[:1], "unknown", ""),
        ("rollback", OLD[:1], "rolled-back", "guard"),
        ("confirm", NEW[:1], "unknown", ""),
    ]
    back = shop.entries()[1]
    assert (back.from_release, back.reason) == (NEW, "nobody answered the hold in time")
    assert shop.failures() == [Failure.ROLLED_BACK]


@pytest.mark.long
def test_who_was_not_answered_yet_is_left_alone(shop: Shop) -> None:
    shop.hold("600")
    shop.record("d" * 40, {"measured": "not switched"})
    assert shop.failures() == [Failure.UNKNOWN]
    assert len(shop.lines()) == 2


@pytest.mark.long
def test_what_was_confirmed_and_taken_back_later_is_written_down(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard watches on for an hour, and anybody at a prompt may go back: no run sees either."""
    monkeypatch.setenv("GITHUB_RUN_ID", "7")
    shop.host.good("prepare", NEW)
    shop.host.good("switch", NEW, "--confirm-within", "240", "--by", "ada (run 6)")
    shop.host.good("confirm", NEW, "--by", "ada (run 6)")
    shop.record(NEW, {"measured": "deployed"})
    shop.record("d" * 40, {"measured": "not switched"})
    assert shop.lines() == [("deploy", NEW[:1], "deployed", ""), ("deploy", "d", "not-switched", "")]
    shop.host.good("rollback", "--from", NEW, "--reason", "orders fail", "--by", "grace")
    shop.record("d" * 40, {"measured": "not switched"})
    assert shop.lines()[2:] == [("rollback", OLD[:1], "rolled-back", "grace"), ("deploy", "d", "not-switched", "")]
    assert (shop.entries()[2].from_release, shop.entries()[2].reason) == (NEW, "orders fail")
    assert live.live(shop.entries(), "production") is None
    assert shop.failures()[0] is Failure.ROLLED_BACK
    shop.record("d" * 40, {"measured": "not switched"})
    assert len(shop.lines()) == 5, "once is enough"


HELD = Entry(
    "production", NEW, Kind.DEPLOY, Outcome.UNKNOWN, "2026-11-25T02:00:00Z", "2026-11-25T02:10:00Z", run_url=""
)


def step(number: int, name: str, minute: int = 5, end: str = "done", **data: Any) -> list[dict[str, Any]]:
    at = f"2026-11-25T02:{minute:02}:00.000+00:00"
    intent = {"seq": number, "at": at, "event": "intent", "step": name, "by": "ada", "data": data}
    return [intent, *([{"seq": number + 1, "at": at, "event": end, "of": number, "step": name}] if end else [])]


SWITCH = step(1, "switch", release=NEW)
CONFIRM = step(3, "confirm", release=NEW, phase="hold")
OTHER = step(7, "switch", 58, release=OLD)
RETURN = step(9, "rollback", 58, leaves=OLD, release=NEW)
BACK = step(5, "rollback", leaves=NEW, release=OLD, by="guard", reason="ill")


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([*SWITCH, *CONFIRM], "confirmed by ada"),
        ([*SWITCH, *BACK], "back by guard"),
        # The last word counts.
        ([*SWITCH, *CONFIRM, *BACK], "back by guard"),
        ([*SWITCH, *CONFIRM, *step(7, "switch", release=OLD), *step(9, "confirm", release=OLD)], "confirmed by ada"),
        (SWITCH, ""),
        ([], ""),
        # Words without the switch they are about, or about another release.
        ([*CONFIRM, *BACK], ""),
        ([*SWITCH, *step(3, "confirm", release=OLD), *step(5, "rollback", leaves=OLD, release=NEW)], ""),
        # The same release was live before: that is another deployment's affair.
        ([*step(1, "switch", 59, release=NEW), *CONFIRM], ""),
        ([*SWITCH, *BACK, *step(7, "switch", release=NEW)], ""),
        ([*SWITCH, *BACK, *step(7, "switch", release=NEW), *step(9, "confirm", release=NEW)], "confirmed by ada"),
        # Another release came, and it came back before it was taken out itself.
        ([*SWITCH, *CONFIRM, *OTHER, *BACK], "confirmed by ada"),
        ([*SWITCH, *CONFIRM, *OTHER, *RETURN, *BACK], "back by guard"),
        ([*SWITCH, *CONFIRM, *OTHER, *step(7, "switch", 59, release=NEW), *RETURN, *BACK], "confirmed by ada"),
        ([*RETURN, *BACK], ""),
        # Begun and not done, or undone.
        ([*SWITCH, *step(5, "rollback", end="", leaves=NEW, release=OLD)], ""),
        ([*SWITCH, *step(5, "rollback", end="undone", leaves=NEW, release=OLD)], ""),
        ([*step(1, "switch", end="undone", release=NEW), *CONFIRM], ""),
        ([*SWITCH, {**CONFIRM[0], "at": "yesterday"}, CONFIRM[1]], ""),
        ([*SWITCH, {**CONFIRM[0], "data": None}, CONFIRM[1]], ""),
    ],
)
def test_what_a_journal_says(entries: list[dict[str, Any]], expected: str) -> None:
    found = answered(entries, HELD)
    assert (f"{'back' if found.back else 'confirmed'} by {found.by}" if found else "") == expected


class Told:
    """A server by what its journal says; None: it does not answer."""

    name = "a server"

    def __init__(self, entries: list[dict[str, Any]] | None, faults: list[str] | None = None) -> None:
        self.entries, self.faults = entries, faults or []

    def run(self, *words: str, **_: Any) -> Answer:
        if self.entries is None:
            raise CouldNotTell("it does not answer", "look there")
        return Answer(0, {"faults": self.faults} if words[1] == "verify" else {"entries": self.entries})


CONFIRMED, GONE = [*SWITCH, *CONFIRM], [*SWITCH, *BACK]


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        ([Told(CONFIRMED)], "confirmed"),
        ([Told(GONE), Told(GONE)], "back"),
        # They differ, one waits, does not say, or its journal was changed: then nobody knows.
        ([Told(CONFIRMED), Told(GONE)], ""),
        ([Told(CONFIRMED), Told(SWITCH)], ""),
        ([Told(CONFIRMED), Told(None)], ""),
        ([Told(CONFIRMED), Told(CONFIRMED, ["line 3 was changed"])], ""),
        ([], ""),
    ],
)
def test_all_servers_must_say_the_same(servers: list[Any], expected: str) -> None:
    found = read(servers, HELD)
    assert (("back" if found.back else "confirmed") if found else "") == expected
