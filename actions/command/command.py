"""Reads the comment that started this run as a command, and says whether its author may give it."""

from __future__ import annotations

import os
from typing import Any

from deploy_gate import runner
from deploy_gate.catalog import About
from deploy_gate.github import client as github
from deploy_gate.github import fields
from deploy_gate.github.client import Client
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Result, brief, failed, passed
from deploy_gate.signoff import gathering, persons
from deploy_gate.signoff.commands import Command
from deploy_gate.signoff.roles import Holders, everybody, of, parse
from deploy_gate.signoff.rules import Comment, Word
from deploy_gate.units import Variable

ABOUT = About(reads=(*github.READS, "GITHUB_EVENT_NAME", "GITHUB_EVENT_PATH"), timeout=120)


def operate(*, roles: str, role: str, repository: str, token_variable: Variable) -> Result:
    """Passed with the command's name as `measured`; empty where there is none, failed where nobody may give it."""
    validate(roles=roles, role=role)
    known = parse(roles)
    holders = of(role, known) if role else everybody(known)
    if os.environ.get("GITHUB_EVENT_NAME") != "issue_comment" or runner.event().get("action") != "created":
        found = "this run was not started by a new comment, so there is no command"
        raise CouldNotTell(found, "start it on `issue_comment`, types `created`; an edited comment is no command")
    here, where = github.opened(token_variable), github.repository(repository)
    comment = gathering.comment(here, where, _number())
    if not comment.commands:
        return passed("the comment holds no command", measured="")
    if len(comment.commands) > 1:
        return failed(f"the comment holds {len(comment.commands)} commands, expected one", "write one comment for each")
    return judge(comment, comment.commands[0], _refusal(here, where, comment, holders))


def validate(*, roles: str, role: str, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    if role:
        of(role, parse(roles))
    elif not everybody(parse(roles)):
        raise Misconfigured(["`roles` names nobody, so nobody could give a command"])


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


def judge(comment: Comment, command: Command, refusal: str) -> Result:
    """One line of who wants what, and nothing as `measured` unless that person may."""
    text = f" {command.item}" if command.item else ""
    wants = f"/{command.name}{brief(text)} by {brief(comment.author, 60) or 'nobody'}"
    reason = f": {brief(command.text, 300)}" if command.text else ""
    parts = {"command": command.name, "item": command.item, "code": command.code, "text": command.text}
    more: dict[str, Any] = {"evidence": [{"message": wants + reason, "by": comment.author, **parts}]}
    if refusal:
        return failed(f"{wants} does not count: {refusal}", "have somebody say it who holds the role", **more)
    if command.name in ("reject", "rollback") and not command.text.strip(" �"):
        return failed(f"{wants} gives no reason", f"write `/{command.name} REASON`", **more)
    return passed(wants + reason, measured=command.name, **more)
