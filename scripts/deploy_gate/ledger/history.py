"""What became of each deployment, seen from today: a release may fail hours after its own line was written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from deploy_gate.ledger.entry import Entry, Kind, Outcome, when

SOON = timedelta(hours=24)
"""A repair within this time is owed to the release before it."""
_HOTFIX = re.compile(r"hotfix\b|fix!|revert\b|revert[:(]", re.IGNORECASE)
SWITCHED = (Outcome.DEPLOYED, Outcome.FELL_BACK, Outcome.NOT_BACK, Outcome.UNKNOWN)


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
    """The later deployment or rollback that mended it."""
    unplanned: bool = False
    """It was itself a repair: a hotfix, or a return to an earlier release."""

    @property
    def recovery(self) -> Entry | None:
        """Whose times tell how long the recovery took."""
        if self.failure is None:
            return None
        return self.entry if self.failure in (Failure.FELL_BACK, Failure.NOT_BACK) else self.repaired_by


def deployments(entries: Iterable[Entry], environment: str) -> list[Deployment]:
    """Every attempt that reached production there, oldest first; each fails at most once, however it was mended."""
    own = sorted((one for one in entries if one.environment == environment), key=lambda one: one.ended)
    changes = [one for one in own if one.kind is not Kind.REHEARSAL and one.outcome is not Outcome.NOT_SWITCHED]
    found, past = [], _Past()
    for place, entry in enumerate(changes):
        later = changes[place + 1] if place + 1 < len(changes) else None
        repair = past.is_repair(entry)
        past.add(entry)
        if entry.kind is Kind.DEPLOY:
            failure, by = _judged(entry, later, past)
            found.append(Deployment(entry, failure, by, unplanned=repair))
    return found


@dataclass(slots=True)
class _Past:
    """The releases that were live so far."""

    last: str = ""
    all: set[str] = field(default_factory=set)

    def add(self, entry: Entry) -> None:
        self.last = entry.release
        self.all.add(entry.release)

    def is_repair(self, entry: Entry) -> bool:
        """By its name, or because it brings an earlier release back: the same again is no return."""
        return bool(_HOTFIX.match(entry.subject)) or self.returns(entry)

    def returns(self, entry: Entry) -> bool:
        return entry.release != self.last and entry.release in self.all


_AT_ONCE = {
    Outcome.FELL_BACK: Failure.FELL_BACK,
    Outcome.NOT_BACK: Failure.NOT_BACK,
    Outcome.UNKNOWN: Failure.UNKNOWN,
}


def _judged(entry: Entry, later: Entry | None, past: _Past) -> tuple[Failure | None, Entry | None]:
    """How it failed, and what mended it; `past` ends with the entry itself."""
    if entry.outcome in _AT_ONCE:
        return _AT_ONCE[entry.outcome], later
    if later is None:
        return None, None
    if later.kind is Kind.ROLLBACK:
        # A rollback names what it leaves; one that names something else was not about this release.
        leaves = not later.from_release or later.from_release == entry.release
        return (Failure.ROLLED_BACK, later) if leaves and later.outcome is Outcome.ROLLED_BACK else (None, None)
    if later.outcome not in SWITCHED or not _soon(entry, later):
        return None, None
    if past.returns(later):
        return Failure.REVERTED, later
    return (Failure.HOTFIXED, later) if _HOTFIX.match(later.subject) else (None, None)


def _soon(entry: Entry, later: Entry) -> bool:
    end, start = when(entry.ended), when(later.began)
    return end is not None and start is not None and start - end <= SOON


def within(found: Iterable[Deployment], start: datetime, end: datetime) -> list[Deployment]:
    """Those that ended in `start` <= moment < `end`."""
    return [one for one in found if (moment := when(one.entry.ended)) is not None and start <= moment < end]
