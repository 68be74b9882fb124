"""A shop on GitHub that is ready to be deployed: CI green, staging proven, three people signed, secrets young."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from github_server import NAME, GitHub, ago
from support import Repository

from deploy_gate.checklist import loading
from deploy_gate.signoff.commands import binding

ITEMS = (
    *("secrets-rotated", "rotation", "staging-succeeded", "commits-reviewed", "ci-green"),
    *("signoff-tech-lead", "signoff-devops", "signoff-qa", "signoff-product-owner"),
)
SECRETS = ("DATABASE_URL", "REDIS_URL")
SIGNERS = {"tech-lead": "ada", "devops": "grace", "qa": "joan", "product-owner": "ada"}
RUN = 4242


def checklist() -> str:
    """What the shop's own file says."""
    whole = {
        "version": 1,
        "extends": "default",
        "environments": {"production": {"repository": NAME, "app_token_variable": "GITHUB_TOKEN"}},
        "roles": {role: [login] for role, login in SIGNERS.items()},
        "items": {name: {"with": {"names": list(SECRETS)}} for name in ("secrets-rotated", "rotation")},
    }
    return yaml.safe_dump(whole)


def build(github: GitHub, repository: Repository) -> str:
    """Fill GitHub and the clone; the commit that is to be deployed."""
    repository.origin()
    repository.write("checklist.yml", checklist())
    repository.commit("feat: first")
    repository.write("app.py", "print(1)\n")
    commit = repository.commit("feat: second")
    _ran(github, commit)
    _staged(github, commit)
    _signed(github, repository, commit)
    secrets = [{"name": name, "created_at": ago(days=50), "updated_at": ago(days=10)} for name in SECRETS]
    github.list("/environments/production/secrets", "secrets", secrets)
    return commit


def _ran(github: GitHub, commit: str) -> None:
    runs, checks = (
        github.list("/actions/runs", "workflow_runs"),
        github.list(f"/commits/{commit}/check-runs", "check_runs"),
    )
    for number, file, end in ((1, "ci.yml", "success"), (RUN, "deploy.yml", None)):
        one = github.example("workflow-run-paginated", "workflow_runs")
        status = "completed" if end else "in_progress"
        one |= {"id": number, "head_sha": commit, "path": f".github/workflows/{file}", "workflow_id": number}
        runs.append(one | {"status": status, "conclusion": end, "check_suite_id": number, "event": "push"})
        check = github.example("check-run-paginated", "check_runs")
        check |= {"head_sha": commit, "name": file, "status": status, "conclusion": end}
        checks.append(check | {"check_suite": {"id": number}})
    github.list(f"/commits/{commit}/status", "statuses")


def _staged(github: GitHub, commit: str) -> None:
    one = github.example("deployment-items") | {"sha": commit, "environment": "staging", "created_at": ago(hours=2)}
    github.list("/deployments").append(one)
    status = github.example("deployment-status-items") | {"state": "success", "created_at": ago(hours=1)}
    github.list(f"/deployments/{one['id']}/statuses").append(status)


def _signed(github: GitHub, repository: Repository, commit: str) -> None:
    user: dict[str, Any] = github.example("issue-comment-items")["user"]
    pull = github.example("pull-request-simple-items") | {"number": 7, "state": "open", "requested_teams": []}
    github.list(f"/commits/{commit}/pulls").append(pull | {"user": user | {"login": "eve"}})
    written = github.example("commit-items") | {"author": user | {"login": "eve"}}
    # Signed, so nobody has to be asked who pushed it.
    written["commit"]["verification"] |= {"verified": True, "reason": "valid"}
    github.list("/pulls/7/commits").append(written)
    for login in sorted(set(SIGNERS.values())):
        may = {"permission": "write", "role_name": "write", "user": user | {"login": login, "role_name": "write"}}
        github.object(f"/collaborators/{login}/permission", may)
    sign(github, repository, "")


def sign(github: GitHub, repository: Repository, digests: str) -> None:
    """Everybody approves the commit that is checked out, with images of these digests."""
    user: dict[str, Any] = github.example("issue-comment-items")["user"]
    plan = loading.load(Path(repository.path, "checklist.yml")).sha256
    code = binding("production", repository.git("rev-parse", "HEAD^{tree}"), digests, plan)
    comments = github.list("/issues/7/comments")
    comments.clear()
    for login in sorted(set(SIGNERS.values())):
        comment = github.example("issue-comment-items") | {"user": user | {"login": login}}
        comment |= {"body": f"/approve {code}", "created_at": ago(minutes=9), "updated_at": ago(minutes=9)}
        comments.append(comment)
