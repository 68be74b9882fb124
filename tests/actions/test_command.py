"""command: what a comment asks for, and who may ask."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from github_server import GitHub, ago

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
        one |= {"created_at": ago(minutes=1), "updated_at": ago(minutes=1)} | more
        self.github.object(f"/issues/comments/{one['id']}", one)
        forged = {"id": one["id"], "body": "/rollback forged", "user": {"login": "grace"}}
        self.event.write_text(json.dumps({"action": action, "comment": forged}))


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


def test_only_new_comments(ask: Ask, talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    talk.say("grace", "/rollback now", action="edited")
    assert ask("command", roles=ROLES).status is Status.ERROR
    talk.say("grace", "/rollback now")
    monkeypatch.setenv("GITHUB_EVENT_NAME", "push")
    assert ask("command", roles=ROLES).status is Status.ERROR


@pytest.mark.parametrize("where", ["comments", "permission"])
@pytest.mark.parametrize("code", [403, 404, 500])
def test_no_answer_is_no_command(ask: Ask, talk: Talk, where: str, code: int) -> None:
    talk.say("grace", "/rollback now")
    talk.github.fail(where, code, {})
    result = ask("command", roles=ROLES)
    assert result.status in (Status.ERROR, Status.FAILED)
    assert result.measured is None
