"""command: what a comment asks for, and who may ask."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from github_server import GitHub, ago
from ledgers import key_pair
from policies import entry, recorded, written
from support import Repository

from deploy_gate.result import Result, Status

Ask = Callable[..., Result]
ROLES = "devops: grace\nqa: ada"


class Talk:
    """A comment on an issue, and the event it makes."""

    def __init__(self, github: GitHub, event: Path) -> None:
        self.github, self.event = github, event
        for login, level in (("grace", "write"), ("ada", "read"), ("kay", "admin")):
            user = github.example("issue-comment-items")["user"] | {"login": login, "role_name": level}
            whole = {"permission": level, "role_name": level, "user": user}
            github.object(f"/collaborators/{login}/permission", whole)

    def say(self, login: str, body: str, action: str = "created", **more: Any) -> None:
        one = self.github.example("issue-comment-items")
        one |= {"user": one["user"] | {"login": login, "type": "User"}, "body": body}
        one |= {"created_at": ago(minutes=1), "updated_at": ago(minutes=1)}
        one |= {key: value for key, value in more.items() if key != "event"}
        self.github.object(f"/issues/comments/{one['id']}", one)
        forged = {"id": one["id"], "body": "/rollback forged", "user": {"login": "grace"}}
        whole = {"action": action, "comment": forged, "issue": {"number": 9}}
        if action == "edited":
            whole["changes"] = {"body": {"from": body}}
        self.event.write_text(json.dumps(whole | more.get("event", {})))


@pytest.fixture
def talk(github: GitHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Talk:
    monkeypatch.setenv("GITHUB_EVENT_NAME", "issue_comment")
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
    return Talk(github, tmp_path / "event.json")


@pytest.mark.parametrize(
    ("body", "name", "text"),
    [
        ("/rollback orders fail", "rollback", "orders fail"),
        ("/reject too slow", "reject", "too slow"),
        ("please\n/hold", "hold", ""),
        ("/approve 0123456789ab", "approve", ""),
        ("thanks", "", None),
    ],
)
def test_a_command(ask: Ask, talk: Talk, body: str, name: str, text: str | None) -> None:
    talk.say("Grace", body)
    result = ask("command", roles=ROLES)
    assert (result.status, result.measured) == (Status.PASSED, name)
    assert [(one["by"], one["text"]) for one in result.evidence] == ([] if text is None else [("grace", text)])


@pytest.mark.parametrize(
    ("login", "more", "reason"),
    [
        ("ada", {}, "no right to write to the repository"),
        ("kay", {}, "kay does not hold the role"),
        ("mallory", {}, "mallory does not hold the role"),
        ("grace", {"updated_at": ago(minutes=0)}, "it was edited afterwards"),
    ],
)
def test_who_may_not(ask: Ask, talk: Talk, login: str, more: dict[str, Any], reason: str) -> None:
    talk.say(login, "/rollback now", **more)
    result = ask("command", roles=ROLES)
    assert (result.status, result.measured) == (Status.FAILED, None)
    assert result.found == f"/rollback by {login} does not count: {reason}"


def test_one_role_alone(ask: Ask, talk: Talk) -> None:
    talk.say("grace", "/rollback now")
    assert ask("command", roles=ROLES, role="devops").status is Status.PASSED
    assert ask("command", roles=ROLES, role="qa").status is Status.FAILED


@pytest.mark.parametrize("body", ["/rollback", "/reject", "/hold\n/rollback x"])
def test_a_command_that_is_none(ask: Ask, talk: Talk, body: str) -> None:
    talk.say("grace", body)
    assert ask("command", roles=ROLES).status is Status.FAILED


@pytest.mark.parametrize(("action", "body"), [("edited", "thanks"), ("edited", "/hold"), ("deleted", "/hold")])
def test_only_a_new_comment_is_a_command(ask: Ask, talk: Talk, action: str, body: str) -> None:
    talk.say("grace", body, action=action)
    result = ask("command", roles=ROLES)
    assert (result.status, result.measured) == (Status.PASSED, "")
    # What the comment holds now is a command in these events, whatever it was before.
    assert "so it does not count as a command" in result.found
    assert result.evidence[0]["command"] == ("hold" if (action, body) == ("edited", "/hold") else "rollback")


def test_other_events(ask: Ask, talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    talk.say("grace", "/rollback now", action="pinned")
    assert ask("command", roles=ROLES).status is Status.ERROR
    talk.say("grace", "/rollback now")
    monkeypatch.setenv("GITHUB_EVENT_NAME", "push")
    assert ask("command", roles=ROLES).status is Status.ERROR


def test_roles_of_the_checklist(ask: Ask, talk: Talk, repository: Repository) -> None:
    law = {"version": 1, "roles": {"devops": ["grace"]}, "sections": {}, "items": {}}
    repository.write("checklist.yml", json.dumps(law))
    talk.say("grace", "/hold")
    assert ask("command").measured == "hold"
    repository.write("checklist.yml", json.dumps(law | {"roles": {"devops": []}}))
    result = ask("command")
    assert (result.status, result.found) == (Status.ERROR, "nobody holds a role, so nobody could give a command")


def test_the_servers_listen_to_whom_the_live_release_names(
    ask: Ask, talk: Talk, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Merged is not let through: who stands in the branch's checklist may sign, and reaches no server yet."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    repository.origin()
    law = {"version": 1, "sections": {}, "items": {}}
    repository.write("checklist.yml", json.dumps(law | {"roles": {"devops": ["grace"]}}))
    commit = repository.commit("feat: live")
    recorded(repository, entry(commit, repository.git("rev-parse", "HEAD^{tree}")))
    repository.write("checklist.yml", json.dumps(law | {"roles": {"devops": ["ida"]}}))
    repository.commit("feat: merged")
    user = talk.github.example("issue-comment-items")["user"] | {"login": "ida", "role_name": "write"}
    whole = {"permission": "write", "role_name": "write", "user": user}
    talk.github.object("/collaborators/ida/permission", whole)
    for words in ("/rollback now", "/hold"):
        talk.say("ida", words)
        assert ask("command").status is Status.PASSED
        result = ask("command", environment="production")
        assert result.status is Status.FAILED
        assert "ida does not hold the role" in result.found
    talk.say("ida", "/approve 0123456789ab")
    assert ask("command", environment="production").measured == "approve"
    talk.say("grace", "/rollback now")
    assert ask("command", environment="production").measured == "rollback"
    # Who may push could write a release of his own into a ledger that nobody signs.
    result = ask("command", environment="production", ledger_signers=key_pair(tmp_path, "ledger")[1])
    assert (result.status, result.measured) == (Status.ERROR, None)
    written(repository, b'{"seq":7}\n')
    result = ask("command", environment="production")
    assert (result.status, result.measured) == (Status.ERROR, None)


@pytest.mark.parametrize("merged", [True, False])
def test_which_release_a_pull_request_is_about(ask: Ask, talk: Talk, merged: bool) -> None:
    commits = {"m" if merged else "h": "a" * 40}
    pull: dict[str, Any] = talk.github.example("pull-request") | {"number": 9, "requested_teams": []}
    pull |= {"merged_at": ago(hours=1) if merged else None, "merge_commit_sha": commits.get("m", "c" * 40)}
    pull["head"] |= {"sha": commits.get("h", "c" * 40)}
    talk.github.object("/pulls/9", pull)
    whole = talk.github.example("git-commit") | {"sha": "a" * 40}
    whole["tree"] |= {"sha": "b" * 40}
    talk.github.object(f"/git/commits/{'a' * 40}", whole)
    talk.say("grace", "/rollback now", event={"issue": {"number": 9, "pull_request": {"url": "x"}}})
    [said] = ask("command", roles=ROLES).evidence
    assert (said["commit"], said["release"]) == ("a" * 40, "b" * 40)


@pytest.mark.parametrize("where", ["comments", "permission"])
@pytest.mark.parametrize("code", [403, 404, 500])
def test_no_answer_is_no_command(ask: Ask, talk: Talk, where: str, code: int) -> None:
    talk.say("grace", "/rollback now")
    talk.github.fail(where, code, {})
    result = ask("command", roles=ROLES)
    assert result.status in (Status.ERROR, Status.FAILED)
    assert result.measured is None
