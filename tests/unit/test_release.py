"""`release`: what disagrees is refused, and vN follows the newest of its line, on a real git remote."""

from __future__ import annotations

import gzip
import os
import subprocess
from pathlib import Path

import pytest
from support import ROOT, Repository

from deploy_gate import cli, releasing, yamlfile
from deploy_gate.facts import remote
from deploy_gate.result import CouldNotTell

CHANGES = "# Changelog\n\n## [Unreleased]\n\n## [{}] - 2026-11-25\n\n### Added\n\n- {}\n"


class Shop:
    """A clone with a remote, and releases in it."""

    def __init__(self, here: Repository, away: Path) -> None:
        subprocess.run(["git", "init", "-q", "--bare", str(away)], check=True)
        here.git("remote", "add", "origin", str(away))
        self.here, self.away = here, away

    def release(self, version: str, *, changes: str = "", annotated: bool = False) -> str:
        """Commit, tag and push; the commit."""
        self.here.write("VERSION", version + "\n")
        self.here.write("CHANGELOG.md", changes or CHANGES.format(version, f"What {version} brings."))
        commit = self.here.commit(f"chore: {version}")
        self.here.git("tag", *(("-a", "-m", version) if annotated else ()), f"v{version}")
        self.here.git("push", "-q", "origin", "main", f"v{version}")
        return commit

    def at(self, name: str) -> str:
        """The commit of a tag at the remote; empty where there is none."""
        done = subprocess.run(
            ["git", "-C", str(self.away), "rev-parse", "-q", "--verify", f"refs/tags/{name}^{{commit}}"],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip()


@pytest.fixture
def shop(repository: Repository, tmp_path: Path) -> Shop:
    return Shop(repository, tmp_path / "away.git")


def release(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str]:
    code = cli.main(["release", *argv])
    said = capsys.readouterr()
    return code, said.out + said.err


@pytest.mark.parametrize("annotated", [False, True])
def test_moves_the_major_version_once(shop: Shop, capsys: pytest.CaptureFixture[str], annotated: bool) -> None:
    first = shop.release("1.0.0", annotated=annotated)
    assert release(capsys, "v1.0.0") == (0, "v1.0.0: tag, VERSION and CHANGELOG agree\n")
    assert shop.at("v1") == "", "judging moves nothing"
    code, said = release(capsys, "v1.0.0", "--move")
    assert (code, shop.at("v1")) == (0, first), said
    assert "v1 moved from nothing to v1.0.0" in said
    second = shop.release("1.0.1", annotated=annotated)
    assert "v1 moved from" in release(capsys, "v1.0.1", "--move")[1]
    assert (shop.at("v1"), shop.at("v1.0.0"), shop.at("v1.0.1")) == (second, first, second)
    assert "v1 is v1.0.1 already" in release(capsys, "v1.0.1", "--move")[1]


def test_an_older_one_that_is_run_again_moves_nothing_back(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.release("1.9.0")
    newest = shop.release("1.10.0")
    release(capsys, "v1.10.0", "--move")
    shop.release("2.0.0")
    shop.here.git("checkout", "-q", "v1.9.0")
    code, said = release(capsys, "v1.9.0", "--move")
    assert (code, shop.at("v1"), shop.at("v2")) == (0, newest, "")
    assert "v1 stays where it is: v1.10.0 is newer than v1.9.0" in said


def test_a_move_by_another_is_not_overwritten(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    first = shop.release("1.0.0")
    second = shop.release("1.0.1")
    with remote.opened("origin", 30) as there:
        before = releasing.tags(there)
        shop.here.git("push", "-q", "origin", f"{first}:refs/tags/v1")
        monkeypatch.setattr(releasing, "tags", lambda _: before)
        with pytest.raises(CouldNotTell, match="the remote did not move v1"):
            releasing.move(there, "v1.0.1")
    assert shop.at("v1") == first != second


def test_what_disagrees_is_refused(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.release("1.0.0")
    shop.here.write("VERSION", "1.0.1\n")
    code, said = release(capsys, "v1.0.0", "--move")
    assert (code, shop.at("v1")) == (1, "")
    assert said == "wrong: VERSION says 1.0.1, and the tag v1.0.0: write 1.0.0 into it\n"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (CHANGES.format("0.9.0", "x"), "the newest version of CHANGELOG.md is 0.9.0, expected 1.0.0"),
        ("# Changelog\n\n## [Unreleased]\n\n### Added\n\n- x\n", "entries are still under Unreleased"),
        ("# Changelog\n\n## [Unreleased]\n\n## [1.0.0]\n\n### Added\n\n- x\n", "1.0.0"),
        ("# Changelog\n\n## [Unreleased]\n\n## [1.0.0] - 2026-11-25\n", "1.0.0 has no entry"),
        ("nothing\n", "CHANGELOG.md"),
    ],
)
def test_a_changelog_that_does_not_tell(
    shop: Shop, capsys: pytest.CaptureFixture[str], changes: str, told: str
) -> None:
    shop.release("1.0.0", changes=changes)
    code, said = release(capsys, "v1.0.0", "--move")
    assert (code, shop.at("v1")) == (1, "")
    assert told in said


def test_only_the_tagged_commit_and_only_of_main(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.release("1.0.0")
    shop.here.git("checkout", "-q", "-b", "side")
    shop.here.commit("chore: side")
    code, said = release(capsys, "v1.0.0", "--move")
    assert (code, shop.at("v1")) == (1, "")
    assert "is checked out" in said
    assert "is not on main: only what was merged is released" in said
    shop.here.git("tag", "v1.0.1")
    assert "the remote has no tag v1.0.1: push it first" in release(capsys, "v1.0.1")[1]


@pytest.mark.parametrize("tag", ["v1", "1.0.0", "v1.0", "v1.0.0-rc.1", "v01.0.0", "--move", "v1.0.0\n", "$(id)"])
def test_a_name_that_is_no_version(shop: Shop, capsys: pytest.CaptureFixture[str], tag: str) -> None:
    shop.release("1.0.0")
    assert release(capsys, tag, "--move")[0] == 2
    assert shop.at("v1") == ""


def test_notes_are_the_section_and_no_more(shop: Shop, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    older = "\n## [0.9.0] - 2026-01-01\n\n### Added\n\n- Older.\n"
    shop.release("1.0.0", changes=CHANGES.format("1.0.0", "New.") + older)
    assert release(capsys, "v1.0.0", "--notes", str(tmp_path / "notes.md"))[0] == 0
    assert (tmp_path / "notes.md").read_text() == "### Added\n\n- New.\n"


def test_the_workflow_tests_first_and_moves_last() -> None:
    data = yamlfile.read(ROOT / ".github" / "workflows" / "release.yml").data
    assert data["on"] == {"push": {"tags": ["v[0-9]+.[0-9]+.[0-9]+"]}}
    jobs = data["jobs"]
    assert [jobs[name].get("needs", []) for name in ("agree", "test", "publish")] == [[], ["agree"], ["test"]]
    writing = {name for name, job in jobs.items() if "write" in job["permissions"].values()}
    assert writing == {"publish"}, "the tests run code, and must not be able to publish"
    steps = [step.get("run", "") for step in jobs["publish"]["steps"]]
    assert [step for step in steps if "--move" in step] == [steps[-1]]
    assert not any("if" in step for step in jobs["publish"]["steps"]), "a step that failed ends it before v1 moves"


# A `gh` of one release: its state and archive are files.
GH = """#!/bin/sh
echo "$@" >> "$GH_STATE/asked"
test ! -e "$GH_STATE/down" || exit 1
case "$2" in
  view) test -e "$GH_STATE/draft" || exit 1; cat "$GH_STATE/draft" ;;
  download) cp "$GH_STATE/asset" "$7" ;;
  delete) rm "$GH_STATE/draft" ;;
  create) test ! -e "$GH_STATE/draft" || exit 1; cp "$4" "$GH_STATE/asset"; echo false > "$GH_STATE/draft" ;;
esac
"""


def publish(folder: Path, state: Path) -> tuple[int, list[str]]:
    """The step itself, as a runner runs it: its exit code, and what `gh` was asked to do."""
    jobs = yamlfile.read(ROOT / ".github" / "workflows" / "release.yml").data["jobs"]
    (text,) = [step["run"] for step in jobs["publish"]["steps"] if step.get("name") == "Publish"]
    programs, temporary = folder / "bin", folder / "temp"
    for one in (programs, temporary):
        one.mkdir(exist_ok=True)
    (programs / "gh").write_text(GH)
    (programs / "gh").chmod(0o755)
    with gzip.open(folder / "deploy-gate-v1.0.0.tar.gz", "wb") as stream:
        stream.write(b"the archive")
    env = {"PATH": f"{programs}:{os.environ['PATH']}", "GH_STATE": str(state), "TAG": "v1.0.0"}
    done = subprocess.run(
        ["bash", "-e", "-c", text],
        cwd=folder,
        env=env | {"RUNNER_TEMP": str(temporary)},
        capture_output=True,
        check=False,
    )
    asked = [line.split()[1] for line in (state / "asked").read_text().splitlines()]
    return done.returncode, asked


def test_a_release_is_published_once_and_a_half_one_again(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    assert publish(tmp_path, state) == (0, ["view", "create"])
    (state / "asked").unlink()
    assert publish(tmp_path, state) == (0, ["view", "download"]), "run again, it stays as it is"
    # Cut off while the archive went up: a draft, which nobody sees.
    (state / "draft").write_text("true\n")
    (state / "asked").unlink()
    assert publish(tmp_path, state) == (0, ["view", "delete", "create"])
    assert (state / "draft").read_text() == "false\n"


def test_a_release_that_somebody_else_made_is_not_taken_for_ours(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "draft").write_text("false\n")
    with gzip.open(state / "asset", "wb") as stream:
        stream.write(b"another archive")
    assert publish(tmp_path, state) == (1, ["view", "download"]), "so that v1 does not move"
    (state / "asset").unlink()
    assert publish(tmp_path, state)[0] == 1, "and one without an archive neither"
    (state / "down").touch()
    assert publish(tmp_path, state)[0] == 1, "nor when GitHub does not answer"
