"""Secrets of the past that somebody answers for: a file with a place, a reason, a name and a last day for each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from deploy_gate import yamlfile
from deploy_gate.problems import Misconfigured, Problem
from deploy_gate.result import brief

_FIELDS = ("rule", "path", "commit", "why", "by", "until")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


@dataclass(frozen=True, slots=True)
class Known:
    """One of them. The commit may be shortened."""

    rule: str
    path: str
    commit: str
    why: str
    by: str
    until: date

    def covers(self, rule: str, path: str, commit: str) -> bool:
        """Whether it speaks of that place."""
        return (self.rule, self.path) == (rule, path) and commit.startswith(self.commit)


def read(file: str) -> list[Known]:
    """All of them; Misconfigured with every mistake. None where no file is named."""
    if not file:
        return []
    document = yamlfile.read(Path(file))
    entries = document.data.get("known")
    if list(document.data) != ["known"] or not isinstance(entries, list):
        raise Misconfigured([Problem(document.path, 1, "expected one list called `known`")])
    faults, found = [], []
    for place, entry in enumerate(entries):
        line = document.lines.get(("known", place), 0)
        try:
            found.append(_known(entry))
        except ValueError as fault:
            faults.append(Problem(document.path, line, str(fault)))
    if faults:
        raise Misconfigured(faults)
    return found


def _known(entry: Any) -> Known:
    if not isinstance(entry, dict):
        raise ValueError(f"expected the keys {', '.join(_FIELDS)}")  # noqa: TRY004 - told like every other fault
    wrong = [brief(str(key), 40) for key in entry if key not in _FIELDS]
    missing = [name for name in _FIELDS if not str(entry.get(name) or "").strip()]
    if wrong or missing:
        raise ValueError(
            "; ".join([*(f"unknown key {one}" for one in wrong), *(f"{one} is missing" for one in missing)])
        )
    texts = {name: str(entry[name]).strip() for name in _FIELDS if name != "until"}
    if not _COMMIT.fullmatch(texts["commit"]):
        raise ValueError("commit is not a commit's hash of 7 digits or more (quote it)")
    try:
        until = date.fromisoformat(str(entry["until"]))
    except ValueError:
        raise ValueError("until is not a day such as 2027-01-31") from None
    return Known(**texts, until=until)
