"""What a write changes on the GitHub of the tests: issues, comments, reactions, and runs that are run again or cancelled."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from github_server import GitHub

BOT = {"login": "github-actions[bot]", "type": "Bot", "id": 41898282}
_NOW = "2026-11-25T12:00:00Z"
Carried = tuple[int, Any]


def carry_out(github: GitHub, method: str, path: str, sent: Any) -> Carried:
    """Status and document; 404 for what nobody has taught this server, or is not there."""
    for kind, pattern, act in _WRITES:
        match = re.fullmatch(rf"(/repos/[^/]+/[^/]+){pattern}", path)
        if kind == method and match:
            return act(github, sent or {}, *match.groups())
    return _nothing()


def _nothing() -> Carried:
    return 404, {"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}


def _open_issue(github: GitHub, sent: dict[str, Any], base: str) -> Carried:
    entries = github.lists.setdefault(f"{base}/issues", ("", []))[1]
    one = github.example("issue")
    one.pop("pull_request", None)
    labels = [{**one["labels"][0], "name": name} for name in sent.get("labels", [])]
    one |= {"number": max((issue["number"] for issue in entries), default=0) + 1, "state": "open", "labels": labels}
    one |= {"title": sent["title"], "body": sent.get("body"), "created_at": _NOW, "updated_at": _NOW}
    one["user"] = one["user"] | BOT
    entries.insert(0, one)
    github.objects[f"{base}/issues/{one['number']}"] = one
    return 201, one


def _change_issue(github: GitHub, sent: dict[str, Any], base: str, number: str) -> Carried:
    known = github.objects.get(f"{base}/issues/{number}")
    if known is None:
        return _nothing()
    known.update({name: sent[name] for name in ("title", "body", "state", "state_reason") if name in sent})
    known["updated_at"] = _NOW
    return 200, known


def _comment(github: GitHub, sent: dict[str, Any], base: str, number: str) -> Carried:
    one = github.example("issue-comment-items")
    one |= {"body": sent["body"], "created_at": _NOW, "updated_at": _NOW, "user": one["user"] | BOT}
    github.lists.setdefault(f"{base}/issues/{number}/comments", ("", []))[1].append(one)
    github.objects[f"{base}/issues/comments/{one['id']}"] = one
    return 201, one


def _change_comment(github: GitHub, sent: dict[str, Any], base: str, number: str) -> Carried:
    known = github.objects.get(f"{base}/issues/comments/{number}")
    if known is None:
        return _nothing()
    known.update({"body": sent["body"], "updated_at": _NOW})
    return 200, known


def _react(github: GitHub, sent: dict[str, Any], base: str, number: str) -> Carried:
    if f"{base}/issues/comments/{number}" not in github.objects:
        return _nothing()
    return 201, github.example("reaction") | {"content": sent["content"]}


def _run_again(github: GitHub, _: dict[str, Any], base: str, number: str) -> Carried:
    run = github.objects.get(f"{base}/actions/runs/{number}")
    if run is None:
        return _nothing()
    if run["status"] != "completed":
        return 403, {"message": "This workflow is already running", "documentation_url": "https://docs.github.com/rest"}
    run.update({"status": "queued", "conclusion": None, "run_attempt": run.get("run_attempt", 1) + 1})
    return 201, {}


def _cancel(github: GitHub, _: dict[str, Any], base: str, number: str) -> Carried:
    """As GitHub does it: what runs or waits is cancelled, what has ended stays."""
    run = github.objects.get(f"{base}/actions/runs/{number}")
    if run is None:
        return _nothing()
    if run["status"] == "completed":
        return 409, {"message": "Cannot cancel a workflow run that is completed.", "documentation_url": "x"}
    run.update({"status": "completed", "conclusion": "cancelled"})
    for job in github.lists.get(f"{base}/actions/runs/{number}/jobs", ("", []))[1]:
        if job["status"] != "completed":
            job.update({"status": "completed", "conclusion": "cancelled"})
    return 202, {}


_WRITES: tuple[tuple[str, str, Callable[..., Carried]], ...] = (
    ("POST", "/issues", _open_issue),
    ("PATCH", r"/issues/(\d+)", _change_issue),
    ("POST", r"/issues/(\d+)/comments", _comment),
    ("PATCH", r"/issues/comments/(\d+)", _change_comment),
    ("POST", r"/issues/comments/(\d+)/reactions", _react),
    ("POST", r"/actions/runs/(\d+)/rerun-failed-jobs", _run_again),
    ("POST", r"/actions/runs/(\d+)/cancel", _cancel),
)
