"""Reads the comment that started this run as a command, and says whether its author may give it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from deploy_gate import runner
from deploy_gate.catalog import About
from deploy_gate.github import client as github
from deploy_gate.github import fields
from deploy_gate.github.client import Client
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Result, brief, failed, passed
from deploy_gate.signoff import commands, gathering, persons, standing, subject
from deploy_gate.signoff.commands import Command
from deploy_gate.signoff.roles import Holders, everybody, of, parse
from deploy_gate.signoff.rules import Comment, Word
from deploy_gate.signoff.subject import Subject
from deploy_gate.units import Variable

ABOUT = About(
    reads=(*github.READS, "GITHUB_EVENT_NAME", "GITHUB_EVENT_PATH"),
    github=("contents: read", "issues: read", "pull-requests: read"),
    timeout=120,
)
_SERVERS = ("rollback", "hold")


def operate(
    *,
    roles: str,
    role: str,
    checklist: Path | None,
    environment: str,
    ledger_signers: str,
    repository: str,
    token_variable: Variable,
) -> Result:
    """Passed with the command's name as `measured`; empty where there is none, failed where nobody may give it."""
    holders = _holders(roles or standing.roles(checklist), role)
    action = runner.event().get("action")
    if os.environ.get("GITHUB_EVENT_NAME") != "issue_comment" or action not in ("created", "edited", "deleted"):
        found = "this run was not started by a comment, so there is no command"
        raise CouldNotTell(found, "start it on `issue_comment`; only a new comment is a command")
    here, where = github.opened(token_variable), github.repository(repository)
    if action != "created":
        return gone(str(action), _was(), subject.of_event(here, where))
    comment = gathering.comment(here, where, _number())
    if not comment.commands:
        return passed("the comment holds no command", measured="")
    if len(comment.commands) > 1:
        found = f"the comment holds {len(comment.commands)} commands, expected one"
        first = {"message": found, "command": comment.commands[0].name, "by": comment.author}
        return failed(found, "write one comment for each", evidence=[first])
    if comment.commands[0].name in _SERVERS:
        # Who may sign for a release its own gate decides; whom the servers obey, the live one.
        holders = _holders(roles or standing.roles(checklist, environment, ledger_signers), role)
    refusal = _refusal(here, where, comment, holders)
    return judge(comment, comment.commands[0], refusal, Subject(0) if refusal else subject.of_event(here, where))


def validate(*, roles: str, role: str, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    if roles and role:
        of(role, parse(roles))
    elif roles and not everybody(parse(roles)):
        raise Misconfigured(["`roles` names nobody, so nobody could give a command"])


def _holders(roles: str, role: str) -> Holders:
    known = parse(roles)
    if not (holders := of(role, known) if role else everybody(known)):
        raise CouldNotTell("nobody holds a role, so nobody could give a command", "name people under `roles:`")
    return holders


def _was() -> list[Command]:
    """What an edited or deleted comment said, before and now; nobody acts on it, so the event may be believed."""
    payload = runner.event()
    before = fields.inner(fields.inner(payload, "changes"), "body").get("from")
    texts = (before, fields.inner(payload, "comment").get("body"))
    return [one for text in texts if isinstance(text, str) for one in commands.parse(text)]


def gone(action: str, was: list[Command], about: Subject) -> Result:
    """It is no command any more; that it was one is told, so that people hear what became of it."""
    if not was:
        return passed(f"the comment that was {action} holds no command", measured="")
    found = f"the comment with /{was[0].name} was {action}, so it does not count as a command"
    return passed(found, measured="", evidence=[{"message": found, "command": was[0].name, **_about(about)}])


def _about(about: Subject) -> dict[str, str]:
    return {"commit": about.commit, "release": about.release}


def _number() -> int:
    return fields.number(fields.inner(runner.event(), "comment"), "id")


def _refusal(here: Client, where: str, comment: Comment, holders: Holders) -> str:
    """Why its author may not; what the event says of him is not believed, but asked for."""
    if not comment.genuine or not comment.author:
        return "a program wrote it"
    if comment.edited:
        return "it was edited afterwards"
    word = Word(comment.author, "yes", "", comment.at, comment.url)
    return persons.standing(here, where, word, holders, holders).refusal


def judge(comment: Comment, command: Command, refusal: str, about: Subject) -> Result:
    """One line of who wants what, and nothing as `measured` unless that person may."""
    about_what = command.item or command.role
    text = f" {about_what}" if about_what else ""
    wants = f"/{command.name}{brief(text)} by {brief(comment.author, 60) or 'nobody'}"
    reason = f": {brief(command.text, 300)}" if command.text else ""
    parts = {"command": command.name, "item": command.item, "code": command.code, "text": command.text}
    parts |= _about(about)
    more: dict[str, Any] = {"evidence": [{"message": wants + reason, "by": comment.author, **parts}]}
    if refusal:
        return failed(f"{wants} does not count: {refusal}", "have somebody say it who holds the role", **more)
    if command.name in ("reject", "rollback") and not command.text.strip(" �"):
        return failed(f"{wants} gives no reason", f"write `/{command.name} REASON`", **more)
    return passed(wants + reason, measured=command.name, **more)
