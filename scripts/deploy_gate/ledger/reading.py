"""All entries of a ledger, and how many lines say something else."""

from __future__ import annotations

from dataclasses import dataclass

from deploy_gate.ledger import chain, ended
from deploy_gate.ledger.entry import Entry, from_json
from deploy_gate.units import counted


@dataclass(frozen=True, slots=True)
class Ledger:
    """What was read; `unread` lines are of a newer version, or were written by something else."""

    entries: list[Entry]
    unread: int
    numbers: list[int]
    """Which line each of them is."""

    @property
    def aside(self) -> str:
        """To be told beside every figure; empty when all was read."""
        if not self.unread:
            return ""
        return f"{counted(self.unread, 'line')} could not be read as a deployment, and count for nothing"


def read(raw: bytes) -> Ledger:
    """Every line that is a deployment, in order; of one that was held, as it ended.

    Whether they hold together is `chain.faults`' question.
    """
    lines = [(line.get("seq", 0), from_json(line)) for line in chain.records(raw)]
    found = [(number, entry) for number, entry in lines if entry is not None]
    entries = ended.settled([entry for _, entry in found])
    return Ledger(entries, raw.count(b"\n") - len(entries), [number for number, _ in found])
