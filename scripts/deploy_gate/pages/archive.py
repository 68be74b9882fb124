"""The ledger as the site needs it: its lines, what became of each, and the evidence beside them, checked by hash."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy_gate.facts import textfile
from deploy_gate.ledger import chain, ended
from deploy_gate.ledger.branch import LEDGER, MAX_DOCUMENT
from deploy_gate.ledger.entry import Entry, Kind, Outcome, from_json
from deploy_gate.ledger.history import Deployment, Failure, deployments
from deploy_gate.result import CouldNotTell

MAX_BYTES = 512 * 1024 * 1024
_WORDS = {
    Outcome.DEPLOYED: ("deployed", "good"),
    Outcome.NOT_SWITCHED: ("stopped before the switch", "stopped"),
    Outcome.FELL_BACK: ("fell back", "bad"),
    Outcome.NOT_BACK: ("could not be taken back", "bad"),
    Outcome.ROLLED_BACK: ("rolled back", "bad"),
    Outcome.UNKNOWN: ("cut off, end not known", "open"),
}
BADGES = {"good": "deployed", "stopped": "stopped", "bad": "back", "open": "unsure"}


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the ledger, by its number, and what later lines say about it."""

    number: int
    entry: Entry
    told: Deployment | None = None
    repaired_by: int | None = None

    @property
    def outcome(self) -> str:
        """What became of it, in words."""
        words = _WORDS[self.entry.outcome][0]
        if self.entry.kind is Kind.REHEARSAL:
            return f"rehearsal: {words}"
        if self.entry.kind is Kind.CONFIRM:
            return "confirmed" if self.entry.outcome is Outcome.DEPLOYED else "not confirmed"
        if self.entry.kind is Kind.ROLLBACK and self.entry.outcome is Outcome.NOT_SWITCHED:
            return "nothing to take back"
        failure = self.told.failure if self.told else None
        if self.entry.outcome is Outcome.UNKNOWN and failure is Failure.ROLLED_BACK:
            return str(failure)
        return f"{words}, later {failure}" if failure and self.entry.outcome is Outcome.DEPLOYED else words

    @property
    def mood(self) -> str:
        """good, stopped, bad or open."""
        failure = self.told.failure if self.told else None
        if failure is Failure.ROLLED_BACK or (failure and self.entry.outcome is Outcome.DEPLOYED):
            return "bad"
        return _WORDS[self.entry.outcome][1]

    @property
    def badge(self) -> str:
        """The class of its badge."""
        return BADGES[self.mood]


@dataclass(frozen=True, slots=True)
class Archive:
    """The whole ledger, oldest first."""

    folder: Path
    records: Sequence[Record]
    unread: int
    """Lines of another schema than this version's."""
    head: str

    @property
    def environments(self) -> list[str]:
        """Where something was deployed, production first."""
        names = dict.fromkeys(one.entry.environment for one in self.records)
        return sorted(names, key=lambda name: (name != "production", name))

    def of(self, environment: str) -> list[Deployment]:
        """What reached it, oldest first."""
        return [one.told for one in self.records if one.told and one.entry.environment == environment]

    def document(self, record: Record) -> tuple[Mapping[str, Any], str]:
        """The evidence beside a line; where it cannot be shown, why."""
        if not record.entry.evidence:
            return {}, "no evidence was recorded"
        try:
            raw = textfile.read(self.folder / "entries" / f"{record.number}.json", MAX_DOCUMENT)
        except CouldNotTell as fault:
            return {}, fault.found
        if raw is None:
            return {}, "its evidence is not here: give the folder that holds ledger.jsonl and entries/"
        if chain.digest(raw) != record.entry.evidence:
            return {}, "its evidence is not what was recorded: the hash differs, so it is not shown"
        try:
            data = json.loads(raw)
        except (ValueError, RecursionError):
            data = None
        return (data, "") if isinstance(data, dict) else ({}, "its evidence cannot be read")


def opened(place: Path) -> Archive:
    """A clone of the ledger's branch, or its ledger.jsonl. CouldNotTell when it is not there or does not hold."""
    file = place / LEDGER if place.is_dir() else place
    raw = textfile.read(file, MAX_BYTES)
    if raw is None:
        raise CouldNotTell(f"there is no file {file}", "check out the ledger's branch and name its folder")
    if wrong := chain.faults(raw):
        fix = "see who pushed to the ledger's branch, and restore it from a clone of before; `ledger verify` lists all"
        raise CouldNotTell(f"the ledger does not hold together, so nothing is built from it: {wrong[0]}", fix)
    lines = list(chain.records(raw))
    known = [(number, entry) for number, one in enumerate(lines, 1) if (entry := from_json(one)) is not None]
    settled = ended.settled([entry for _, entry in known])
    entries = [(number, entry) for (number, _), entry in zip(known, settled, strict=True)]
    return Archive(file.parent, _records(entries), len(lines) - len(entries), str(chain.head(raw)))


def _records(entries: Sequence[tuple[int, Entry]]) -> list[Record]:
    numbers = {id(entry): number for number, entry in entries}
    by_place: dict[str, list[Entry]] = defaultdict(list)
    for _, entry in entries:
        by_place[entry.environment].append(entry)
    told = {id(one.entry): one for name, own in by_place.items() for one in deployments(own, name)}
    found = []
    for number, entry in entries:
        one = told.get(id(entry))
        by = one.repaired_by if one else None
        found.append(Record(number, entry, one, numbers.get(id(by)) if by is not entry else None))
    return found
