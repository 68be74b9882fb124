"""Issues that the gate keeps: found again by a hidden mark, changed only where no person has, never written twice.

The mark holds a hash of the text above it. What a person changed (a box that was ticked is a change) or closed is left
as it is, and what is new is said in a comment. Whoever may write to the repository may have written the issue; a mark
in anybody else's is not believed, or he would own what is written into it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from deploy_gate.github import fields
from deploy_gate.github.client import Client, Question
from deploy_gate.units import counted

LIMIT = 65_000
"""Bytes of a text; GitHub takes 65,536 characters, with the mark."""
KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .:_-]{0,249}")
_TRUSTED = ("OWNER", "MEMBER", "COLLABORATOR")
_MARK = re.compile(r"<!-- deploy-gate: ([A-Za-z0-9 .:_-]{1,250}) ([0-9a-f]{64}) -->")
Became = Literal["opened", "written anew", "commented", "unchanged"]


@dataclass(frozen=True, slots=True)
class Page:
    """What is to stand in an issue; `key` tells it from all others, and fits `KEY`."""

    key: str
    title: str
    text: str

    @property
    def digest(self) -> str:
        """Of the text as it is sent."""
        return _digest(self.sent)

    @property
    def sent(self) -> str:
        """The text, as much of it as GitHub takes."""
        return _cut(self.text.strip())

    @property
    def body(self) -> str:
        """The text and its mark."""
        return f"{self.sent}\n\n<!-- deploy-gate: {self.key} {self.digest} -->\n"


@dataclass(frozen=True, slots=True)
class Kept:
    """An issue, and what was done with it."""

    number: int
    url: str
    became: Became


def known(here: Client, where: str, since: datetime) -> list[dict[str, Any]]:
    """The issues that were opened or changed since then, open or not: those of ours are among them."""
    path = f"{where}/issues?state=all&since={since:%Y-%m-%dT%H:%M:%SZ}"
    return here.all(Question(path, "issues", "issues=read"))


def keep(here: Client, where: str, among: Iterable[Mapping[str, Any]], page: Page, labels: Sequence[str] = ()) -> Kept:
    """Have the page stand in its issue; CouldNotTell where GitHub refuses."""
    found = _ours(among, page.key)
    if found is None:
        sent: dict[str, Any] = {"title": page.title, "body": page.body}
        sent |= {"labels": list(labels)} if labels else {}
        return _kept(here.send("POST", Question(f"{where}/issues", "a new issue", "issues=write"), sent), "opened")
    text, digest = _read(str(found.get("body") or ""), page.key)
    place = f"{where}/issues/{fields.number(found, 'number')}"
    if _digest(text) == digest and found.get("state") == "open":
        if digest == page.digest:
            return _kept(found, "unchanged")
        question = Question(place, "the issue", "issues=write")
        return _kept(here.send("PATCH", question, {"body": page.body}), "written anew")
    said = here.all(Question(f"{place}/comments", "the issue's comments", "issues=read"))
    told = [_read(str(one.get("body") or ""), page.key)[1] for one in said if _believed(one)]
    if next((one for one in reversed(told) if one), digest) == page.digest:
        return _kept(found, "unchanged")
    body = f"What is known has changed, and the text above is a person's by now. As of today:\n\n{page.body}"
    here.send("POST", Question(f"{place}/comments", "a comment", "issues=write"), {"body": body})
    return _kept(found, "commented")


def _ours(among: Iterable[Mapping[str, Any]], key: str) -> Mapping[str, Any] | None:
    """The first of them, should two runs at once have opened one each."""
    marked = [
        one
        for one in among
        if "pull_request" not in one and _believed(one) and _read(str(one.get("body") or ""), key)[1]
    ]
    return min(marked, key=lambda one: fields.number(one, "number"), default=None)


def _believed(one: Mapping[str, Any]) -> bool:
    return fields.inner(one, "user").get("type") == "Bot" or one.get("author_association") in _TRUSTED


def _read(body: str, key: str) -> tuple[str, str]:
    """The text without its mark, and the hash in it; an empty hash where there is no mark of this key."""
    found = next((one for one in _MARK.finditer(body) if one[1] == key), None)
    return (body.replace(found[0], "", 1), found[2]) if found else (body, "")


def _kept(issue: Mapping[str, Any], became: Became) -> Kept:
    return Kept(fields.number(issue, "number"), fields.text(issue, "html_url"), became)


def _digest(text: str) -> str:
    """Of the text, however a browser ends its lines."""
    return hashlib.sha256(text.replace("\r\n", "\n").strip().encode()).hexdigest()


def _cut(text: str) -> str:
    """As many lines as fit, and how many are missing."""
    lines = text.splitlines()
    room, fitting = LIMIT - 200, 0
    for line in lines:
        room -= len(line.encode()) + 1
        if room < 0:
            break
        fitting += 1
    missing = len(lines) - fitting
    if not missing:
        return text
    note = f"*{counted(missing, 'more line')} not shown, since GitHub takes no more; `ledger review` prints them.*"
    return "\n".join([*lines[:fitting], "", note])
