"""rehearsal reads what a real rehearsal left in a real journal; a broken chain, a failure, and age each turn it red."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hosts import Server
from ledgers import key_pair
from slots.world import NEW, THIRD
from support import Repository

from deploy_gate.catalog import Catalog
from deploy_gate.facts import rehearsals
from deploy_gate.facts.rehearsals import Rehearsal
from deploy_gate.ledger import branch as branches
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Result, Status

NOW = datetime(2027, 1, 31, 12, 0, tzinfo=UTC)
DIGEST = f"sha256:{'1' * 64}"


@pytest.fixture
def look(ask: Callable[..., Result], server: Server) -> Callable[..., Result]:
    return lambda **given: ask("rehearsal", **server.inputs, **given)


def test_recorded_on_the_server(look: Callable[..., Result], server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.world.receive(NEW, images={"backend": DIGEST})
    server.world.good("rehearse", NEW)
    result = look(release=NEW, images=f"backend={DIGEST}")
    assert result.status is Status.PASSED, result
    assert f"with {NEW[:12]}: 0 of " in result.found
    assert look().status is Status.PASSED
    result = look(release=THIRD)
    assert (result.status, result.found[:40]) == (Status.FAILED, f"no rehearsal of release {THIRD[:12]} is rec"[:40])
    result = look(release=NEW, images=f"backend={DIGEST[:-1]}2")
    assert (result.status, "other digests" in result.found) == (Status.FAILED, True)
    monkeypatch.setenv("STAGING_KEY", server.door.key)
    monkeypatch.delenv("SSH_PRIVATE_KEY")
    assert look().found == "SSH_PRIVATE_KEY is not set, so there is no key to log in with"
    assert look(key_variable="STAGING_KEY").status is Status.PASSED
    server.world.receive(NEW)


def test_a_rehearsal_that_came_to_no_end_is_the_newest_too(look: Callable[..., Result], server: Server) -> None:
    server.world.good("rehearse", NEW)
    server.world.reset()
    # Well on its own port, and broken for whoever comes through the front door.
    server.world.configure(front={"url": f"http://127.0.0.1:{server.world.front}/orders", "seconds": 1})
    server.world.fault(NEW, status=500)
    assert server.world.run("rehearse", NEW).code != 0
    result = look()
    assert (result.status, "it came to no end: the front door does not answer" in result.found) == (Status.FAILED, True)


def test_a_line_that_was_changed(look: Callable[..., Result], server: Server) -> None:
    server.world.good("rehearse", NEW)
    path = server.world.home / "journal.jsonl"
    whole = path.read_bytes()
    try:
        path.write_bytes(whole.replace(b'"failed":0', b'"failed":1', 1))
        result = look()
    finally:
        path.write_bytes(whole)
    assert (result.status, "does not hold together: line " in result.found) == (Status.ERROR, True)
    assert look().status is Status.PASSED


def held(days: float = 1, release: str = NEW, **given: object) -> Rehearsal:
    values = {"sent": 400, "failed": 0, "switch_seconds": 0.1, "rollback_seconds": 0.5, "by": "ada", **given}
    return Rehearsal(NOW - timedelta(days=days), release, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kept", "limits", "status", "told"),
    [
        ([held()], {}, Status.PASSED, "0 of 400 requests failed, rollback in 500 ms"),
        ([], {}, Status.FAILED, "no rehearsal of any release is recorded"),
        ([held(31)], {}, Status.FAILED, "31 d old, the limit is 30 d"),
        ([held(-1)], {}, Status.ERROR, "in the future"),
        ([held(failed=1)], {}, Status.FAILED, "1 of 400 requests failed, the limit is 0"),
        ([held(failed=1)], {"proves": "rollback"}, Status.PASSED, ""),
        ([held(sent=0)], {}, Status.FAILED, "only 0 requests were sent"),
        ([held(rollback_seconds=121)], {}, Status.FAILED, "the rollback took 2 min 1 s, the limit is 2 min"),
        ([held(rollback_seconds=121)], {"proves": "zero-downtime"}, Status.PASSED, ""),
        ([held(trouble="no\x1b end", rollback_seconds=float("nan"))], {}, Status.FAILED, "came to no end: no� end"),
        ([held(trouble="no end")], {"proves": "rollback"}, Status.FAILED, "came to no end"),
        ([held(rollback_seconds=-1)], {}, Status.FAILED, "the rollback took"),
        ([held(2), held(failed=1)], {}, Status.FAILED, "1 of 400 requests failed"),
        ([held(2, failed=1), held()], {}, Status.PASSED, ""),
        ([held(2), held(1, THIRD, failed=1)], {"release": NEW}, Status.PASSED, ""),
        (
            [held(1, THIRD)],
            {"release": NEW},
            Status.FAILED,
            "no rehearsal of release bbbbbbbbbbbb is recorded; 1 rehearsal",
        ),
        ([held()], {"images": {"backend": DIGEST}}, Status.FAILED, "other digests"),
        ([held(images={"backend": DIGEST})], {"images": {"backend": DIGEST}}, Status.PASSED, ""),
    ],
)
def test_judged(kept: list[Rehearsal], limits: dict[str, object], status: Status, told: str) -> None:
    module = Catalog().get("rehearsal").module
    result = module.judge(kept, module.Limits(**limits), NOW)
    assert (result.status, told in result.found) == (status, True), result


LINE = {
    "event": "intent",
    "step": "rehearsal",
    "at": "2027-01-01T00:00:00.000+00:00",
    "data": {"release": NEW, "sent": 1, "failed": 0, "switch_seconds": 1, "rollback_seconds": 1},
}
NOT_A_NUMBER = {"data": {"release": NEW, "sent": 1, "failed": 0, "switch_seconds": 1, "rollback_seconds": float("nan")}}
ENDLESS = {"release": NEW, "sent": 1, "failed": 0, "trouble": "no end"}


def test_only_whole_lines_are_evidence() -> None:
    assert [one.release for one in rehearsals.parse({"entries": [LINE, {"event": "done", "step": "rehearsal"}]})] == [
        NEW
    ]
    assert rehearsals.parse({"entries": [{**LINE, "step": "note"}]}) == []
    assert rehearsals.parse({"entries": [{**LINE, "data": ENDLESS}]})[0].trouble == "no end"
    wrongs: list[dict[str, Any]] = [
        NOT_A_NUMBER,
        {"data": {}},
        {"data": []},
        {"data": None},
        {"at": "yesterday"},
        {"at": "2027-01-01T00:00:00"},
    ]
    for wrong in wrongs:
        with pytest.raises(CouldNotTell):
            rehearsals.parse({"entries": [{**LINE, **wrong}]})
    with pytest.raises(CouldNotTell):
        rehearsals.parse({})


def test_digests_that_are_none() -> None:
    with pytest.raises(Misconfigured):
        Catalog().get("rehearsal").module.validate(
            host="a@b", config="/x", images="backend=latest", environment="", signers=""
        )


WORKED = {"sent": 200, "failed": 0, "switch_seconds": 0.2, "rollback_seconds": 0.5, "sla": 120}


class Kept:
    """A ledger that the record operation writes, and the rehearsal it tells of."""

    def __init__(self, repository: Repository, ask: Callable[..., Result]) -> None:
        self.repository, self.ask = repository, ask
        self.origin = repository.path.parent / "origin.git"
        subprocess.run(["git", "init", "-q", "--bare", str(self.origin)], check=True)
        repository.git("remote", "add", "origin", str(self.origin))
        repository.write("app.py", "x = 1\n")
        repository.commit("feat: one")
        self.tree = repository.git("rev-parse", "HEAD^{tree}")

    def record(self, *evidence: dict[str, Any], status: str = "passed", where: str = "staging") -> None:
        told = {"status": status, "found": "the slot did not start", "measured": 0.5, "evidence": list(evidence)}
        self.repository.write("rehearsed.json", json.dumps(told))
        given = {"environment": where, "kind": "rehearsal", "deploy": "rehearsed.json"}
        assert self.ask("record", digests=f"backend={DIGEST}", **given).status is Status.PASSED

    def look(self, **more: str) -> Result:
        return self.ask("rehearsal", environment="staging", of="this", **more)


def test_recorded_in_the_ledger(repository: Repository, ask: Callable[..., Result]) -> None:
    """Without a key to staging: what was rehearsed there on two servers, the slower and the worse one counting."""
    kept = Kept(repository, ask)
    kept.record(WORKED, where="elsewhere")
    assert kept.look().found == "no rehearsal of release " + kept.tree[:12] + " is recorded; 0 rehearsals of others"
    kept.record(WORKED, WORKED | {"rollback_seconds": 0.7})
    result = kept.look(images=f"backend={DIGEST}")
    assert result.status is Status.PASSED
    assert result.found.endswith("0 of 400 requests failed, rollback in 700 ms, the limit is 2 min")
    assert "other digests" in kept.look(images=f"backend={DIGEST[:-1]}2").found
    kept.record(WORKED, WORKED | {"failed": 3})
    assert "3 of 400 requests failed, the limit is 0" in kept.look().found
    kept.record(status="failed")
    assert "it came to no end: the slot did not start" in kept.look().found
    with branches.opened() as there:
        state = there.read()
        whole = json.loads(there.file(state.commit, "entries/2.json"))
        whole["deploy"]["evidence"][0]["failed"] = 9
        assert there.push(state, {"entries/2.json": json.dumps(whole).encode()}, "changed")
    result = kept.look()
    assert (result.status, "is not what its line says" in result.found) == (Status.ERROR, True)


def test_neither_a_server_nor_a_ledger() -> None:
    none = {"host": "", "config": "", "images": "", "environment": "", "signers": ""}
    (told,) = Catalog().get("rehearsal").faults(none)
    assert told.startswith("give `host`, whose journal is read, or `environment`")
    (told,) = Catalog().get("rehearsal").faults(none | {"host": "a@b", "config": "/x", "signers": "ssh-ed25519 AAAA"})
    (grace,) = Catalog().get("rehearsal").faults(none | {"environment": "staging", "signers": "grace"})
    assert grace == "'grace' is no public key, expected a line as in a file .pub"
    assert told == "give `environment` beside `signers`: without it the ledger is not read"


def test_what_nobody_pinned_signed_is_no_evidence(
    repository: Repository, ask: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(repository, ask)
    (own, public), (other, strange) = key_pair(tmp_path, "own"), key_pair(tmp_path, "other")
    kept.record(WORKED)
    assert kept.look().status is Status.PASSED
    result = kept.look(signers=public)
    assert (result.status, result.found) == (
        Status.ERROR,
        "the ledger does not hold together: line 1, the newest, has no signed statement beside it",
    )
    monkeypatch.setenv("LEDGER_SIGNING_KEY", other)
    kept.record(WORKED, status="warned")
    result = kept.look(signers=public)
    assert (result.status, result.found) == (
        Status.ERROR,
        "the ledger does not hold together: the statement of line 2 is not signed by a pinned key",
    )
    assert kept.look(signers=strange).status is Status.PASSED
    monkeypatch.setenv("LEDGER_SIGNING_KEY", own)
    kept.record(WORKED, WORKED)
    assert kept.look(signers=f"{strange}{public}").status is Status.PASSED
