"""Why an item is not looked at this time: only reasons that the checklist itself declares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from deploy_gate import runner
from deploy_gate.checklist.model import Item, Section, When
from deploy_gate.facts import base, git


@dataclass(frozen=True, slots=True)
class Situation:
    """What `when:` is judged against."""

    environment: str
    event: str
    branch: str
    changed: Callable[[], list[str]]


def situation(environment: str, event: str) -> Situation:
    """The situation of this run; changed files are asked of git only when an item wants to know."""
    known: list[list[str]] = []

    def changed() -> list[str]:
        if not known:
            known.append(git.changed_files(base.of("")))
        return known[0]

    return Situation(environment, event, runner.branch(), changed)


def reason_to_skip(item: Item, section: Section | None, here: Situation) -> str:
    """Why the item does not apply, or an empty text. CouldNotTell when a condition cannot be judged."""
    if item.not_applicable:
        return f"not applicable: {item.not_applicable}"
    if section and section.environment and section.environment != here.environment:
        return f"only for environment {section.environment}" + (
            f", this is {here.environment}" if here.environment else ""
        )
    return _unmet(item.when, here) if item.when else ""


def _unmet(when: When, here: Situation) -> str:
    if when.environment is not None and here.environment not in when.environment:
        return f"only for environment {_or(when.environment)}, this is {here.environment or 'none'}"
    if when.event is not None and here.event not in when.event:
        return f"only on {_or(when.event)}, this is {here.event or 'no event'}"
    if when.branch is not None and not _any(when.branch, [here.branch]):
        return f"only on branch {_or(when.branch)}, this is {here.branch or 'none'}"
    if when.exists is not None and not any(Path(path).exists() for path in when.exists):
        return f"only where {_or(when.exists)} exists"
    if when.changed is not None and not _any(when.changed, here.changed()):
        return f"only when {_or(when.changed)} changes, and it did not"
    return ""


def _any(patterns: list[str], names: list[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)


def _or(names: list[str]) -> str:
    return " or ".join(names)
