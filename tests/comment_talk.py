"""A pull request on GitHub under which people comment, the run that stopped at the gate, and the events that come of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from github_server import NAME, GitHub, ago
from support import Repository

from deploy_gate.checklist import loading
from deploy_gate.signoff.commands import binding

NUMBER, RUN = 7, 4242
ROLES = {"qa": ["ada", "joan"], "devops": ["grace"]}


class Talk:
    """Merged pull request 7 by eve; ada, joan and grace may sign, kay may write and holds no role, mallory is nobody."""

    def __init__(self, github: GitHub, repository: Repository, event: Path) -> None:
        self.github, self.repository, self.event = github, repository, event
        for login in ("ada", "joan", "grace", "eve", "kay"):
            self.permission(login, "write")
        self.comments = github.list(f"/issues/{NUMBER}/comments")
        github.list("/activity")
        written = github.example("commit-items") | {"author": self.user("eve"), "committer": self.user("web-flow")}
        github.list(f"/pulls/{NUMBER}/commits", entries=[written])

    def law(self, *roles: str, **more: Any) -> None:
        """The checklist: one signature of each role, and whatever else."""
        items = {
            f"sign-{role}": {
                "section": "approval",
                "title": f"Signed by {role}",
                "phases": ["pre-deploy"],
                "check": "sign-off",
                "with": {
                    "role": role,
                    "roles": "${roles}",
                    "repository": NAME,
                    "environment": "${environment}",
                    "digests": "${digests}",
                    "plan": "${plan}",
                    "since": "${live}",
                },
            }
            for role in roles
        }
        whole = {
            "version": 1,
            "environments": {"production": {"branch": "main"}},
            "roles": ROLES,
            "sections": {"approval": {"part": "Before", "title": "Approval"}},
            "items": items,
            **more,
        }
        self.repository.write("checklist.yml", yaml.safe_dump(json.loads(json.dumps(whole)), sort_keys=False))

    def merged(self, message: str = "feat: one") -> str:
        """Commit on the branch: the pull request is merged as this commit, and its run stopped at the gate."""
        commit = self.repository.commit(message)
        pull: dict[str, Any] = self.github.example("pull-request-simple-items")
        pull |= {"number": NUMBER, "state": "closed", "merged_at": ago(hours=1), "merge_commit_sha": commit}
        pull |= {"user": self.user("eve"), "requested_teams": []}
        self.github.list(f"/commits/{commit}/pulls", entries=[pull])
        whole = self.github.example("pull-request")
        whole |= {"number": NUMBER, "merged_at": ago(hours=1), "merge_commit_sha": commit, "requested_teams": []}
        self.github.object(f"/pulls/{NUMBER}", whole)
        self.stopped(commit)
        return commit

    def stopped(self, commit: str, *, number: int = RUN, jobs: dict[str, str] | None = None, **more: Any) -> None:
        """A run of deploy.yml that ended, by default red at the gate."""
        run = self.github.example("workflow-run-paginated", "workflow_runs")
        run |= {"id": number, "head_sha": commit, "head_branch": "main", "path": ".github/workflows/deploy.yml"}
        run |= {"status": "completed", "conclusion": "failure", "run_attempt": 1, "event": "push", **more}
        run["head_repository"]["full_name"] = run.pop("home", NAME)
        self.github.object(f"/actions/runs/{number}", run)
        self.github.list("/actions/workflows/deploy.yml/runs", "workflow_runs").insert(0, run)
        ended = jobs or {"code": "success", "rest": "failure", "deploy": "skipped", "close": "success"}
        template = self.github.example("job-paginated", "jobs") | {"created_at": ago(hours=1)}
        listed = [self.job(template, place, name, end) for place, (name, end) in enumerate(ended.items())]
        self.github.list(f"/actions/runs/{number}/jobs", "jobs", listed)

    @staticmethod
    def job(template: dict[str, Any], place: int, name: str, state: str) -> dict[str, Any]:
        """A job that ended so, or is in that state; it began, and ended, as many minutes ago as others are before it."""
        name = name if " / " in name else f"deploy / {name}"
        one = template | {"id": place, "name": name, "started_at": ago(minutes=30 - place)}
        if state in ("queued", "waiting", "pending", "in_progress"):
            one |= {"status": state, "conclusion": None, "completed_at": None}
        else:
            one |= {"status": "completed", "conclusion": state, "completed_at": ago(minutes=30 - place)}
        return one if state in ("success", "failure", "in_progress") else one | {"steps": []}

    @property
    def run(self) -> dict[str, Any]:
        """The run as it is now."""
        found: dict[str, Any] = self.github.objects[f"/repos/{NAME}/actions/runs/{RUN}"]
        return found

    @property
    def code(self) -> str:
        """What an approval of the commit that is checked out must name."""
        plan = loading.load(Path(self.repository.path, "checklist.yml")).sha256
        return binding("production", self.repository.git("rev-parse", "HEAD^{tree}"), "", plan)

    def user(self, login: str, kind: str = "User") -> dict[str, Any]:
        user: dict[str, Any] = self.github.example("issue-comment-items")["user"]
        return user | {"login": login, "type": kind}

    def permission(self, login: str, level: str) -> None:
        whole = {"permission": level, "role_name": level, "user": self.user(login) | {"role_name": level}}
        self.github.object(f"/collaborators/{login}/permission", whole)

    def member(self, login: str, *, active: bool) -> None:
        """Whether somebody is in the team acme/testers."""
        where = f"/orgs/acme/teams/testers/memberships/{login}"
        one = self.github.law.example("team-membership-response-if-user-is-a-team-maintainer")
        self.github.objects.pop(where, None)
        if active:
            self.github.object(f"/{where}", one | {"state": "active"})

    def say(self, login: str, body: str, *, inside: bool = True, pull: bool = True, **more: Any) -> dict[str, Any]:
        """A comment, and the event that starts a run; what the event says of its author and text is forged."""
        one: dict[str, Any] = self.github.example("issue-comment-items")
        when = ago(minutes=60 - len(self.comments))
        one |= {"user": self.user(login), "body": body, "created_at": when, "updated_at": when} | more
        self.comments.append(one)
        self.github.object(f"/issues/comments/{one['id']}", one)
        association = "COLLABORATOR" if inside else "NONE"
        forged = {"id": one["id"], "body": "/rollback forged", "user": {"login": "grace"}}
        self.tell("created", forged | {"author_association": association}, pull=pull)
        return one

    def tell(self, action: str, comment: dict[str, Any], *, pull: bool = True, **more: Any) -> None:
        """An event about a comment."""
        issue = {"number": NUMBER} | ({"pull_request": {"url": "x"}} if pull else {})
        whole = {"action": action, "issue": issue, "comment": comment, "repository": {"default_branch": "main"}, **more}
        self.event.write_text(json.dumps(whole))

    @property
    def reactions(self) -> list[str]:
        """The signs that were given."""
        return [sent["content"] for _, where, sent in self.github.written if where.endswith("/reactions")]

    @property
    def replies(self) -> list[str]:
        """What was answered."""
        return [sent["body"] for _, where, sent in self.github.written if where.endswith(f"/issues/{NUMBER}/comments")]

    @property
    def cancelled(self) -> list[str]:
        """Runs that were cancelled."""
        return [where.split("/")[-2] for _, where, _ in self.github.written if where.endswith("/cancel")]

    @property
    def reruns(self) -> list[str]:
        """Runs that were started again."""
        return [where.split("/")[-2] for _, where, _ in self.github.written if where.endswith("rerun-failed-jobs")]
