"""deploy-branch on real clones of a real remote: whole, shallow, behind, ahead, rewritten, unreachable."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from support import Repository

from deploy_gate import process
from deploy_gate.catalog import Catalog
from deploy_gate.facts import remote
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Result, Status

Ask = Callable[..., Result]


@pytest.fixture
def clone(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Repository]:
    """A clone of the remote (`repository`), which is also the working directory."""
    repository.commit("one")
    repository.commit("two")
    repository.commit("three")

    def made(*options: str) -> Repository:
        folder = tmp_path / "clone"
        subprocess.run(["git", "clone", "-q", *options, repository.path.as_uri(), folder], check=True)
        monkeypatch.chdir(folder)
        found = object.__new__(Repository)
        found.path = folder
        found.git("config", "user.name", "Ada")
        found.git("config", "user.email", "ada@shop.example")
        return found

    return made


@pytest.fixture
def look(ask: Ask) -> Ask:
    return lambda branch="main", **given: ask("deploy-branch", branch=branch, **given)


@pytest.fixture
def server() -> Iterator[tuple[int, list[str]]]:
    """A server that wants to know who asks, and lets nobody in; the port, and what it was shown."""
    shown: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown.append(str(self.headers.get_all("Authorization")))
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic realm=x")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found.server_port, shown
        found.shutdown()
        thread.join()


def test_the_newest_commit(clone: Callable[..., Repository], look: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    here = clone()
    result = look()
    commit = here.git("rev-parse", "HEAD")
    assert result.status is Status.PASSED
    assert result.found == f"this run is for main, and commit {commit[:12]} is on it at the remote: the newest commit"
    monkeypatch.setenv("GITHUB_REF", "refs/heads/main")
    here.git("checkout", "-q", "--detach")
    assert look().status is Status.PASSED


@pytest.mark.parametrize("options", [(), ("--depth=1",)])
def test_an_older_commit_in_a_whole_and_in_a_shallow_clone(
    clone: Callable[..., Repository], repository: Repository, look: Ask, options: tuple[str, ...]
) -> None:
    here = clone(*options)
    before = here.git("count-objects", "-v"), here.git("config", "--list")
    newer = repository.commit("four")
    result = look()
    assert result.status is Status.PASSED
    assert result.found.endswith(f"is on it at the remote: older than its newest, {newer[:12]}")
    assert (here.git("count-objects", "-v"), here.git("config", "--list")) == before, "the clone is left as it was"


def test_a_commit_that_was_never_pushed(clone: Callable[..., Repository], look: Ask) -> None:
    mine = clone().commit("mine")
    result = look()
    assert result.status is Status.FAILED
    assert result.found.startswith(f"commit {mine[:12]} is not on main at the remote, which is at ")


def test_a_commit_of_another_branch_at_the_remote(
    clone: Callable[..., Repository], repository: Repository, look: Ask
) -> None:
    repository.git("checkout", "-q", "-b", "feature")
    repository.commit("feature")
    here = clone()
    here.git("fetch", "-q", "origin", "feature")
    here.git("reset", "-q", "--hard", "FETCH_HEAD")
    here.git("checkout", "-q", "-B", "main")
    assert look().status is Status.FAILED, "it is called main here, and is not on main there"
    here.git("update-ref", "refs/remotes/origin/main", "HEAD")
    assert look().status is Status.FAILED, "what this clone believes of the remote does not count"


def test_a_branch_that_was_rewritten_since(clone: Callable[..., Repository], repository: Repository, look: Ask) -> None:
    clone()
    repository.git("reset", "-q", "--hard", "HEAD~2")
    repository.commit("another")
    assert look().status is Status.FAILED


@pytest.mark.parametrize(
    ("ref", "named"),
    [
        ("refs/heads/develop", "the branch develop"),
        ("refs/tags/main", "the tag main"),
        ("refs/pull/7/merge", "pull request 7/merge"),
        ("refs/heads/x\x1b[2J", "the branch x�[2J"),
    ],
)
def test_a_run_for_something_else(
    clone: Callable[..., Repository], look: Ask, ref: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone()
    monkeypatch.setenv("GITHUB_REF", ref)
    result = look()
    assert result.status is Status.FAILED
    assert result.found == f"this run is for {named}, the environment is deployed from the branch main"


def test_a_fork_whose_branch_has_the_same_name(
    clone: Callable[..., Repository], look: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone()
    monkeypatch.setenv("GITHUB_HEAD_REF", "main")
    monkeypatch.setenv("GITHUB_REF", "refs/pull/7/merge")
    assert look().status is Status.FAILED


def test_a_run_that_another_one_started(
    clone: Callable[..., Repository], look: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone()
    event = tmp_path / "event.json"
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(event))
    monkeypatch.setenv("GITHUB_EVENT_NAME", "workflow_run")
    monkeypatch.setenv("GITHUB_REF", "refs/heads/main")
    event.write_text(json.dumps({"workflow_run": {"head_branch": "feature"}}))
    assert look().status is Status.FAILED
    event.write_text(json.dumps({"workflow_run": {"head_branch": "main"}}))
    assert look().status is Status.PASSED


def test_no_such_branch_at_the_remote(
    clone: Callable[..., Repository], look: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone()
    monkeypatch.setenv("GITHUB_REF", "refs/heads/production")
    result = look("production")
    assert (result.status, result.found) == (Status.FAILED, "the remote has no branch production")


def test_could_not_tell(clone: Callable[..., Repository], look: Ask, tmp_path: Path) -> None:
    here = clone()
    assert look(remote="upstream").status is Status.ERROR
    here.git("remote", "set-url", "origin", (tmp_path / "gone").as_uri())
    result = look()
    assert result.status is Status.ERROR
    assert result.found.startswith("the remote cannot be asked: ")
    here.git("checkout", "-q", "--detach")
    assert look().found.startswith("nobody says which branch this is")


def test_outside_a_repository(look: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert (look().status, look().found) == (Status.ERROR, "no commit is checked out here")


@pytest.mark.parametrize("place", ["--local", "--global"])
@pytest.mark.parametrize("key", ["core.sshCommand", "credential.helper", "core.askPass", "uploadpack"])
def test_nothing_that_is_configured_is_started(
    clone: Callable[..., Repository],
    look: Ask,
    tmp_path: Path,
    server: tuple[int, list[str]],
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    place: str,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    here = clone()
    mark = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {mark}\n")
    program.chmod(0o755)
    if key == "uploadpack":
        here.git("config", place, "remote.origin.uploadpack", str(program))
        assert look().status is Status.PASSED
    else:
        here.git("config", place, key, str(program))
        where = "ssh://127.0.0.1:1/x" if key == "core.sshCommand" else f"http://127.0.0.1:{server[0]}/x"
        here.git("remote", "set-url", "origin", where)
        assert look().status is Status.ERROR
    here.git("remote", "set-url", "origin", f"ext::{program}")
    assert look().status is Status.ERROR
    assert not mark.exists()


def test_the_token_goes_to_its_own_server_alone(
    clone: Callable[..., Repository], look: Ask, server: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, shown = server
    here = clone()
    here.git("remote", "set-url", "origin", f"http://127.0.0.1:{port}/shop.git")
    monkeypatch.setenv("GITHUB_TOKEN", "a-token")
    assert look().status is Status.ERROR
    monkeypatch.setenv("GITHUB_SERVER_URL", f"http://127.0.0.1:{port}")
    assert look().status is Status.ERROR
    basic = base64.b64encode(b"x-access-token:a-token").decode()
    assert shown == ["None", str([f"basic {basic}"])]
    here.git("config", f"http.http://127.0.0.1:{port}/.extraheader", "AUTHORIZATION: basic left-by-checkout")
    look()
    assert shown[2] == str(["basic left-by-checkout"]), "two of them would be refused"


def test_a_password_in_the_address_is_not_told(
    clone: Callable[..., Repository], look: Ask, server: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, shown = server
    clone().git("remote", "set-url", "origin", f"http://ada:gehe%20im@127.0.0.1:{port}/shop.git")
    asked: list[list[str]] = []

    def noted(argv: list[str], **given: Any) -> process.Finished:
        asked.append(argv)
        return process.run(argv, **given)

    monkeypatch.setattr(remote, "run", noted)
    result = look()
    assert result.status is Status.ERROR
    assert "gehe" not in str(result.as_json())
    assert shown == [str([f"basic {base64.b64encode(b'ada:gehe im').decode()}"])]
    # Nor in a list of processes.
    assert [words for words in asked if any("gehe" in str(word) for word in words)] == []
    assert any(f"http://127.0.0.1:{port}/shop.git" in words for words in asked)


@pytest.mark.parametrize("name", ["-x", "a..b", "a b", "a~1", "", "/a", "a.lock", "a@{1}", "a\nb"])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(Misconfigured):
        Catalog().get("deploy-branch").module.validate(branch=name, remote="origin")
