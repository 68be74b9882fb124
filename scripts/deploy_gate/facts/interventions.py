"""What people changed on a server by hand, out of its journal: runs and the guard say who they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from deploy_gate.facts import ledgerheads, onhost
from deploy_gate.facts.onhost import Place
from deploy_gate.ledger.chain import Head
from deploy_gate.ledger.entry import Entry, when
from deploy_gate.result import CouldNotTell, brief

LINES = 500
SKEW = timedelta(minutes=5)
_CHANGES = ("switch", "confirm", "hold", "stop", "rollback", "cold-rollback", "lease-break", "start", "migrate")
_FIX = "see `slots journal verify` on the server: nobody knows what was done there"


@dataclass(frozen=True, slots=True)
class Change:
    """One step of the journal; `run` is the run that is said to have made it, empty when a person did."""

    number: int
    at: datetime
    step: str
    by: str
    run: str = ""
    reason: str = ""

    @property
    def by_hand(self) -> bool:
        """Neither a run nor the guard."""
        return not self.run and not self.by.startswith("guard")

    @property
    def told(self) -> str:
        """In one line."""
        text = f"line {self.number}, {self.at:%Y-%m-%d %H:%M:%S}: {brief(self.step, 40)} by {brief(self.by, 80)}"
        return f"{text}: {brief(self.reason, 120)}" if self.reason else text


@dataclass(frozen=True, slots=True)
class Journal:
    """What a server's journal tells, and the newest line of the ledger that this server remembers."""

    changes: Sequence[Change]
    heads: Sequence[Head] = ()


def read(place: Place) -> Journal:
    """All changes that the journal still shows; CouldNotTell when it cannot be read, or its chain is broken."""
    with onhost.opened(place) as there:
        verified = there.run("journal", "verify")
        kept = there.good("journal", "show", f"--lines={LINES}")
    if verified.data.get("faults") != []:
        raise CouldNotTell(f"the journal of {place.host} does not hold together", _FIX)
    entries = kept.get("entries")
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise CouldNotTell("the server's answer holds no journal", _FIX)
    return Journal(changes(entries), ledgerheads.of(verified.data, place.host))


def changes(entries: Iterable[Mapping[str, Any]]) -> list[Change]:
    """The steps that changed something. What is done under a lease is done by its holder, for its reason."""
    lease: Mapping[str, Any] = {}
    found = []
    for one in entries:
        step, data = str(one.get("step", "")), one.get("data")
        if one.get("event") != "intent" or not isinstance(data, dict):
            continue
        if step in _CHANGES:
            found.append(_change(one, step, data, lease))
        if step in ("lease", "lease-release", "lease-break"):
            lease = data if step == "lease" else {}
    return found


def _change(entry: Mapping[str, Any], step: str, data: Mapping[str, Any], lease: Mapping[str, Any]) -> Change:
    # A rollback needs no lease, and names who asked; who breaks a lease does not act for its holder.
    named = str(data.get("by", ""))
    free = step in ("rollback", "cold-rollback", "lease-break")
    by = named or ("" if free else str(lease.get("holder", ""))) or str(entry.get("by", ""))
    run = "" if free else str(lease.get("run", ""))
    reason = str(data.get("reason", "")) or ("" if free else str(lease.get("reason", "")))
    return Change(_number(entry), _moment(entry), step, by, run or _run(by), reason.strip())


@dataclass(frozen=True, slots=True)
class Run:
    """One run as the ledger knows it: how it calls itself on a server, where it is seen, and when it was at work."""

    by: str
    url: str
    began: datetime
    ended: datetime

    def made(self, change: Change) -> bool:
        """Whether the change may be this run's: anybody can type its name, but not move its hours."""
        there = self.began - SKEW <= change.at <= self.ended + SKEW
        return there and change.by == self.by and change.run in (self.url, _run(self.by))


def runs(entries: Iterable[Entry]) -> list[Run]:
    """Those that the ledger holds."""
    found = []
    for one in entries:
        began, ended = when(one.began), when(one.ended)
        number = one.run_url.rpartition("/runs/")[2]
        if one.actor and number and began and ended:
            found.append(Run(f"{one.actor} (run {number})", one.run_url, began, ended))
    return found


def explained(found: Iterable[Change], known: Sequence[Run]) -> list[Change]:
    """The changes; of a run that the ledger does not know a person made them, whatever it is called."""
    return [replace(one, run="") if one.run and not any(run.made(one) for run in known) else one for one in found]


def _run(by: str) -> str:
    """What a run asked for without a lease carries its number: `ada (run 7)`."""
    return by.partition("(run ")[2].removesuffix(")") if "(run " in by else ""


def _number(entry: Mapping[str, Any]) -> int:
    number = entry.get("seq")
    return number if isinstance(number, int) else 0


def _moment(entry: Mapping[str, Any]) -> datetime:
    try:
        found = datetime.fromisoformat(str(entry.get("at", "")))
    except ValueError:
        raise CouldNotTell(f"line {_number(entry)} of the journal has no time", _FIX) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def silent(found: Sequence[Change]) -> list[Change]:
    """Those that nobody gave a reason for."""
    return [one for one in found if one.by_hand and not one.reason]
