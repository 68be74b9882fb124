"""changelog: well-formed, and new where a commit since the base needs an entry."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy_gate.result import CouldNotTell, Result, Status

HEAD = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n"
RELEASED = "\n## [1.0.0] - 2026-01-31\n\n### Added\n\n- Orders\n- Customers with their telephone numbers\n"


@pytest.fixture
def shop(repository: Any) -> Any:
    """A repository with a released version, tagged `live`."""
    repository.write("CHANGELOG.md", HEAD + RELEASED)
    repository.commit("chore: first")
    repository.git("tag", "live")
    return repository


@pytest.fixture
def check(load: Callable[[str], Callable[..., Result]]) -> Callable[..., Result]:
    function = load("changelog")
    return lambda path="CHANGELOG.md", since="live": function(path=path, since=since)


def short(shop: Any, revision: str = "live") -> str:
    return str(shop.git("rev-parse", revision))[:7]


def test_feature_without_then_with_an_entry(shop: Any, check: Callable[..., Result]) -> None:
    sha = shop.commit("feat(orders): sort by date")
    result = check()
    assert (result.status, result.target, result.measured) == (Status.FAILED, 1, 0)
    needed = f"1 commit since {short(shop)}: {sha[:7]} feat(orders): sort by date"
    assert result.found == f"0 new entries in CHANGELOG.md, at least 1 is needed for {needed}"
    assert result.fix == "add a bullet under `## [Unreleased]` in CHANGELOG.md"
    assert [entry["message"] for entry in result.evidence] == [f"needs an entry: {sha[:7]} feat(orders): sort by date"]
    shop.write("CHANGELOG.md", HEAD + "- Orders are sorted by date\n" + RELEASED)
    result = check()
    assert (result.status, result.measured) == (Status.PASSED, 1)
    assert (
        result.found
        == f"1 new entry in CHANGELOG.md, at least 1 is needed: 1 commit since {short(shop)} that needs one"
    )
    assert result.evidence[0] == {
        "path": "CHANGELOG.md",
        "line": 7,
        "rule": "changelog",
        "message": "new: Orders are sorted by date",
    }


def test_nothing_to_tell(shop: Any, check: Callable[..., Result]) -> None:
    assert check().found == f"no commit since {short(shop)} needs an entry in CHANGELOG.md"
    shop.commit("docs: spelling")
    assert check().status is Status.PASSED


NEW = "- Orders are sorted by date\n"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (HEAD + NEW + RELEASED, Status.PASSED),
        (HEAD + "\n## [1.1.0] - 2026-02-01\n\n### Added\n\n" + NEW + RELEASED, Status.PASSED),
        (HEAD + RELEASED + NEW, Status.PASSED),
        (HEAD + "Orders are sorted by date\n" + RELEASED, Status.FAILED),
        (HEAD + f"<!--\n{NEW}-->\n" + RELEASED, Status.FAILED),
        (HEAD + "- ...\n" + RELEASED, Status.FAILED),
        (HEAD + RELEASED + "\n", Status.FAILED),
        (HEAD + RELEASED.replace("- Orders\n", ""), Status.FAILED),
        (HEAD + RELEASED.replace("their telephone numbers", "all their telephone numbers"), Status.FAILED),
        (HEAD + "- Orders\n" + RELEASED.replace("- Orders\n", ""), Status.FAILED),
        (HEAD + RELEASED.replace("- Orders", "*   Orders"), Status.FAILED),
        (HEAD + "- Orders\n" + RELEASED, Status.PASSED),
        (HEAD + NEW + RELEASED.replace("- Orders\n", ""), Status.PASSED),
        (HEAD + NEW + RELEASED.replace("with their telephone numbers", "with telephone numbers"), Status.PASSED),
    ],
    ids=["unreleased", "new-version", "old-version", "no-bullet", "comment", "dots", "blank-line", "removed",
    "reworded", "moved", "restyled",
         "said-again", "replaced", "new-and-reworded"],
)  # fmt: skip
def test_what_counts_as_new(shop: Any, check: Callable[..., Result], text: str, status: Status) -> None:
    shop.commit("feat: sort")
    shop.write("CHANGELOG.md", text)
    assert check().status is status


def test_a_release_commit_moves_its_entries_and_writes_none(shop: Any, check: Callable[..., Result]) -> None:
    shop.write("CHANGELOG.md", HEAD + NEW + RELEASED)
    shop.commit("feat: sort")
    shop.git("tag", "-f", "live")
    shop.write("CHANGELOG.md", HEAD + "\n## [1.1.0] - 2026-02-01\n\n### Added\n\n" + NEW + RELEASED)
    shop.commit("Release 1.1.0")
    assert check().status is Status.PASSED
    shop.git("tag", "-f", "live")
    shop.commit("Another change")
    assert check().status is Status.FAILED


def test_a_file_that_did_not_exist_is_all_new(repository: Any, check: Callable[..., Result]) -> None:
    base = repository.commit("chore: first")
    repository.write("docs/news.md", HEAD + NEW)
    repository.commit("Sort orders")
    assert check("docs/news.md", base).measured == 1


def test_the_first_commit_is_compared_with_nothing(repository: Any, check: Callable[..., Result]) -> None:
    repository.write("CHANGELOG.md", HEAD)
    repository.commit("Begin")
    assert "for 1 commit since the beginning" in check(since="").found
    repository.write("CHANGELOG.md", HEAD + NEW)
    assert check(since="").status is Status.PASSED


def test_merge_commits_are_ignored_but_not_what_they_bring(shop: Any, check: Callable[..., Result]) -> None:
    shop.git("checkout", "-q", "-b", "side")
    shop.commit("chore: quiet")
    shop.git("checkout", "-q", "main")
    shop.commit("docs: quiet too")
    shop.git("merge", "-q", "--no-ff", "-m", "Merge branch 'side'", "side")
    assert check().status is Status.PASSED
    shop.git("checkout", "-q", "side")
    shop.commit("fix: telling")
    shop.git("checkout", "-q", "main")
    shop.git("merge", "-q", "--no-ff", "-m", "Merge branch 'side' again", "side")
    assert "1 commit since" in check().found


def test_the_base_of_a_pull_request(
    shop: Any, check: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.git("checkout", "-q", "-b", "side")
    shop.commit("feat: sort")
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"base": {"sha": shop.git("rev-parse", "main")}}}))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(event))
    assert check(since="").status is Status.FAILED


def test_a_missing_file_fails(shop: Any, check: Callable[..., Result]) -> None:
    result = check("NEWS.md")
    assert (result.status, result.found) == (Status.FAILED, "there is no NEWS.md, at least a well-formed one is needed")


def test_faults_of_form_fail_with_their_place(shop: Any, check: Callable[..., Result]) -> None:
    shop.write("CHANGELOG.md", "# Changelog\n\n## 1.0.0 - 2025-13-40\n\n### Fixes\n")
    result = check()
    assert (result.status, result.target, result.measured) == (Status.FAILED, 0, 2)
    assert result.found.startswith(
        "2 faults in the form of CHANGELOG.md, the limit is 0: line 3: version 1.0.0 has the date '2025-13-40'"
    )
    assert result.fix == "correct CHANGELOG.md:3"
    assert [(entry["path"], entry["line"]) for entry in result.evidence] == [("CHANGELOG.md", 3), ("CHANGELOG.md", 5)]


@pytest.mark.parametrize(
    ("path", "said"),
    [("wide.md", "wide.md is not UTF-8 on line 2"), ("big.md", "larger than 4.19 MB"),
     ("folder", "folder is not a regular file"),
     ("pipe", "pipe is not a regular file"), ("out.md", "out.md does not lie in the repository"),
     ("../x.md", "does not lie in"),
     ("/etc/hostname", "does not lie in")],
)  # fmt: skip
def test_what_cannot_be_read_is_an_error(shop: Any, check: Callable[..., Result], path: str, said: str) -> None:
    (shop.path / "wide.md").write_bytes(b"# Changelog\n\xff\n")
    (shop.path / "big.md").write_bytes(b"x" * (4 * 1024 * 1024 + 1))
    (shop.path / "folder").mkdir()
    os.mkfifo(shop.path / "pipe")
    (shop.path / "out.md").symlink_to("/etc/hostname")
    with pytest.raises(CouldNotTell, match=said):
        check(path)


def test_a_link_within_the_repository_is_followed(shop: Any, check: Callable[..., Result]) -> None:
    (shop.path / "NEWS.md").symlink_to("CHANGELOG.md")
    assert check("NEWS.md").status is Status.PASSED


def test_an_unknown_base_is_an_error(shop: Any, check: Callable[..., Result]) -> None:
    for since in ("v9", "--output=x", "0" * 40):
        with pytest.raises(CouldNotTell, match="is not in this clone"):
            check(since=since)


@pytest.mark.parametrize("since", ["", "live"])
def test_a_shallow_clone_is_an_error(
    shop: Any, check: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, since: str
) -> None:
    shop.commit("feat: hidden by the cut")
    shop.commit("chore: the last")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{shop.path}", str(clone)], check=True)
    monkeypatch.chdir(clone)
    with pytest.raises(CouldNotTell, match=r"shallow|not in this clone"):
        check(since=since)
    # The base alone is fetched too: what lies between the two is still not known.
    subprocess.run(["git", "fetch", "-q", "--depth=1", "origin", "tag", "live"], check=True)
    with pytest.raises(CouldNotTell, match="shallow"):
        check(since=since)


def test_outside_a_repository_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: Callable[..., Result]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "CHANGELOG.md").write_text(HEAD)
    with pytest.raises(CouldNotTell, match="not a git repository"):
        check(since="")


def test_hostile_subjects_and_names(shop: Any, check: Callable[..., Result]) -> None:
    shop.git(
        "commit",
        "-q",
        "--allow-empty",
        "--cleanup=verbatim",
        "-m",
        "feat: \x1b[2J\u202e<script>|`::error::" + "x" * 9000,
    )
    name = "a:b\n--x.md"
    (shop.path / name).write_text(HEAD)
    result = check(name)
    assert result.status is Status.FAILED
    for text in (result.found, result.fix, str(result.evidence[0]["message"])):
        assert text.isprintable()
        assert len(text) < 400


def test_a_tampered_configuration_starts_nothing(shop: Any, check: Callable[..., Result], tmp_path: Path) -> None:
    trapped, trap = tmp_path / "trapped", tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch '{trapped}'\ncat\n")
    trap.chmod(0o755)
    shop.write(".gitattributes", "*.md diff=x\n")
    shop.commit("chore: attributes")
    shop.git("tag", "-f", "live")
    # A commit that claims to be signed, so that git would start the program that checks signatures.
    whole = shop.git("cat-file", "commit", shop.commit("feat: trap"))
    head, message = whole.split("\n\n", 1)
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----"
    (tmp_path / "object").write_text(f"{head}\n{signature}\n\n{message}\n")
    shop.git("reset", "-q", "--soft", shop.git("hash-object", "-t", "commit", "-w", str(tmp_path / "object")))
    for key in ("diff.x.textconv", "gpg.program", "core.pager", "core.fsmonitor"):
        shop.git("config", key, str(trap))
    shop.git("config", "log.showSignature", "true")
    trapped.unlink(missing_ok=True)
    assert check().status is Status.FAILED
    assert not trapped.exists()
