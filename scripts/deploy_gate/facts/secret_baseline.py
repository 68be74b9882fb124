"""Secrets that somebody looked at and answers for: a file with a place, a reason, a name and a last day for each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from deploy_gate import yamlfile
from deploy_gate.facts import tracked
from deploy_gate.problems import Misconfigured, Problem, nearest
from deploy_gate.result import brief

_FIELDS = ("rule", "path", "why", "by", "until")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


@dataclass(frozen=True, slots=True)
class Known:
    """One of them. The path is a glob; the commit, of a find in the history, may be shortened."""

    rule: str
    path: str
    why: str
    by: str
    until: date
    commit: str = ""

    def covers(self, rule: str, path: str, commit: str = "") -> bool:
        """Whether it speaks of that place."""
        if rule != self.rule or not commit.startswith(self.commit):
            return False
        return path == self.path or bool(tracked.glob(self.path).fullmatch(path))

    def over(self, today: date) -> bool:
        """Whether its last day is past."""
        return today > self.until


def longest(known: Iterable[Known]) -> Known | None:
    """Of several that speak of one find the one that counts longest."""
    return max(known, key=lambda one: one.until, default=None)


def read(file: str, *, of_commits: bool) -> list[Known]:
    """All of them; Misconfigured with every mistake. None where no file is named.

    With `of_commits` each names the commit of its find, since a path alone would excuse what comes there later.
    """
    if not file:
        return []
    if not Path(file).exists():
        step = "correct the path, which is relative to the working directory, or leave the input `baseline` empty"
        raise Misconfigured([Problem(brief(file), 0, f"this baseline does not exist: {step}")])
    document = yamlfile.read(Path(file))
    entries = document.data.get("known")
    if list(document.data) != ["known"] or not isinstance(entries, list):
        raise Misconfigured([Problem(document.path, 1, "expected one list called `known`")])
    faults, found = [], []
    for place, entry in enumerate(entries):
        line = document.lines.get(("known", place), 0)
        try:
            found.append(_known(entry, (*_FIELDS, "commit") if of_commits else _FIELDS))
        except ValueError as fault:
            faults.append(Problem(document.path, line, str(fault)))
    if faults:
        raise Misconfigured(faults)
    return found


def _known(entry: Any, fields: tuple[str, ...]) -> Known:
    if not isinstance(entry, dict):
        raise ValueError(f"expected the keys {', '.join(fields)}")  # noqa: TRY004 - told like every other fault
    wrong = [f"unknown key {brief(str(key), 40)}{nearest(key, fields)}" for key in entry if key not in fields]
    missing = [f"{name} is missing" for name in fields if not str(entry.get(name) or "").strip()]
    if wrong or missing:
        raise ValueError("; ".join([*wrong, *missing]))
    texts = {name: str(entry[name]).strip() for name in fields if name != "until"}
    if not _COMMIT.fullmatch(texts.get("commit", "0" * 7)):
        raise ValueError("commit is not a commit's hash of 7 digits or more (quote it)")
    try:
        until = date.fromisoformat(str(entry["until"]))
    except ValueError:
        raise ValueError("until is not a day such as 2027-01-31") from None
    return Known(**texts, until=until)
