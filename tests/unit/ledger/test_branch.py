"""The ledger's branch on a real remote: appended by many, changed by hand, and never forced."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy_gate.ledger import chain
from deploy_gate.ledger.branch import LEDGER, Remote, append, opened
from deploy_gate.ledger.chain import Head
from deploy_gate.ledger.entry import Entry, Kind, Outcome, from_json
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell

TREE = "a" * 40


def entry(number: int = 1, **more: object) -> Entry:
    moment = f"2026-11-25T02:{number:02d}:00Z"
    return Entry("production", f"{number:040x}", Kind.DEPLOY, Outcome.DEPLOYED, moment, moment, **more)  # type: ignore[arg-type]


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    """An empty repository to push to."""
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "remote.git")], check=True)
    return Remote(str(tmp_path / "remote.git"))


def raw(remote: Remote) -> bytes:
    with opened(remote) as branch:
        return branch.read().raw


def rewrite(remote: Remote, text: bytes) -> None:
    """Somebody pushes another ledger by hand, over what is there."""
    with opened(remote) as branch:
        assert branch.push(branch.read(), {LEDGER: text}, "by hand")


def test_every_deployment_is_a_line_and_a_document(remote: Remote) -> None:
    first = append(remote, entry(1), {"items": ["one"]})
    second = append(remote, entry(2, actor="ada"), {"items": ["two"]}, known=(first,))
    text = raw(remote)
    assert chain.faults(text, (first, second)) == []
    assert chain.head(text) == second
    lines = list(chain.records(text))
    assert [one["seq"] for one in lines] == [1, 2]
    back = from_json(lines[1])
    assert back is not None
    assert (back.actor, back.outcome) == ("ada", Outcome.DEPLOYED)
    with opened(remote) as branch:
        document = branch.file(branch.read().commit, "entries/2.json")
    assert json.loads(document) == {"items": ["two"]}
    assert back.evidence == chain.digest(document)


def test_writers_at_once_lose_nothing(remote: Remote) -> None:
    with ThreadPoolExecutor(4) as pool:
        heads = list(pool.map(lambda number: append(remote, entry(number), {}), range(1, 7)))
    text = raw(remote)
    assert chain.faults(text, heads) == []
    assert sorted(one["release"] for one in chain.records(text)) == [f"{number:040x}" for number in range(1, 7)]


def test_a_changed_line_is_found_and_not_written_on(remote: Remote) -> None:
    for number in (1, 2, 3):
        append(remote, entry(number, actor="ada"), {})
    rewrite(remote, raw(remote).replace(b'"ada"', b'"eve"', 1))
    assert chain.faults(raw(remote)) == [
        "line 2 does not follow from the line before it: one of them was changed or removed"
    ]
    with pytest.raises(CouldNotTell, match="the ledger is broken, and is not written on"):
        append(remote, entry(4), {})


def test_a_removed_line_is_found(remote: Remote) -> None:
    heads = [append(remote, entry(number), {}) for number in (1, 2, 3)]
    lines = raw(remote).splitlines(keepends=True)
    assert "line 2 has number 3" in chain.faults(lines[0] + lines[2])[0]
    # The last one leaves no gap: only somebody who knows it can tell.
    assert chain.faults(lines[0] + lines[1]) == []
    assert chain.faults(lines[0] + lines[1], heads) == [
        "line 3, which is known from elsewhere, is not there: the ledger was written anew"
    ]


def test_a_ledger_written_anew_is_found_by_who_knows_a_line(remote: Remote) -> None:
    known = append(remote, entry(1), {})
    text, _ = chain.line(entry(9).as_json(), Head())
    rewrite(remote, text)
    assert chain.faults(raw(remote)) == []
    with pytest.raises(CouldNotTell, match="line 1, which is known from elsewhere, is another one"):
        append(remote, entry(2), {}, known=(known,))


def test_a_torn_end_and_rubbish(remote: Remote) -> None:
    append(remote, entry(1), {})
    text = raw(remote)
    assert chain.faults(text[:-1])[0] == "the last line has no end: it was cut off"
    assert "line 2 cannot be read" in chain.faults(text + b"[1]\n")


def test_what_is_no_remote_is_told(tmp_path: Path) -> None:
    with pytest.raises(CouldNotTell, match="cannot be read or written") as told:
        append(Remote(str(tmp_path / "nowhere.git")), entry(), {})
    assert "contents: write" in told.value.fix


def test_a_wrong_entry_is_not_written(remote: Remote) -> None:
    wrong = Entry("a b", "main", Kind.DEPLOY, Outcome.DEPLOYED, "yesterday", "2026-13-40T00:00:00Z")
    with pytest.raises(Misconfigured) as told:
        append(remote, wrong, {})
    assert len(told.value.problems) == 4
    assert raw(remote) == b""


def test_texts_from_outside_are_bounded(remote: Remote) -> None:
    append(remote, entry(1, subject="x\n" * 5000, waivers=[{"why": "y" * 9000}] * 900), {"z": "z"})
    (line,) = chain.records(raw(remote))
    assert len(line["subject"]) <= 500
    assert "\n" not in line["subject"]
    assert len(line["waivers"]) == 200


def test_the_token_is_in_no_argument(remote: Remote) -> None:
    secret = "s3cr3t-token"
    far = Remote("https://127.0.0.1:1/x/y", token=secret)
    assert secret not in str(far.environment())
    with pytest.raises(CouldNotTell) as told:
        append(far, entry(), {})
    assert secret not in told.value.found


def test_heads_are_read_as_they_are_printed() -> None:
    assert Head.parse(str(Head(7, TREE + "b" * 24))) == Head(7, TREE + "b" * 24)
    for text in ("", "7", "7:abc", f"x:{'a' * 64}", f"7:{'g' * 64}"):
        with pytest.raises(Misconfigured):
            Head.parse(text)
