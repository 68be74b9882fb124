"""From results to one word, and the item that decided. Pure: no clock, no files, no environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING

from deploy_gate.result import Result, Severity, Status, bounded

if TYPE_CHECKING:
    from deploy_gate.checklist.model import Waiver

_WAIVABLE = (Status.FAILED, Status.ERROR, Status.PENDING, Status.WARNED)
_UNKNOWN = (Status.ERROR, Status.PENDING)


class Word(StrEnum):
    """What the gate says."""

    GO = "go"
    NO_GO = "no-go"
    COULD_NOT_TELL = "could-not-tell"


EXIT = {Word.GO: 0, Word.NO_GO: 1, Word.COULD_NOT_TELL: 3}


@dataclass(frozen=True, slots=True)
class Judged:
    """One item with its final result.

    `decides` is false for lines that no machine looks at yet, and for those that are not set up in a trial.
    """

    id: str
    severity: Severity
    result: Result
    decides: bool = True
    law: bool = False
    """It is about the checklist itself, so nothing of the release was looked at by it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The word, the item that decided (None: none did), and why in one line."""

    word: Word
    decided_by: str | None
    why: str


def waive(result: Result, waiver: Waiver | None, today: date, proof: str = "", refusal: str = "") -> Result:
    """Apply a waiver: a finding within its date is waived, past it failed; what passes needs no waiver.

    `proof` says how its person was proven, `refusal` why the waiver does not count.
    """
    if waiver is None or result.status not in (*_WAIVABLE, Status.PASSED):
        return result
    who = f"{waiver.by}{f' ({proof})' if proof else ''}, until {waiver.until}: {waiver.why}"
    if result.status is Status.PASSED:
        return result.now(Status.PASSED, f"passes without its waiver ({who}), which can be removed")
    if today <= waiver.until and refusal:
        return result.now(result.status, f"the waiver by {waiver.by} does not count: {refusal}")
    if today <= waiver.until:
        told = {"waived_by": waiver.by, "until": str(waiver.until), "why": waiver.why, "proof": proof}
        waived = result.now(Status.WAIVED, f"waived by {who}")
        return replace(waived, evidence=bounded([{"message": f"waived by {who}", **told}, *result.evidence]))
    expired = result.now(Status.FAILED, f"the waiver by {waiver.by} ended on {waiver.until}")
    return replace(expired, fix=result.fix or "mend it, or have the waiver renewed")


def decide(items: Sequence[Judged], *, may_be_empty: bool = False) -> Verdict:
    """Any blocking failed: no-go; else any blocking error or pending, or nothing looked at: could not tell; else go."""
    blocking = [item for item in items if item.decides and item.severity is Severity.BLOCK]
    for statuses, word in (((Status.FAILED,), Word.NO_GO), (_UNKNOWN, Word.COULD_NOT_TELL)):
        found = [item for item in blocking if item.result.status in statuses]
        if found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            return Verdict(word, found[0].id, f"{found[0].id} {found[0].result.status}: {found[0].result.found}{more}")
    if not any(item.decides and not item.law for item in items) and not may_be_empty:
        return Verdict(Word.COULD_NOT_TELL, None, "nothing was looked at: no item of this phase is measured")
    return Verdict(Word.GO, None, "no blocking item failed")
