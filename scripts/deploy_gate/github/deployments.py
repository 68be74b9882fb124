"""Deployments as GitHub keeps them: the newest of an environment, how it ended, and of which release it was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from deploy_gate.facts import git
from deploy_gate.github import fields
from deploy_gate.github.client import Client, Question, path
from deploy_gate.result import brief


@dataclass(frozen=True, slots=True)
class Deployment:
    """The newest one; `state` is GitHub's word for its newest status (empty: it has none yet), which is of `at`."""

    id: int
    commit: str
    tree: str
    state: str
    began: datetime
    at: datetime
    url: str = ""


def newest(client: Client, repository: str, environment: str) -> Deployment | None:
    """The environment's newest deployment; None when there was none."""
    where = repository + path("deployments", environment=environment, per_page="100")
    found = client.get(Question(where, f"deployments to {brief(environment)}", "deployments=read"))
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise fields.wrong("deployments")
    if not found:
        return None
    if any(one.get("environment") != environment for one in found):
        raise fields.wrong("environment")
    one = max(found, key=lambda each: fields.number(each, "id"))
    number, commit = fields.number(one, "id"), fields.commit(one, "sha")
    where = repository + path("deployments", str(number), "statuses")
    states = client.all(Question(where, f"statuses of deployment {number}", "deployments=read"))
    last = max(states, key=lambda state: fields.number(state, "id"), default=None)
    began, at = fields.moment(one, "created_at"), fields.moment(last or one, "created_at")
    state = fields.text(last, "state") if last else ""
    return Deployment(number, commit, tree(client, repository, commit), state, began, at, _url(last))


def tree(client: Client, repository: str, commit: str) -> str:
    """The tree of a commit: from this clone, else from GitHub."""
    if known := git.resolve(commit):
        return git.output("rev-parse", "--verify", f"{known}^{{tree}}").strip()
    where = repository + path("git", "commits", commit)
    found = client.get(Question(where, f"commit {brief(commit[:12])}", "contents=read"))
    return fields.text(fields.inner(found if isinstance(found, dict) else {}, "tree"), "sha")


def _url(status: fields.Object | None) -> str:
    found = (status or {}).get("log_url")
    return found if isinstance(found, str) else ""
