"""Facts from git hold against a candidate that brings its own attributes, names and configuration."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from support import Repository

from deploy_gate import process, runner
from deploy_gate.facts import base, files, git
from deploy_gate.result import CouldNotTell


def test_an_attribute_does_not_hide_changed_lines(repository: Repository) -> None:
    repository.write("a.py", "x = 1\n")
    first = repository.commit()
    repository.write(".gitattributes", "*.py -diff\n")
    repository.write("a.py", "x = 1\ny = 2\n")
    repository.commit()
    repository.write("deep/er/b.py", "z = 3\n")
    repository.write("picture.bin", "\0" * 5000)
    repository.commit()
    assert git.changed_lines(first) == {"a.py": {2}, "deep/er/b.py": {1}}


def test_names_that_are_not_utf8_are_looked_at(repository: Repository) -> None:
    name = os.fsdecode(b"ev\xffil.py")
    (repository.path / name).write_text("eval(input())\n")
    repository.commit()
    assert files.below(["."]) == [name]


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """A program that leaves a mark when it is run."""
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\nexec cat\n")
    program.chmod(0o755)
    return tmp_path / "ran"


@pytest.mark.parametrize("key", ["core.fsmonitor", "core.pager", "diff.external", "core.hooksPath", "core.sshCommand"])
def test_the_repositorys_configuration_starts_no_program(repository: Repository, marker: Path, key: str) -> None:
    repository.write("a.py", "x = 1\n")
    first = repository.commit()
    repository.write("a.py", "x = 2\n")
    repository.commit()
    repository.git("config", key, str(marker.with_name("program")))
    git.changed_lines(first)
    git.changed_files(first)
    git.present(["."])
    git.tree()
    assert not marker.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository to somebody else")
def test_somebody_elses_repository_is_trusted_on_a_runner_alone(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit()
    subprocess.run(["chown", "-R", "65534:65534", str(repository.path)], check=True)
    assert git.head() == ""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert len(git.head()) == 40


def test_a_program_in_the_workspace_is_not_taken_for_git(
    repository: Repository, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit()
    (repository.path / "git").symlink_to(marker.with_name("program"))
    monkeypatch.setenv("PATH", f":.:{os.environ['PATH']}")
    assert len(git.head()) == 40
    assert not marker.exists()
    assert all(Path(entry).is_absolute() for entry in process.allowed_environment()["PATH"].split(":"))


@pytest.mark.parametrize("before", ["\0x", "\ud800", "--output=x", "main", 7, None, ["a"], "0" * 40])
def test_the_event_is_a_file_that_others_may_have_written(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, before: object
) -> None:
    payload = tmp_path / "event.json"
    payload.write_text(json.dumps({"before": before, "pull_request": {"base": {"sha": before}}}))
    monkeypatch.setenv("GITHUB_EVENT_NAME", "push")
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(payload))
    assert runner.commit_before_push() == ""
    repository.commit()
    if before == "0" * 40:
        with pytest.raises(CouldNotTell, match="not in this clone"):
            base.of("")
    else:
        assert base.of("") == base.EMPTY_TREE


@pytest.mark.parametrize("text", ["[" * 200_000, "[1]", "not json", ""])
def test_an_unreadable_event_is_no_event(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    (tmp_path / "event.json").write_text(text)
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
    assert runner.event() == {}


@pytest.fixture
def pushed(repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Three commits, pushed at once on top of the first; returns the commit before the push."""
    before = repository.commit("one")
    repository.commit("two")
    repository.commit("three")
    (tmp_path / "event.json").write_text(json.dumps({"before": before}))
    monkeypatch.setenv("GITHUB_EVENT_NAME", "push")
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
    return before


def test_a_push_is_measured_from_the_commit_before_it(pushed: str) -> None:
    assert base.of("") == pushed


def test_a_clone_that_does_not_reach_back_is_no_base(
    repository: Repository, pushed: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    repository.git("clone", "-q", "--depth", "2", f"file://{repository.path}", str(tmp_path / "shallow"))
    monkeypatch.chdir(tmp_path / "shallow")
    with pytest.raises(CouldNotTell, match=f"before this push, {pushed[:12]}, is not in this shallow clone") as fault:
        base.of("")
    assert "fetch-depth: 0" in fault.value.fix
