"""Finds in images that somebody looked at and answers for: a file with reasons, and ends where it has them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from deploy_gate import yamlfile
from deploy_gate.facts import tracked
from deploy_gate.problems import Misconfigured, Problem, nearest
from deploy_gate.result import brief

_KEYS = ("path", "rule", "why", "until")


@dataclass(frozen=True, slots=True)
class Allowed:
    """One entry; `path` is a glob, or the place of a setting such as `env:NAME`."""

    path: str
    rule: str
    why: str
    until: date | None = None

    def covers(self, place: str, rule: str) -> bool:
        """Whether it speaks of that find."""
        return rule == self.rule and (place == self.path or bool(tracked.glob(self.path).fullmatch(place)))

    def over(self, today: date) -> bool:
        """Whether its last day is past."""
        return self.until is not None and today > self.until


def read(path: str) -> list[Allowed]:
    """The entries; none without a file. Misconfigured for a file that says something else."""
    if not path:
        return []
    document = yamlfile.read(Path(path))
    entries = document.data.get("allowed")
    strange = [key for key in document.data if key != "allowed"]
    if strange or not isinstance(entries, list):
        raise Misconfigured([Problem(document.path, 1, "holds something else than a list under `allowed`")])
    return [_entry(one, number, document) for number, one in enumerate(entries)]


def _entry(one: Any, number: int, document: yamlfile.Document) -> Allowed:
    line = document.lines.get(("allowed", number), 1)
    if not isinstance(one, dict):
        raise Misconfigured([Problem(document.path, line, "has an entry that is no mapping")])
    for key in one:
        if key not in _KEYS:
            raise Misconfigured([Problem(document.path, line, f"has '{brief(key)}'{nearest(key, list(_KEYS))}")])
    for key in ("path", "rule", "why"):
        if not isinstance(one.get(key), str) or not one[key].strip():
            raise Misconfigured([Problem(document.path, line, f"has an entry without `{key}`")])
    try:
        until = date.fromisoformat(str(one["until"])) if "until" in one else None
    except ValueError:
        raise Misconfigured([Problem(document.path, line, "has an `until` that is no date (YYYY-MM-DD)")]) from None
    return Allowed(one["path"], one["rule"], one["why"], until)
