"""The ledger's branch on a real remote: appended by many, changed by hand, and never forced."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import declared
import pytest
from support import Repository

from deploy_gate.facts import remote
from deploy_gate.ledger import branch as branches
from deploy_gate.ledger import chain
from deploy_gate.ledger.branch import LEDGER
from deploy_gate.ledger.chain import Head
from deploy_gate.ledger.entry import Entry, Kind, Outcome, Times, from_json
from deploy_gate.problems import Misconfigured
from deploy_gate.process import Finished
from deploy_gate.result import CouldNotTell

TREE = "a" * 40


def entry(number: int = 1, **more: object) -> Entry:
    moment = f"2026-11-25T02:{number:02d}:00Z"
    return Entry("production", f"{number:040x}", Kind.DEPLOY, Outcome.DEPLOYED, moment, moment, **more)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def clone(repository: Repository) -> Repository:
    """A clone with a bare repository as its origin, and the working directory."""
    there = repository.path.parent / "origin.git"
    subprocess.run(["git", "init", "-q", "--bare", str(there)], check=True)
    repository.git("remote", "add", "origin", str(there))
    return repository


def append(one: Entry, document: dict[str, object], known: tuple[Head, ...] = ()) -> Head:
    with branches.opened() as branch:
        return branches.append(branch, one, document, branches.Trust(known))


def raw() -> bytes:
    with branches.opened() as branch:
        return branch.read().raw


def rewrite(text: bytes) -> None:
    """Somebody pushes another ledger by hand, over what is there."""
    with branches.opened() as branch:
        assert branch.push(branch.read(), {LEDGER: text}, "by hand")


def test_every_deployment_is_a_line_and_a_document() -> None:
    first = append(entry(1), {"items": ["one"]})
    second = append(entry(2, actor="ada"), {"items": ["two"]}, known=(first,))
    text = raw()
    assert chain.faults(text, (first, second)) == []
    assert chain.head(text) == second
    lines = list(chain.records(text))
    assert [one["seq"] for one in lines] == [1, 2]
    back = from_json(lines[1])
    assert back is not None
    assert (back.actor, back.outcome) == ("ada", Outcome.DEPLOYED)
    with branches.opened() as branch:
        document = branch.file(branch.read().commit, "entries/2.json")
    assert json.loads(document) == {"items": ["two"]}
    assert back.evidence == chain.digest(document)


def test_writers_at_once_lose_nothing() -> None:
    with ThreadPoolExecutor(3) as pool:
        heads = list(pool.map(lambda number: append(entry(number), {}), range(1, 4)))
    text = raw()
    assert chain.faults(text, heads) == []
    assert sorted(one["release"] for one in chain.records(text)) == [f"{number:040x}" for number in range(1, 4)]


def test_a_changed_line_is_found_and_not_written_on() -> None:
    for number in (1, 2):
        append(entry(number, actor="ada"), {})
    rewrite(raw().replace(b'"ada"', b'"eve"', 1))
    assert chain.faults(raw()) == ["line 2 does not follow from the line before it: one of them was changed or removed"]
    with pytest.raises(CouldNotTell, match="the ledger is broken, and is not written on"):
        append(entry(3), {})


def test_a_removed_line_is_found() -> None:
    heads = [append(entry(number), {}) for number in (1, 2, 3)]
    lines = raw().splitlines(keepends=True)
    assert "line 2 has number 3" in chain.faults(lines[0] + lines[2])[0]
    # The last one leaves no gap: only somebody who knows it can tell.
    assert chain.faults(lines[0] + lines[1]) == []
    assert chain.faults(lines[0] + lines[1], heads) == [
        "line 3, which is known from elsewhere, is not there: the ledger was written anew"
    ]


def test_a_ledger_written_anew_is_found_by_who_knows_a_line() -> None:
    known = append(entry(1), {})
    text, _ = chain.line(entry(9).as_json(), Head())
    rewrite(text)
    assert chain.faults(raw()) == []
    with pytest.raises(CouldNotTell, match="line 1, which is known from elsewhere, is another one"):
        append(entry(2), {}, known=(known,))


def test_a_torn_end_and_rubbish() -> None:
    append(entry(1), {})
    text = raw()
    assert chain.faults(text[:-1])[0] == "the last line has no end: it was cut off"
    assert "line 2 cannot be read" in chain.faults(text + b"[1]\n")
    rewrite(text[:-1])
    with pytest.raises(CouldNotTell, match="is not written on: the last line has no end"):
        append(entry(2), {})


def test_other_ends_of_lines_are_changes() -> None:
    for number in (1, 2):
        append(entry(number), {})
    text = raw()
    assert "line 2 does not follow" in chain.faults(text.replace(b"\n", b"\r\n", 1))[0]
    last = text[:-1] + b"\r\n"
    assert chain.faults(last, (chain.head(text),)), "whoever knows the line sees it"
    rewrite(last)
    append(entry(3), {})
    assert chain.faults(raw()) == [], "what is written on it fits it"


def test_a_deployment_is_not_written_twice() -> None:
    """The job was run again, or cut off before it heard that its push went in."""
    run = "https://github.example/shop/actions/runs/7"
    first = append(entry(1, run_url=run), {"items": ["one"]})
    append(entry(2, run_url=run), {"items": ["two"]})
    assert append(replace(entry(1, run_url=run), ended="2026-11-25T03:00:00Z"), {"items": ["one"]}) == first
    assert append(entry(1, run_url=run), {"items": ["other"]}).number == 3, "another attempt has other results"
    append(entry(1), {"items": ["one"]})
    assert append(entry(1), {"items": ["one"]}).number == 5, "without a run nobody can know"


@pytest.mark.long
def test_a_writer_that_is_cut_off_anywhere_leaves_the_ledger_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """After each of its commands in turn; the one that is run again then writes it, once."""
    whole, number, ended = remote.Remote.git, 0, False
    append(entry(1), {})
    for cut in range(1, 40):
        calls = 0

        def git(self: remote.Remote, *words: str, limit: int = cut, **more: Any) -> Finished:
            nonlocal calls
            calls += 1
            done = whole(self, *words, **more)
            if calls == limit:
                raise KeyboardInterrupt
            return done

        one = entry(1, run_url=f"https://github.example/{cut}")
        monkeypatch.setattr(remote.Remote, "git", git)
        with suppress(KeyboardInterrupt):
            append(one, {})
            ended = True
        monkeypatch.setattr(remote.Remote, "git", whole)
        if ended:
            break
        assert append(one, {}).number == cut + 1
        number = cut
    assert number > 8, "it was cut off at every command"
    assert ended
    text = raw()
    assert chain.faults(text) == []
    assert len(list(chain.records(text))) == number + 2


def test_a_branch_that_is_gone_or_forced_between_reading_and_writing(
    clone: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = append(entry(1), {})
    origin = clone.git("remote", "get-url", "origin")
    other, _ = chain.line(entry(9).as_json(), Head())
    push = branches.Branch.push

    def forced(self: branches.Branch, before: branches.State, files: Mapping[str, bytes], message: str) -> bool:
        """Somebody lays another first line there while this one is made ready."""
        monkeypatch.setattr(branches.Branch, "push", push)
        with branches.opened() as own:
            assert push(own, branches.State("", b""), {LEDGER: other}, "forced") is False, "nobody pushes over it"
            subprocess.run(["git", "-C", origin, "branch", "-qD", branches.NAME], check=True)
            assert push(own, branches.State("", b""), {LEDGER: other}, "forced")
        return push(self, before, files, message)

    monkeypatch.setattr(branches.Branch, "push", forced)
    with pytest.raises(CouldNotTell, match="line 1, which is known from elsewhere, is another one"):
        append(entry(2), {}, known=(known,))
    assert raw() == other, "not written on, and not lost either"
    subprocess.run(["git", "-C", origin, "branch", "-qD", branches.NAME], check=True)
    with pytest.raises(CouldNotTell, match="line 1, which is known from elsewhere, is not there"):
        append(entry(2), {}, known=(known,))


def test_a_line_that_nobody_could_read_is_not_written() -> None:
    for odd in ({"times": Times(total=-1)}, {"decided_by": ["x"]}, {"times": Times(restore=float("inf"))}):
        with pytest.raises(Misconfigured, match="a line that nobody can read"):
            append(entry(1, **odd), {})
    assert raw() == b""


def test_what_is_no_remote_is_told(clone: Repository, tmp_path: Path) -> None:
    clone.git("remote", "set-url", "origin", str(tmp_path / "nowhere.git"))
    with pytest.raises(CouldNotTell, match="the remote cannot be asked"):
        append(entry(), {})


def test_a_branch_that_may_not_be_pushed_is_told(clone: Repository) -> None:
    hook = Path(clone.git("remote", "get-url", "origin")) / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'branch is protected' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(CouldNotTell) as told:
        append(entry(), {})
    assert "contents: write" in told.value.fix


def test_a_wrong_entry_is_not_written() -> None:
    wrong = Entry("a b", "main", Kind.DEPLOY, Outcome.DEPLOYED, "yesterday", "2026-13-40T00:00:00Z")
    with pytest.raises(Misconfigured) as told:
        append(wrong, {})
    assert len(told.value.problems) == 4
    assert raw() == b""


def test_texts_from_outside_are_bounded() -> None:
    append(entry(1, subject="x\n" * 5000, waivers=[{"why": "y" * 9000}] * 900), {"z": "z"})
    (line,) = chain.records(raw())
    assert len(line["subject"]) <= 500
    assert "\n" not in line["subject"]
    assert len(line["waivers"]) == 200
    assert branches.evidence({"seconds": float("nan")}) == b'{"left-out":"the evidence holds a number that is none"}'


def test_heads_are_read_as_they_are_printed() -> None:
    assert Head.parse(str(Head(7, TREE + "b" * 24))) == Head(7, TREE + "b" * 24)
    for text in ("", "7", "7:abc", f"x:{'a' * 64}", f"7:{'g' * 64}"):
        with pytest.raises(Misconfigured):
            Head.parse(text)


CAUSED = {
    "two write at once": test_writers_at_once_lose_nothing,
    "the job that writes is run again": test_a_deployment_is_not_written_twice,
    "the job is cut off after any of its commands": test_a_writer_that_is_cut_off_anywhere_leaves_the_ledger_whole,
    "a line was changed": test_a_changed_line_is_found_and_not_written_on,
    "a line was removed": test_a_removed_line_is_found,
    "the whole ledger was written anew": test_a_ledger_written_anew_is_found_by_who_knows_a_line,
    "the branch was forced or deleted while it is written to": (
        test_a_branch_that_is_gone_or_forced_between_reading_and_writing
    ),
    "the end of a line was changed": test_other_ends_of_lines_are_changes,
    "the last line is torn": test_a_torn_end_and_rubbish,
    "an entry that nobody could read": test_a_line_that_nobody_could_read_is_not_written,
    "the branch may not be pushed to": test_a_branch_that_may_not_be_pushed_is_told,
    "the remote cannot be reached": test_what_is_no_remote_is_told,
}


def test_what_the_page_of_faults_tells_is_tested_here() -> None:
    assert set(declared.outcomes("ledger")) == set(CAUSED)
