"""The newest line's statement: signed, verified offline, and void as soon as anything is written anew."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from ledgers import key_pair
from support import Repository

from deploy_gate.commands import ledger_command
from deploy_gate.ledger import branch as branches
from deploy_gate.ledger import chain, signing
from deploy_gate.ledger.branch import LEDGER, Trust
from deploy_gate.ledger.chain import Head
from deploy_gate.ledger.entry import Entry, Kind, Outcome
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell

VARIABLE = "LEDGER_SIGNING_KEY"


@pytest.fixture(autouse=True)
def clone(repository: Repository) -> Repository:
    """A clone with a bare repository as its origin, and the working directory."""
    there = repository.path.parent / "origin.git"
    subprocess.run(["git", "init", "-q", "--bare", str(there)], check=True)
    repository.git("remote", "add", "origin", str(there))
    return repository


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The public key of the ledger, whose private one is in the environment."""
    private, public = key_pair(tmp_path, "own")
    monkeypatch.setenv(VARIABLE, private)
    return public


def entry(number: int) -> Entry:
    moment = f"2026-11-25T02:{number:02d}:00Z"
    digests = {"backend": "sha256:" + "d" * 64}
    return Entry(
        "production", f"{number:040x}", Kind.DEPLOY, Outcome.DEPLOYED, moment, moment, "c" * 40, digests=digests
    )


REPORT = {
    "phase": "verify",
    "checklist_sha256": "e" * 64,
    "items": [
        {"id": "p95", "status": "passed"},
        {"id": "tls", "status": "waived"},
        {"id": "errors", "status": "failed"},
    ],
}


def append(number: int, *, sign: bool = True, signers: str = "", known: tuple[Head, ...] = ()) -> Head:
    with branches.opened() as branch:
        if not sign:
            return branches.append(branch, entry(number), {"reports": [REPORT]}, Trust(known, signers))
        with signing.signer(VARIABLE) as hand:
            return branches.append(branch, entry(number), {"reports": [REPORT]}, Trust(known, signers, hand))


def faults(signers: str) -> list[str]:
    with branches.opened() as branch:
        state = branch.read()
        return signing.faults(state.raw, lambda path: branch.file(state.commit, path), signers)


def written_anew(text: bytes) -> None:
    """Somebody pushes another, consistent chain over what is there; the files beside it stay."""
    with branches.opened() as branch:
        assert branch.push(branch.read(), {LEDGER: text}, "by hand")


