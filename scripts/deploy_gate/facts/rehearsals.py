"""Recorded rehearsals: what was switched and rolled back on staging, how long it took, and what failed meanwhile.

The store is the journal of the server they were held on, one line each, in a chain of hashes. Whoever reads rehearsals
asks here and nowhere else, so that the store can change.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from deploy_gate.facts import onhost
from deploy_gate.facts.onhost import Place
from deploy_gate.result import CouldNotTell, brief

_STEP = "rehearsal"
_MOST = 200
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
