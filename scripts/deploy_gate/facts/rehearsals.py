"""Recorded rehearsals: what was switched and rolled back on staging, how long it took, and what failed meanwhile.

Two places hold them, each in a chain of hashes: the journal of the server they were held on, and the ledger, where the
record operation wrote down what the rehearse operation found. Whoever reads rehearsals asks here and nowhere else.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from deploy_gate.facts import onhost
from deploy_gate.facts.onhost import Place
from deploy_gate.ledger import branch as branches
from deploy_gate.ledger import chain, signing
from deploy_gate.ledger.entry import Entry, Kind, Outcome, from_json, when
from deploy_gate.result import CouldNotTell, brief

_STEP = "rehearsal"
_MOST = 200
MOST_ENTRIES = 20
_FIX = "see `slots journal verify` on the server: evidence that was changed is none; rehearse again"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One of them; seconds, and the digests of the images by service."""

    at: datetime
    release: str
    sent: int
    failed: int
    switch_seconds: float
    rollback_seconds: float
    by: str = ""
    trouble: str = ""
    """Why it came to no end; then its numbers say nothing."""
    images: Mapping[str, str] = field(default_factory=dict)


def read(place: Place) -> list[Rehearsal]:
    """All that are kept, oldest first; CouldNotTell when they cannot be read or their chain is broken."""
    with onhost.opened(place) as there:
        verified = there.run("journal", "verify")
        kept = there.good("journal", "show", f"--step={_STEP}", f"--lines={2 * _MOST}")
    faults = verified.data.get("faults")
    if faults != [] or not verified.good:
        first = brief(str(faults[0]), 200) if isinstance(faults, list) and faults else verified.found
        raise CouldNotTell(f"the journal of {place.host} does not hold together: {first}", _FIX)
    return parse(kept)


def recorded(branch: str, remote: str, environment: str, signers: str) -> list[Rehearsal]:
    """Those that the ledger holds of an environment, oldest first; CouldNotTell when it, or one of them, is broken.

    With `signers` (public keys, one a line) also when its newest line is not signed by one of them.
    """
    with branches.opened(branch, remote) as there:
        state = there.read()
        find = partial(there.file, state.commit)
        if wrong := chain.faults(state.raw) or signing.faults(state.raw, find, signers):
            raise CouldNotTell(f"the ledger does not hold together: {wrong[0]}", "see `ledger verify`")
        lines = [(one.get("seq"), entry) for one in chain.records(state.raw) if (entry := from_json(one))]
        own = [(number, one) for number, one in lines if _is_rehearsal(one, environment)]
        return [_entered(one, find(f"entries/{number}.json")) for number, one in own[-MOST_ENTRIES:]]


def _is_rehearsal(one: Entry, environment: str) -> bool:
    return one.kind is Kind.REHEARSAL and one.environment == environment


def _entered(one: Entry, raw: bytes) -> Rehearsal:
    """One line with its evidence: the worst of all servers."""
    at, who = when(one.ended), one.actor
    if chain.digest(raw) != one.evidence or at is None:
        raise CouldNotTell(f"the evidence of the rehearsal of {one.ended} is not what its line says", _FIX)
    try:
        told = json.loads(raw)["deploy"]["evidence"] if one.outcome is Outcome.ROLLED_BACK else []
        sent, failed = sum(int(each["sent"]) for each in told), sum(int(each["failed"]) for each in told)
        there = max((float(each["switch_seconds"]) for each in told), default=0.0)
        back = max((float(each["rollback_seconds"]) for each in told), default=0.0)
    except (KeyError, TypeError, ValueError, RecursionError):
        told, sent, failed, there, back = [], 0, 0, 0.0, 0.0
    trouble = "" if told and math.isfinite(there + back) else one.why or "it left no figures"
    return Rehearsal(at, one.release, sent, failed, there, back, who, trouble, dict(one.digests))


def parse(told: Mapping[str, Any]) -> list[Rehearsal]:
    """From `slots journal show`: each is one line with its data, and one that it was settled with."""
    entries = told.get("entries")
    if not isinstance(entries, list):
        raise CouldNotTell("the server's answer holds no journal", _FIX)
    found = [one for one in entries if isinstance(one, dict) and one.get("event") == "intent"]
    try:
        return [_rehearsal(one) for one in found if one.get("step") == _STEP]
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        why = brief(f"{type(fault).__name__}: {fault}", 100)
        raise CouldNotTell(f"a rehearsal in the journal cannot be read: {why}", _FIX) from None


def _rehearsal(entry: Mapping[str, Any]) -> Rehearsal:
    data = entry["data"]
    at = datetime.fromisoformat(entry["at"])
    if at.tzinfo is None:
        raise ValueError("its time has no zone")
    images = {str(key): str(value) for key, value in data.get("images", {}).items()}
    trouble = str(data.get("trouble", ""))
    release, by = str(data["release"]), str(entry.get("by", ""))
    sent, failed = int(data["sent"]), int(data["failed"])
    if trouble:
        return Rehearsal(at, release, sent, failed, 0, 0, by, trouble, images)
    there, back = float(data["switch_seconds"]), float(data["rollback_seconds"])
    if not (math.isfinite(there) and math.isfinite(back)):
        raise ValueError("its times are no numbers")
    return Rehearsal(at, release, sent, failed, there, back, by, "", images)
