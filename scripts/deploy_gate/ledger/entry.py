"""One deployment as the ledger holds it: a line with what happened, and a document with every result of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from deploy_gate.problems import Misconfigured
from deploy_gate.result import one_line

SCHEMA = 1
LONGEST = 500
MOST = 200
RELEASE = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
RAN_CODE = "ran_code"
"""In the evidence, the mark of a report from a job that ran the repository's code: it could have written anything."""
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


class Kind(StrEnum):
    """What was set out to be done."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    REHEARSAL = "rehearsal"
    CONFIRM = "confirm"
    """A person's answer about a deployment that was held."""


class Outcome(StrEnum):
    """How it ended."""

    DEPLOYED = "deployed"
    NOT_SWITCHED = "not-switched"
    """Production stayed what it was: a gate said no, or the release did not come up."""
    FELL_BACK = "fell-back"
    """It was live, and was taken out again."""
    NOT_BACK = "not-back"
    """It was live, and taking it out failed."""
    ROLLED_BACK = "rolled-back"
    """Somebody asked to go back, and that was done."""
    UNKNOWN = "unknown"
    """Held for a person, or cut off; a later line may say how it ended, else the server healed itself."""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds; None where nobody measured. `recover` is detect, decide and restore together."""

    total: Seconds | None = None
    detect: Seconds | None = None
    decide: Seconds | None = None
    restore: Seconds | None = None

    @property
    def recover(self) -> float | None:
        """From the first sign to the working state; None unless all three were measured."""
        parts = (self.detect, self.decide, self.restore)
        return None if None in parts else sum(one for one in parts if one is not None)


@dataclass(frozen=True, slots=True)
class Entry:
    """What one line says. Moments are UTC as `2026-11-25T02:30:00Z`; lists hold plain JSON objects."""

    environment: str
    release: str
    """The git tree."""
    kind: Kind
    outcome: Outcome
    began: str
    ended: str
    commit: str = ""
    checklist: str = ""
    """The path of the checklist that it was judged by, in that commit; empty where it was in none."""
    from_release: str = ""
    """What was live before."""
    digests: Mapping[str, str] = field(default_factory=dict)
    branch: str = ""
    subject: str = ""
    """First line of the commit's message."""
    author: str = ""
    """Who wrote the commit."""
    actor: str = ""
    """Who started the run."""
    run_url: str = ""
    reason: str = ""
    decided_by: str | None = None
    """The item or trigger that decided."""
    why: str = ""
    times: Times = Times()
    counts: Mapping[str, int] = field(default_factory=dict)
    """How many results of each status."""
    met: Mapping[str, Seconds] = field(default_factory=dict)
    """What users met after the switch (`ledger.met`): p95 in milliseconds, errors as a share, health in seconds."""
    signoffs: Sequence[Mapping[str, Any]] = ()
    waivers: Sequence[Mapping[str, Any]] = ()
    interventions: Sequence[Mapping[str, Any]] = ()
    evidence: str = ""
    """SHA-256 of the document beside the ledger (`entries/NUMBER.json`)."""

    def as_json(self) -> dict[str, Any]:
        """The line's own fields, bounded, without its place in the chain."""
        values: dict[str, Any] = bounded(asdict(self))
        return {"schema": SCHEMA, **values}


def checked(entry: Entry) -> Entry:
    """The entry; Misconfigured when a field is not what a reader may rely on."""
    wrong = []
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", entry.environment):
        wrong.append(f"the environment is {one_line(entry.environment, 60)!r}, expected a name")
    if not RELEASE.fullmatch(entry.release):
        wrong.append(f"the release is {one_line(entry.release, 60)!r}, expected a git tree of forty digits")
    for name, moment in (("began", entry.began), ("ended", entry.ended)):
        if not _MOMENT.fullmatch(moment) or when(moment) is None:
            wrong.append(f"'{name}' is {one_line(moment, 60)!r}, expected a moment such as 2026-11-25T02:30:00Z")
    if wrong:
        raise Misconfigured(wrong)
    return entry


def from_json(data: Mapping[str, Any]) -> Entry | None:
    """The entry of a line that was read; None when it is of another shape or a newer schema."""
    if data.get("schema") != SCHEMA:
        return None
    try:
        entry = _shape().validate_python({name: data[name] for name in Entry.__slots__ if name in data})
        return checked(entry)
    except (ValueError, Misconfigured):
        return None


@cache
def _shape() -> TypeAdapter[Entry]:
    return TypeAdapter(Entry)


def when(moment: str) -> datetime | None:
    """The moment, or None when there is no such day or hour."""
    try:
        return datetime.fromisoformat(moment)
    except ValueError:
        return None


def bounded(value: Any) -> Any:
    """What comes from outside must not fill the branch: texts in one line, short lists."""
    if isinstance(value, str):
        return one_line(value, LONGEST)
    if isinstance(value, Mapping):
        return {one_line(str(key), LONGEST): bounded(one) for key, one in list(value.items())[:MOST]}
    if isinstance(value, list | tuple):
        return [bounded(one) for one in value[:MOST]]
    return value
