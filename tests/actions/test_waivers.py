"""waivers: a waiver's person is proven by a signature, by a button, or by a word of his own; a name in a file is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from github_server import GitHub
from policies import UNTIL, WAIVED, People, checklist
from support import Repository

from deploy_gate.result import Result, Status
from deploy_gate.signoff.commands import binding

Ask = Callable[..., Result]


class Shop:
    """A repository with one waiver, and the people around it."""

    def __init__(self, github: GitHub, repository: Repository) -> None:
        self.github, self.repository, self.people = github, repository, People(github)
        repository.write("checklist.yml", checklist({"log": {}, "other": {}}))
        self.people.commit(repository.commit("feat: first"), "grace")

    def waive(self, text: str = "", **item: Any) -> str:
        """Commit the waiver and return the commit."""
        written = text or checklist({"log": {"waived": WAIVED, **item}, "other": {}})
        self.repository.write("checklist.yml", written)
        return self.repository.commit("chore: waive")

    def moved(self) -> str:
        """A commit later that has nothing to do with it."""
        self.repository.write("app.py", f"{len(self.github.asked)}\n")
        commit = self.repository.commit("feat: next")
        self.people.pull(commit)
        return binding("", self.repository.git("rev-parse", "HEAD^{tree}"), "", "")


@pytest.fixture
def shop(github: GitHub, repository: Repository) -> Shop:
    return Shop(github, repository)


def test_no_waiver(ask: Ask, shop: Shop) -> None:
    result = ask("waivers")
    assert (result.status, result.found) == (Status.PASSED, "no waiver counts today, of 2 lines")
    assert shop.github.asked == []


def test_signed_by_the_person(ask: Ask, shop: Shop) -> None:
    commit = shop.waive()
    shop.people.commit(commit, "Ada", "somebody")
    shop.moved()
    result = ask("waivers")
    assert (result.status, result.found) == (Status.PASSED, "1 of 1 waiver proven, by ada")
    assert result.evidence[0] == {
        "message": f"log: ada, until {UNTIL}: commit {commit[:12]}, verified",
        "item": "log",
        "proven": True,
        "proof": f"commit {commit[:12]}, verified",
        "waived_by": "ada",
        "until": UNTIL,
        "why": WAIVED["why"],
    }


def test_a_name_that_another_wrote_is_no_proof(ask: Ask, shop: Shop) -> None:
    commit = shop.waive()
    # Whoever signs may write any author into the commit.
    shop.people.commit(commit, "eve", "ada")
    code = shop.moved()
    result = ask("waivers")
    assert (result.status, result.measured) == (Status.FAILED, 0)
    assert result.found == (
        f"0 of 1 waiver proven; that of log names ada, which nothing proves: commit {commit[:12]} was brought in by eve"
    )
    assert result.fix == (
        "have ada commit the waiver with a signature that GitHub verifies, "
        f"or comment `/attest waiver:log {code} REASON` on the pull request"
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"verified": False}, "is not verified (unsigned)"),
        ({"committer": "eve", "author": "ada"}, "by eve"),
        # As an edit on GitHub looks, but also a squash in a fork: then its author pressed nothing.
        ({"committer": "web-flow", "author": "ada"}, "made on GitHub by no merge of a pull request here"),
    ],
)
def test_not_verified_or_another_button(ask: Ask, shop: Shop, change: dict[str, Any], why: str) -> None:
    commit = shop.waive(checklist({"log": {"waived": WAIVED}}))
    shop.people.commit(commit, **{"committer": "ada"} | change)
    shop.github.list(f"/commits/{commit}/pulls")
    shop.moved()
    result = ask("waivers")
    assert result.status is Status.FAILED
    assert why in result.found


def test_who_pressed_the_button_counts(ask: Ask, shop: Shop) -> None:
    commit = shop.waive()
    # A squash has the opener of the pull request as its author, whoever wrote the lines and whoever merged it.
    shop.people.commit(commit, "web-flow", "ada")
    shop.people.pull(commit, merged_by="eve")
    shop.moved()
    assert f"commit {commit[:12]} was brought in by eve" in ask("waivers").found
    shop.people.pull(commit, merged_by="ada")
    assert ask("waivers").status is Status.PASSED
    # A pull request of that number here is another one.
    shop.github.objects["/repos/acme/shop/pulls/7"]["merge_commit_sha"] = "e" * 40
    assert f"GitHub does not say who merged #7 as commit {commit[:12]}" in ask("waivers").found


@pytest.mark.parametrize("way", ["merged in", "merged over"])
def test_what_was_taken_out_does_not_come_back(ask: Ask, shop: Shop, way: str) -> None:
    """A branch from the time when it stood there, merged so that its side wins: a blame then names ada's own commit."""
    mine = shop.waive()
    shop.people.commit(mine, "ada")
    repository = shop.repository
    repository.git("branch", "old")
    repository.write("checklist.yml", checklist({"log": {}, "other": {}}))
    withdrawn = repository.commit("chore: no waiver any more")
    shop.people.commit(withdrawn, "ada")
    repository.git("branch", "main-was")
    if way == "merged over":
        # The other way round the first parents never knew that it was gone.
        repository.git("checkout", "-q", "old")
        repository.git("merge", "-q", "--no-ff", "-s", "ours", "-m", "merge", "main-was")
    else:
        repository.write("main.py", "main\n")
        repository.commit("feat: next")
        repository.git("checkout", "-q", "old")
        repository.write("old.py", "old\n")
        repository.commit("feat: on the old branch")
        repository.git("checkout", "-q", "main")
        repository.git("merge", "-q", "--no-commit", "old")
        repository.git("checkout", "-q", "old", "--", "checklist.yml")
        repository.git("commit", "-q", "-m", "merge")
    shop.moved()
    result = ask("waivers")
    assert result.status is Status.FAILED
    assert f"commit {withdrawn[:12]}, which came later, does not have it" in result.found