def test_the_statement_says_what_was_deployed_and_what_was_tested(own: str) -> None:
    head = append(1)
    assert faults(own) == []
    with branches.opened() as branch:
        said = json.loads(branch.file(branch.read().commit, "entries/1.intoto.json"))
    assert (said["_type"], said["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "https://in-toto.io/attestation/test-result/v0.1",
    )
    assert {one["name"]: one["digest"] for one in said["subject"]} == {
        "ledger.jsonl#1": {"sha256": head.digest},
        "release": {"gitTree": f"{1:040x}"},
        "commit": {"gitCommit": "c" * 40},
        "image:backend": {"sha256": "d" * 64},
    }
    predicate = said["predicate"]
    assert predicate["result"] == "PASSED"
    assert (predicate["passedTests"], predicate["warnedTests"], predicate["failedTests"]) == (
        ["verify: p95"],
        ["verify: tls"],
        ["verify: errors"],
    )
    assert predicate["configuration"][0] == {"name": "checklist", "digest": {"sha256": "e" * 64}}


def test_it_is_verified_with_ssh_keygen_alone(own: str, tmp_path: Path) -> None:
    append(1)
    with branches.opened() as branch:
        commit = branch.read().commit
        text, sig = (branch.file(commit, f"entries/1.intoto.json{end}") for end in ("", ".sig"))
    (tmp_path / "sig").write_bytes(sig)
    (tmp_path / "allowed").write_text(f"ledger {own}")
    argv = ["ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", "ledger", "-n", "deploy-gate-ledger", "-s", "sig"]
    subprocess.run(argv, cwd=tmp_path, input=text, check=True, capture_output=True)


def test_another_key_does_not_count_and_is_not_written_on(
    own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(1)
    other, _ = key_pair(tmp_path, "other")
    monkeypatch.setenv(VARIABLE, other)
    append(2)
    assert faults(own) == ["the statement of line 2 is not signed by a pinned key"]
    with pytest.raises(CouldNotTell, match="is not written on: the statement of line 2 is not signed by a pinned key"):
        append(3, signers=own)


def test_a_line_that_nobody_could_write_on_is_not_written(
    own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever names the signers must be one of them: an unsigned line, or one by another key, would end the ledger."""
    append(1)
    with pytest.raises(CouldNotTell, match=r"is not written, .* line 2, the newest, has no signed statement beside it"):
        append(2, sign=False, signers=own)
    monkeypatch.setenv(VARIABLE, key_pair(tmp_path, "other")[0])
    with pytest.raises(CouldNotTell, match=r"is not written, .* the statement of line 2 is not signed by a pinned key"):
        append(2, signers=own)
    assert faults(own) == []


def test_each_line_since_one_may_be_asked_for(own: str) -> None:
    for number in range(1, 5):
        append(number, sign=number in (2, 4))
    with branches.opened() as branch:
        state = branch.read()
        found = {
            first: signing.faults(state.raw, lambda path: branch.file(state.commit, path), own, first)
            for first in (0, 1, 2, 4)
        }
    third = "line 3 has no signed statement beside it"
    assert found == {0: [], 1: [third, "line 1 has no signed statement beside it"], 2: [third], 4: []}


def test_an_unsigned_line_is_found(own: str) -> None:
    append(1, sign=False)
    assert faults(own) == ["line 1, the newest, has no signed statement beside it"]


def test_a_whole_chain_written_anew_is_found_though_it_is_consistent(own: str) -> None:
    append(1)
    text, _ = chain.line(entry(9).as_json(), Head())
    written_anew(text)
    assert faults(own) == ["the signed statement of line 1 is about another line: that line was written anew"]


def test_a_chain_that_was_shortened_is_found_by_who_knows_the_highest_number(own: str) -> None:
    append(1)
    with branches.opened() as branch:
        short = branch.read().raw
    highest = append(2, signers=own)
    written_anew(short)
    # Line 1 was signed once, so the signature alone still holds.
    assert faults(own) == []
    with pytest.raises(CouldNotTell, match="line 2, which is known from elsewhere, is not there"):
        append(3, signers=own, known=(highest,))


def test_a_changed_statement_or_signature_is_found(own: str) -> None:
    append(1)
    with branches.opened() as branch:
        text = branch.file(branch.read().commit, "entries/1.intoto.json")
        branch.push(branch.read(), {"entries/1.intoto.json": text.replace(b"failedTests", b"passedTests")}, "by hand")
    assert faults(own) == ["the statement of line 1 is not signed by a pinned key"]


def test_verify_at_a_prompt_works_offline(own: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    append(1)
    head = append(2, signers=own)
    copy = tmp_path / "copy"
    with branches.opened() as branch:
        state = branch.read()
        for name in (LEDGER, "entries/2.intoto.json", "entries/2.intoto.json.sig"):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes(branch.file(state.commit, name))
    (tmp_path / "signers").write_text(own)
    argv = ["verify", "--file", str(copy / LEDGER), "--signers", str(tmp_path / "signers"), "--known", str(head)]
    assert ledger_command.run(argv) == 0
    assert str(head) in capsys.readouterr().out
    (copy / "entries" / "2.intoto.json.sig").unlink()
    assert ledger_command.run(argv) == 1
    assert "line 2, the newest, has no signed statement beside it" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["abc", "ssh-ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----"])
def test_what_is_no_public_key_is_told(text: str) -> None:
    with pytest.raises(Misconfigured, match="is no public key"):
        signing.check(text)
