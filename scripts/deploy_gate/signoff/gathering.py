"""What was said and who wrote the change, read from GitHub."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from deploy_gate import runner
from deploy_gate.github import fields
from deploy_gate.github.client import Client, Question, path
from deploy_gate.result import CouldNotTell, brief
from deploy_gate.signoff import commands, pushes
from deploy_gate.signoff.rules import NO_ROLE, Comment, Wanted, Word

_LATE = "the run was run again, perhaps with other images, so it has to be a comment"
_MERGER = "web-flow"  # GitHub itself, where a button was pressed
MOST = 1000
MOST_PULLS = 5
_SINCE = "give the live commit as `since`: what is new since it is read whole"
MOST_OF_PULL = 250
"""GitHub's own limit for the commits of a pull request, however many pages are asked for."""
# GitHub's address for somebody who keeps his own to himself; other addresses of a co-author are nobody's for sure.
_WITH = re.compile(r"^Co-authored-by:.*<(?:\d+\+)?([A-Za-z0-9-]{1,100})@users\.noreply\.", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Authors:
    """Logins of those who wrote the change, and names of those whom GitHub cannot place.

    `proven` where signatures vouch for all of it; else `unsigned` are the commits for which none does.
    """

    known: frozenset[str] = frozenset()
    unknown: tuple[str, ...] = ()
    proven: bool = True
    unsigned: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Place:
    """Where people talk: the issue's or pull request's number, and the commit's pull requests, the newest first."""

    number: int
    pulls: tuple[dict[str, Any], ...] = ()


def place(client: Client, repository: str, commit: str, given: int) -> Place:
    """The given number, that of the event, or that of the commit's pull request; CouldNotTell when there is none."""
    where = repository + path("commits", commit, "pulls")
    found = client.all(Question(where, f"pull requests of {commit[:12]}", "pull-requests=read"))
    # Those that are open or merged; people look at the newest.
    usable = [one for one in found if one.get("state") == "open" or one.get("merged_at")]
    pulls = tuple(sorted(usable, key=lambda one: fields.number(one, "number"), reverse=True))
    number = given or _of_event() or (pulls[0].get("number") if pulls else None)
    if not isinstance(number, int):
        fix = "open an issue for this deployment and give its number as `issue`"
        raise CouldNotTell(f"commit {commit[:12]} has no pull request, so there is no place to sign off", fix)
    return Place(number, pulls)


def _of_event() -> int | None:
    payload = runner.event()
    for name in ("issue", "pull_request"):
        one = payload.get(name)
        if isinstance(one, dict) and isinstance(one.get("number"), int):
            return int(one["number"])
    return None


def comments(client: Client, repository: str, number: int) -> list[Comment]:
    """Every comment as the rules want it."""
    where = repository + path("issues", str(number), "comments")
    found = client.all(Question(where, f"comments of #{number}", "issues=read"))
    return [_comment(one) for one in found]


def comment(client: Client, repository: str, number: int) -> Comment:
    """One comment as it is now."""
    where = repository + path("issues", "comments", str(number))
    found = client.get(Question(where, f"comment {number}", "issues=read"))
    if not isinstance(found, dict) or found.get("id") != number:
        raise fields.wrong("comment")
    return _comment(found)


def _comment(one: fields.Object) -> Comment:
    written, changed = fields.moment(one, "created_at"), fields.moment(one, "updated_at")
    user = fields.inner(one, "user")
    genuine = user.get("type") == "User" and one.get("performed_via_github_app") is None
    body, url = one.get("body"), one.get("html_url")
    said = tuple(commands.parse(body)) if isinstance(body, str) else ()
    link = url if isinstance(url, str) else ""
    return Comment(
        fields.number(one, "id"), fields.login(one, "user"), written, changed != written, genuine, said, link
    )


def approvals(client: Client, repository: str, environment: str, wanted: Wanted) -> list[Word]:
    """What people said to GitHub's own question whether this run may go on to the environment."""
    run = os.environ.get("GITHUB_RUN_ID", "")
    if not (run.isascii() and run.isdigit()):
        raise CouldNotTell(
            "GITHUB_RUN_ID is not set, so whose approvals are meant is not known", "run this in a workflow"
        )
    where = repository + path("actions", "runs", run, "approvals")
    found = client.get(Question(where, f"approvals of run {run}", "actions=read"))
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise fields.wrong("approvals")
    late = "" if os.environ.get("GITHUB_RUN_ATTEMPT") == "1" else _LATE
    return [word for one in found if environment in _names(one) and (word := _approval(one, wanted, late))]


def _names(one: fields.Object) -> list[object]:
    listed = one.get("environments")
    return [each.get("name") for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _approval(one: fields.Object, wanted: Wanted, late: str) -> Word | None:
    """GitHub tells no time; but in its first attempt the run can only have been asked about what it built itself."""
    author, state = fields.login(one, "user"), one.get("state")
    kind = {"approved": "yes", "rejected": "reject"}.get(str(state))
    if not author or kind is None:
        return None
    void = "its author wrote the change" if kind == "yes" and author in wanted.authors else ""
    void = void or (NO_ROLE if kind == "yes" and wanted.named else "") or (late if kind == "yes" else "")
    return Word(author, kind, brief(str(one.get("comment") or ""), 300), wanted.now, "", void)


def authors(client: Client, repository: str, commit: str, where: Place, since: str) -> Authors:
    """Who wrote what is new: since a commit, else in the commit's pull requests, else the commit alone.

    Whoever opened one of its pull requests counts as one of them: who comes later and opens another takes nobody away.
    """
    openers = {login for one in where.pulls if (login := fields.login(one, "user"))}
    if since:
        return _authors(_compared(client, repository, since, commit), openers)
    if where.pulls:
        if len(where.pulls) > MOST_PULLS:
            told = f"commit {commit[:12]} is in {len(where.pulls)} pull requests, more than {MOST_PULLS} are not read"
            raise CouldNotTell(told, _SINCE)
        numbers = [fields.number(one, "number") for one in where.pulls]
        return _authors([one for number in numbers for one in _pulled(client, repository, number)], openers)
    alone = client.get(Question(repository + path("commits", commit), f"commit {commit[:12]}", "contents=read"))
    if not isinstance(alone, dict):
        raise fields.wrong("commit")
    return _authors([alone])


def _pulled(client: Client, repository: str, number: int) -> list[dict[str, Any]]:
    """The commits of a pull request."""
    where = repository + path("pulls", str(number), "commits")
    found = client.all(Question(where, f"commits of #{number}", "pull-requests=read"))
    if len(found) >= MOST_OF_PULL:
        told = f"GitHub lists only the first {MOST_OF_PULL} commits of #{number}, so not all who wrote it are known"
        raise CouldNotTell(told, _SINCE)
    return found


def _compared(client: Client, repository: str, since: str, commit: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for page in range(1, MOST // 100 + 1):
        where = repository + path("compare", f"{since}...{commit}", per_page="100", page=str(page))
        data = client.get(Question(where, f"what is new since {brief(since[:12])}", "contents=read"))
        listed, total = (data.get("commits"), data.get("total_commits")) if isinstance(data, dict) else (None, None)
        if not isinstance(listed, list) or not isinstance(total, int) or (not listed and len(found) < total):
            raise fields.wrong("commits")
        found += [one for one in listed if isinstance(one, dict)]
        if len(found) >= total:
            return found
    fix = "give a later commit as `since`"
    raise CouldNotTell(f"more than {MOST} commits are new, so their authors cannot all be known", fix)


def _authors(found: Iterable[fields.Object], openers: Iterable[str] = ()) -> Authors:
    known, unknown = set(openers), []
    listed = list(found)
    for one in listed:
        written = fields.inner(one, "commit")
        known |= {name.lower() for name in _WITH.findall(str(written.get("message")))}
        for part in ("author", "committer"):
            name = fields.login(one, part)
            if name:
                known.add(name)
            elif part == "author":
                unknown.append(brief(str(fields.inner(written, "author").get("name")), 60))
    proven = not any(pushes.unsigned(one) or pushes.squashed(one, _MERGER) for one in listed)
    open_ = frozenset(fields.commit(one, "sha") for one in listed if pushes.unsigned(one))
    return Authors(frozenset(known - {_MERGER}), tuple(dict.fromkeys(unknown)), proven, open_)