def test_what_was_merged_as_it_stood_is_proven(ask: Ask, shop: Shop) -> None:
    """Branches that never had it, and branches that did, with changes elsewhere in the file: it stood all the time."""
    repository = shop.repository
    repository.git("checkout", "-q", "-b", "early")
    repository.write("app.py", "early\n")
    repository.commit("feat: early")
    repository.git("checkout", "-q", "-b", "waiving", "main")
    shop.people.commit(shop.waive(), "ada")
    repository.git("checkout", "-q", "main")
    repository.write("main.py", "main\n")
    repository.commit("feat: meanwhile")
    for branch in ("waiving", "early"):
        repository.git("merge", "-q", "--no-ff", "-m", f"merge {branch}", branch)
    shop.waive(title="Other words")
    shop.moved()
    assert ask("waivers").status is Status.PASSED


def test_a_word_of_ones_own(ask: Ask, shop: Shop) -> None:
    shop.people.commit(shop.waive(), "eve")
    code = shop.moved()
    for login, body in (
        ("eve", f"/attest waiver:log {code} I am sure"),
        ("ada", f"/attest waiver:other {code} another line"),
        ("ada", f"/attest waiver:log {'0' * 12} another release"),
        ("ada", f"/attest waiver:log {code}"),
    ):
        shop.people.say(login, body)
    result = ask("waivers")
    assert (result.status, result.measured) == (Status.FAILED, 0)
    shop.people.say("ada", f"/attest waiver:log {code} looked at it again", level="read")
    assert "no right to write to the repository" in ask("waivers").found
    shop.people.say("ada", f"/attest waiver:log {code} looked at it again")
    result = ask("waivers")
    assert result.status is Status.PASSED
    assert str(result.evidence[0]["proof"]).startswith("comment https://")


@pytest.mark.parametrize("way", ["renamed", "left behind"])
def test_a_waiver_under_another_name_is_another_waiver(ask: Ask, shop: Shop, way: str) -> None:
    """What ada signed for one line, eve moves to another: by the line above it, or by taking that line away."""
    text = checklist({"one": {}, "two": {"check": "lint", "waived": WAIVED}})
    mine = shop.waive(text)
    shop.people.commit(mine, "ada")
    if way == "renamed":
        moved = text.replace("  two:\n", "  three:\n")
    else:
        start, end = text.index("  two:\n"), text.index("    waived:\n", text.index("  two:\n"))
        moved = text[:start] + text[end:]
    assert yaml.safe_load(moved)["items"]["three" if way == "renamed" else "one"]["waived"]["by"] == "ada"
    shop.waive(moved)
    shop.moved()
    result = ask("waivers")
    assert result.status is Status.FAILED
    assert "no commit of that person has this very waiver for this item" in result.found


@pytest.mark.parametrize("key", ["why", "by", "until"])
def test_every_line_of_it_counts(ask: Ask, shop: Shop, key: str) -> None:
    text = checklist({"log": {"waived": {**WAIVED, "by": "ada" if key != "by" else "eve"}}})
    mine = shop.waive(text)
    shop.people.commit(mine, "ada")
    data = yaml.safe_load(text)
    data["items"]["log"]["waived"][key] = {"why": "another", "by": "ada", "until": "2099-01-01"}[key]
    data["items"]["log"]["waived"] = {name: str(value) for name, value in data["items"]["log"]["waived"].items()}
    theirs = shop.waive(yaml.safe_dump(data, sort_keys=False))
    shop.people.commit(theirs, "eve")
    shop.moved()
    assert f"commit {theirs[:12]} was brought in by eve" in ask("waivers").found


def test_not_what_was_committed(ask: Ask, shop: Shop) -> None:
    shop.people.commit(shop.waive(), "ada")
    shop.repository.write("checklist.yml", checklist({"log": {"waived": WAIVED}, "other": {"waived": WAIVED}}))
    result = ask("waivers")
    assert result.status is Status.ERROR
    assert result.found == "checklist.yml is not what the commit has, so nobody knows who wrote its waivers"


def test_a_shallow_clone_knows_no_author(ask: Ask, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = shop.waive()
    shop.people.commit(commit, "ada")
    shop.repository.git("clone", "-q", "--depth=1", f"file://{shop.repository.path}", str(tmp_path / "shallow"))
    monkeypatch.chdir(tmp_path / "shallow")
    result = ask("waivers")
    assert (result.status, result.fix) == (
        Status.ERROR,
        "check out the whole history: actions/checkout with `fetch-depth: 0`",
    )


@pytest.mark.parametrize("status", [403, 404])
def test_github_does_not_say(ask: Ask, shop: Shop, status: int) -> None:
    shop.people.commit(shop.waive(), "ada")
    shop.github.fail("/commits/", status, {"message": "no"})
    assert ask("waivers").status in (Status.ERROR, Status.FAILED)


def test_the_wrong_commit_is_no_answer(ask: Ask, shop: Shop) -> None:
    commit = shop.waive()
    shop.people.commit(commit, "ada")
    shop.github.objects[f"/repos/acme/shop/commits/{commit}"]["sha"] = "f" * 40
    assert ask("waivers").status is Status.ERROR


def test_what_has_ended_is_not_asked_about(ask: Ask, shop: Shop) -> None:
    shop.waive(checklist({"log": {"waived": {**WAIVED, "until": "2026-01-01"}}}))
    assert ask("waivers").found == "no waiver counts today, of 1 line"
    assert shop.github.asked == []
