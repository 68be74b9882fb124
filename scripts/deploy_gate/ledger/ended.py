"""Deployments whose own line could not say how they end: held for a person, cut off, or taken back afterwards.

A later line says it. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from deploy_gate.ledger.entry import Entry, Kind, Outcome, when
from deploy_gate.result import one_line

_STAYED = (Outcome.NOT_SWITCHED, Outcome.FELL_BACK)
"""What was live before is live again."""
_Place = tuple[str, str]
"""Environment and release."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the servers' journals say of it: confirmed or taken back (`to` which release), when, by whom and why."""

    at: datetime
    by: str
    reason: str
    back: bool = False
    to: str = ""

    def news(self, held: Entry) -> bool:
        """Whether it says something that the line does not: that what was deployed was confirmed is no news."""
        return self.back or held.outcome is Outcome.UNKNOWN

    def line(self, held: Entry) -> Entry:
        """The ledger's line; no run's own, so it names none."""
        at = self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        kind, outcome = (Kind.ROLLBACK, Outcome.ROLLED_BACK) if self.back else (Kind.CONFIRM, Outcome.DEPLOYED)
        return Entry(
            environment=held.environment,
            release=self.to or held.release,
            kind=kind,
            outcome=outcome,
            began=at,
            ended=at,
            from_release=held.release if self.back else "",
            actor=self.by,
            reason=self.reason,
            why="so the servers' journals say",
        )


def settled(entries: Sequence[Entry]) -> list[Entry]:
    """The same lines; a deployment that was confirmed later reads as deployed, with the confirm as an intervention."""
    found, known = list(entries), _Known()
    for number, entry in enumerate(entries):
        if (pair := known.meets(number, entry)) is not None:
            place, confirm = pair
            found[place] = _confirmed(entries[place], confirm)
    return found


def still_open(entries: Sequence[Entry], environment: str) -> Entry | None:
    """The newest deployment there, where no line says how it ended; an earlier one was followed by another.

    That it was confirmed need not be its end: the guard, or a person, can have taken it back since.
    """
    found = None
    for one in settled(entries):
        if one.environment != environment or one.outcome in _STAYED:
            continue
        if one.kind is Kind.DEPLOY:
            found = one if one.outcome in (Outcome.UNKNOWN, Outcome.DEPLOYED) else None
        elif found and one.outcome is Outcome.ROLLED_BACK and found.release == left(one):
            found = None
    return found


def left(rollback: Entry) -> str:
    """The release that a rollback leaves; one that does not say where it came from is about its own release."""
    return rollback.from_release or rollback.release


@dataclass(slots=True)
class _Known:
    """What was read so far: deployments that wait for their end, and confirms that came before the deployment's line.

    A person may answer before the run that asked has written its line.
    """

    waiting: dict[_Place, int] = field(default_factory=dict)
    early: dict[_Place, Entry] = field(default_factory=dict)

    def meets(self, number: int, entry: Entry) -> tuple[int, Entry] | None:
        """The place of a deployment and its confirm, when this line brings them together."""
        place = (entry.environment, entry.release)
        if entry.kind is Kind.CONFIRM and entry.outcome is Outcome.DEPLOYED:
            if place in self.waiting:
                return self.waiting.pop(place), entry
            self.early[place] = entry
        elif entry.kind is Kind.DEPLOY:
            before = self.early.pop(place, None)
            self.waiting.pop(place, None)
            if entry.outcome is Outcome.UNKNOWN:
                if before is not None and _during(entry, before):
                    return number, before
                self.waiting[place] = number
        elif entry.kind is Kind.ROLLBACK and entry.outcome is Outcome.ROLLED_BACK:
            gone = (entry.environment, left(entry))
            self.waiting.pop(gone, None)
            self.early.pop(gone, None)
        return None


def _during(entry: Entry, confirm: Entry) -> bool:
    """An answer that was given before the deployment began was about another one of that release."""
    began, answered = when(entry.began), when(confirm.ended)
    return began is not None and answered is not None and answered >= began


def _confirmed(entry: Entry, confirm: Entry) -> Entry:
    who, why = confirm.actor or "somebody", confirm.reason or "no reason given"
    told = {"found": one_line(f"confirmed by {who} at {confirm.ended}: {why}"), "status": "passed"}
    return replace(entry, outcome=Outcome.DEPLOYED, interventions=[*entry.interventions, told])
