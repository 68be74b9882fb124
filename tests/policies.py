"""A shop whose checklist is law: a ledger that knows what is live, and a GitHub that knows who wrote what."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from github_server import GitHub, ago
from support import Repository

from deploy_gate.ledger import chain
from deploy_gate.ledger.entry import Entry, Kind, Outcome

UNTIL = str((datetime.now(UTC) + timedelta(days=300)).date())
WAIVED = {"why": "the tool is wrong", "by": "ada", "until": UNTIL}
MOMENT = "2026-11-25T02:30:00Z"


class People:
    """What GitHub says of commits, of the pull request #7, and of what is said there."""

    def __init__(self, github: GitHub) -> None:
        self.github = github
        self.said = github.list("/issues/7/comments")

    def user(self, login: str) -> dict[str, Any]:
        user: dict[str, Any] = self.github.example("issue-comment-items")["user"]
        return user | {"login": login}

    def commit(self, commit: str, committer: str, author: str = "", *, verified: bool = True) -> None:
        """GitHub knows a commit: whose key signed it, and who is said to have written it."""
        one = self.github.example("commit") | {"sha": commit, "files": []}
        one |= {"committer": self.user(committer), "author": self.user(author or committer)}
        one["commit"]["verification"] |= {"verified": verified, "reason": "valid" if verified else "unsigned"}
        self.github.object(f"/commits/{commit}", one)

    def pull(self, commit: str, merged_by: str = "") -> None:
        """The commit belongs to #7, by eve, which somebody may have merged."""
        one = self.github.example("pull-request-simple-items") | {"number": 7, "state": "open", "requested_teams": []}
        one |= {"user": self.user("eve"), "merge_commit_sha": commit if merged_by else "e" * 40}
        if merged_by:
            one |= {"state": "closed", "merged_at": ago(hours=1)}
            whole = self.github.example("pull-request") | {"number": 7, "requested_teams": []}
            whole |= {"merged_by": self.user(merged_by), "merge_commit_sha": commit}
            self.github.object("/pulls/7", whole)
        self.github.list(f"/commits/{commit}/pulls", entries=[one])
        written = self.github.example("commit-items") | {"author": self.user("eve"), "committer": self.user("eve")}
        self.github.list("/pulls/7/commits", entries=[written])

    def compared(self, live: str, commit: str, *authors: str) -> None:
        """What is new since a commit was written by these people."""
        one = self.github.example("commit-items")
        commits = [one | {"author": self.user(login), "committer": self.user(login)} for login in authors]
        whole = self.github.example("commit-comparison") | {"files": []}
        self.github.object(f"/compare/{live}...{commit}", whole | {"commits": commits, "total_commits": len(commits)})

    def say(self, login: str, body: str, level: str = "write") -> None:
        """A comment on #7, by somebody who may write or not."""
        one = self.github.example("issue-comment-items")
        at = ago(minutes=60 - len(self.said))
        self.said.append(one | {"user": self.user(login), "body": body, "created_at": at, "updated_at": at})
        may = {"permission": level, "role_name": level, "user": self.user(login) | {"role_name": level}}
        self.github.object(f"/collaborators/{login}/permission", may)


def checklist(items: dict[str, Any], **more: Any) -> str:
    """A checklist of its own with a protected production."""
    usual = {"section": "quality", "phases": ["pre-deploy"], "check": "fine"}
    lines = {name: {**usual, "title": f"Line {name}", **item} for name, item in items.items()}
    places = {"production": {"branch": "main", "protected": True}, "staging": {"branch": "develop"}}
    sections = {"quality": {"part": "Before", "title": "Quality"}}
    whole = {"version": 1, "sections": sections, "environments": places, "items": lines, **more}
    # Through JSON, so that no value is shared: YAML would write an anchor, and the gate refuses those.
    return yaml.safe_dump(json.loads(json.dumps(whole)), sort_keys=False)


def entry(commit: str, release: str, **more: Any) -> Entry:
    """One that went well."""
    usual = {"environment": "production", "kind": Kind.DEPLOY, "outcome": Outcome.DEPLOYED}
    return Entry(**{**usual, "began": MOMENT, "ended": MOMENT, "commit": commit, "release": release} | more)


def recorded(repository: Repository, *entries: Entry) -> None:
    """The ledger as a whole clone has it."""
    head, raw = chain.Head(), b""
    for one in entries:
        line, head = chain.line(one.as_json(), head)
        raw += line
    written(repository, raw)


def written(repository: Repository, raw: bytes) -> None:
    """The ledger's branch with just these bytes."""
    Path(repository.path, ".git", "ledger.part").write_bytes(raw)
    blob = repository.git("hash-object", "-w", ".git/ledger.part")
    listed = f"100644 blob {blob}\tledger.jsonl\n"
    made = subprocess.run(
        ["git", "mktree"], cwd=repository.path, input=listed, check=True, capture_output=True, text=True
    )
    commit = repository.git("commit-tree", "-m", "ledger", made.stdout.strip())
    repository.git("update-ref", "refs/remotes/origin/deploy-ledger", commit)
