"""How a deployment ended whose end no run saw, out of the servers' journals: a person answered, or the guard did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from deploy_gate.facts.interventions import LINES, SKEW
from deploy_gate.ledger.ended import Answer
from deploy_gate.ledger.entry import RELEASE, Entry, when
from deploy_gate.rollout.servers import side_by_side
from deploy_gate.ssh.hostprogram import HostProgram

_BACK = ("rollback", "cold-rollback")


def read(where: Sequence[HostProgram], held: Entry) -> Answer | None:
    """The same answer on all servers; None while one waits, does not say, or has a journal that does not hold."""
    journals = [_journal(server) for server in where]
    found = [answered(entries, held) for entries in journals]
    known = [one for one in found if one is not None]
    if not known or len(known) < len(found) or len({(one.back, one.to) for one in known}) > 1:
        return None
    return max(known, key=lambda one: one.at)


def _journal(server: HostProgram) -> list[Mapping[str, Any]]:
    ((_, verified),) = side_by_side([server], lambda one: one.run("journal", "verify", timeout=60))
    ((_, shown),) = side_by_side([server], lambda one: one.run("journal", "show", f"--lines={LINES}", timeout=60))
    entries = shown.data.get("entries")
    if not (verified.good and shown.good) or verified.data.get("faults") != [] or not isinstance(entries, list):
        return []
    return [one for one in entries if isinstance(one, dict)]


def answered(entries: Sequence[Mapping[str, Any]], held: Entry) -> Answer | None:
    """What became of that deployment on one server, by the order of its journal: the last word after its switch."""
    done = {one.get("of") for one in entries if one.get("event") == "done"}
    found, switched, away = None, False, False
    for one in entries:
        step, data, at = str(one.get("step", "")), one.get("data"), _moment(one)
        if one.get("event") != "intent" or one.get("seq") not in done or not isinstance(data, dict) or at is None:
            continue
        if step == "switch":
            # Another release took its place, from which it may come back.
            away = data.get("release") != held.release and (switched or away)
            switched = data.get("release") == held.release and _within(at, held)
            # What was said of it before is another deployment's; another release's switch says nothing of this one.
            found = None if switched else found
        elif away and step in _BACK and data.get("release") == held.release:
            switched, away = True, False
        elif switched and step == "confirm" and data.get("release") == held.release:
            found = Answer(at, _by(one, data), str(data.get("reason", "")))
        elif switched and step in _BACK and data.get("leaves") == held.release:
            to = str(data.get("release", ""))
            found = Answer(at, _by(one, data), str(data.get("reason", "")), True, to if RELEASE.fullmatch(to) else "")
    return found


def _by(entry: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    return str(data.get("by") or entry.get("by") or "")


def _moment(entry: Mapping[str, Any]) -> datetime | None:
    at = when(str(entry.get("at", "")))
    return at if at is not None and at.tzinfo else None


def _within(at: datetime, held: Entry) -> bool:
    """Whether that deployment made the switch: the same release may have been live before."""
    began, ended = when(held.began), when(held.ended)
    return began is not None and ended is not None and began - SKEW <= at <= ended + SKEW
