"""What became of each deployment, seen from today: a release may fail hours after its own line was written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from deploy_gate.ledger.ended import left
from deploy_gate.ledger.entry import Entry, Kind, Outcome, when

_CHANGES = (Kind.DEPLOY, Kind.ROLLBACK)
SOON = timedelta(hours=24)
"""A repair within this time is owed to the release before it."""
# By its first line: what people write, and what GitHub and git write when a branch of that name is merged.
_HOTFIX = re.compile(
    r"hotfix\b|fix!|revert\b|merge (?:pull request #\d+ from [^/\s]+/|branch ')(?:hotfix|revert)\b", re.IGNORECASE
)


class Failure(StrEnum):
    """How a release that was live turned out to be bad; the first that applies."""

    FELL_BACK = "fell back"
    NOT_BACK = "could not be taken back"
    UNKNOWN = "cut off"
    ROLLED_BACK = "rolled back"
    REVERTED = "reverted"
    HOTFIXED = "hotfixed"


@dataclass(frozen=True, slots=True)
class Deployment:
    """One attempt that reached production, and what followed."""

    entry: Entry
    failure: Failure | None = None
    repaired_by: Entry | None = None
    """The later deployment or rollback that mended it; None where nothing did, or it fell back by itself."""
    unplanned: bool = False
    """It was itself a repair: a hotfix, or a return to an earlier release."""

    @property
    def recovery(self) -> Entry | None:
        """Whose times tell how long the recovery took: a deployment that mended it has times of its own affairs."""
        if self.failure is Failure.FELL_BACK:
            return self.entry
        by = self.repaired_by
        return by if by is not None and by.kind is Kind.ROLLBACK else None


def deployments(entries: Iterable[Entry], environment: str) -> list[Deployment]:
    """Every attempt that reached production there, in the ledger's own order; each fails at most once.

    The order of the lines is what happened; the moments in them are of many machines' clocks.
    """
    own = [one for one in entries if one.environment == environment]
    changes = [one for one in own if one.kind in _CHANGES and one.outcome is not Outcome.NOT_SWITCHED]
    found, past = [], _Past()
    for place, entry in enumerate(changes):
        repair = past.is_repair(entry)
        past.add(entry)
        if entry.kind is Kind.DEPLOY:
            failure, by = _judged(changes, place, past)
            found.append(Deployment(entry, failure, by, unplanned=repair))
    return found


@dataclass(slots=True)
class _Past:
    """The releases that were live so far: one after the other, and each once."""

    lived: list[str] = field(default_factory=list)
    all: set[str] = field(default_factory=set)

    @property
    def last(self) -> str:
        return self.lived[-1] if self.lived else ""

    def add(self, entry: Entry) -> None:
        if entry.kind is Kind.ROLLBACK:
            if entry.outcome is Outcome.ROLLED_BACK:
                gone = left(entry)
                self._now(entry.release if entry.release != gone else self._before(gone))
        elif entry.outcome is not Outcome.FELL_BACK:
            self._now(entry.release)

    def is_repair(self, entry: Entry) -> bool:
        """By its name, or because it brings an earlier release back: the same again is no return."""
        return bool(_HOTFIX.match(entry.subject)) or self.returns(entry)

    def returns(self, entry: Entry) -> bool:
        return entry.release != self.last and entry.release in self.all

    def _before(self, gone: str) -> str:
        return next((one for one in reversed(self.lived) if one != gone), "")

    def _now(self, release: str) -> None:
        if release and release != self.last:
            self.lived.append(release)
            self.all.add(release)


_UNFINISHED = {Outcome.NOT_BACK: Failure.NOT_BACK, Outcome.UNKNOWN: Failure.UNKNOWN}


def _judged(changes: Sequence[Entry], place: int, past: _Past) -> tuple[Failure | None, Entry | None]:
    """How it failed, and what mended it; `past` ends with the entry itself."""
    entry = changes[place]
    if entry.outcome is Outcome.FELL_BACK:
        return Failure.FELL_BACK, None
    failure, alone = _UNFINISHED.get(entry.outcome), True
    for number in range(place + 1, len(changes)):
        later = changes[number]
        if later.kind is Kind.ROLLBACK:
            # One that names another release was not about this one.
            if left(later) != entry.release or later.outcome is Outcome.UNKNOWN:
                continue
            if later.outcome is Outcome.ROLLED_BACK:
                # What was held or cut off had been live, and now it is known how that ended.
                return Failure.ROLLED_BACK if failure in (None, Failure.UNKNOWN) else failure, later
            failure = failure or Failure.NOT_BACK
        elif later.outcome is Outcome.FELL_BACK:
            # Production is what it was; but a hotfix that follows is owed to that one.
            alone = False
        else:
            return (failure, later) if failure else _replaced(entry, later, past, alone=alone)
    return failure, None


def _replaced(entry: Entry, later: Entry, past: _Past, *, alone: bool) -> tuple[Failure | None, Entry | None]:
    """Whether the next release to be live says that this one was bad."""
    if not _soon(entry, later):
        return None, None
    if past.returns(later):
        return Failure.REVERTED, later
    return (Failure.HOTFIXED, later) if alone and _HOTFIX.match(later.subject) else (None, None)


def _soon(entry: Entry, later: Entry) -> bool:
    end, start = when(entry.ended), when(later.began)
    return end is not None and start is not None and start - end <= SOON


def within(found: Iterable[Deployment], start: datetime, end: datetime) -> list[Deployment]:
    """Those that ended in `start` <= moment < `end`."""
    return [one for one in found if (moment := when(one.entry.ended)) is not None and start <= moment < end]
