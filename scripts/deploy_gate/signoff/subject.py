"""What people talk about under an issue or pull request: the commit that is or would be deployed, and its release."""

from __future__ import annotations

from dataclasses import dataclass

from deploy_gate import runner
from deploy_gate.github import deployments, fields
from deploy_gate.github.client import Client, Question, path


@dataclass(frozen=True, slots=True)
class Subject:
    """The number; of a pull request also its commit and that commit's tree, which are empty for an issue."""

    number: int
    commit: str = ""
    release: str = ""


def of_event(client: Client, repository: str) -> Subject:
    """Of the issue or pull request that this run's event is about."""
    issue = fields.inner(runner.event(), "issue")
    number = fields.number(issue, "number")
    if not issue.get("pull_request"):
        return Subject(number)
    asked = Question(repository + path("pulls", str(number)), f"pull request #{number}", "pull-requests=read")
    pull = client.get(asked)
    if not isinstance(pull, dict) or pull.get("number") != number:
        raise fields.wrong("number")
    # Merged, it is the commit on the branch that is deployed: a squash or a rebase makes another one of it.
    merged = bool(pull.get("merged_at"))
    commit = fields.commit(pull, "merge_commit_sha") if merged else fields.commit(fields.inner(pull, "head"), "sha")
    return Subject(number, commit, deployments.tree(client, repository, commit))
