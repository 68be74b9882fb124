"""Who pushed commits that do not prove their author: a commit's name and e-mail are whatever its writer typed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from deploy_gate.github import fields
from deploy_gate.github.client import Client, Question, path
from deploy_gate.result import brief

PERIOD = "quarter"
_PUSHES = ("push", "force_push")
_BRANCH = "branch_creation"
_NEVER = datetime.max.replace(tzinfo=UTC)


def unsigned(one: fields.Object) -> bool:
    """Whether nobody's signature vouches for a commit."""
    return fields.inner(fields.inner(one, "commit"), "verification").get("verified") is not True


def squashed(one: fields.Object, button: str) -> bool:
    """Whether GitHub made the commit of others, whose signatures it does not show: it signs such ones itself."""
    parents = one.get("parents")
    return fields.login(one, "committer") == button and not (isinstance(parents, list) and len(parents) > 1)


def pushed(
    client: Client, repository: str, login: str, commits: frozenset[str], pulls: Iterable[dict[str, Any]]
) -> bool:
    """Whether somebody pushed one of these commits, or anything to the branch of one of these pull requests."""
    where = repository + path("activity", actor=login, time_period=PERIOD)
    found = client.all(Question(where, f"pushes of {brief(login, 60)}", "contents=read"))
    heads = _heads(repository, pulls)
    return any(fields.login(one, "actor") == login and _brings(one, commits, heads) for one in found)


def _heads(repository: str, pulls: Iterable[dict[str, Any]]) -> dict[str, datetime]:
    """Their branches here, each with the moment from which on all that is pushed there is part of the change."""
    found: dict[str, datetime] = {}
    for one in pulls:
        head = fields.inner(one, "head")
        home = str(fields.inner(head, "repo").get("full_name")).lower()
        if home == repository.removeprefix("/repos/").lower():
            ref, since = f"refs/heads/{fields.text(head, 'ref')}", fields.moment(one, "created_at")
            found[ref] = min(since, found.get(ref, since))
    return found


def _brings(one: fields.Object, commits: frozenset[str], heads: dict[str, datetime]) -> bool:
    """A branch that is made elsewhere, of a commit that is there already, brings nothing."""
    kind, ref = one.get("activity_type"), one.get("ref")
    ours = ref in heads
    if kind not in _PUSHES and not (kind == _BRANCH and ours):
        return False
    return one.get("after") in commits or (ours and fields.moment(one, "timestamp") >= heads.get(str(ref), _NEVER))
