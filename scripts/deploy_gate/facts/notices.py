"""The record of what the team was told: one JSON file a deployment, written anew after every accepted message."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy_gate.atomic import write_all
from deploy_gate.facts import textfile
from deploy_gate.facts.attestations import stamp
from deploy_gate.facts.findings import Finding
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, brief

MAX_BYTES = 4 * 1024 * 1024
_FIX = "remove the file: the notify operation writes a new one"


@dataclass(frozen=True, slots=True)
class Message:
    """One message that was accepted. `kind` is main or findings, `number` its id (0 where the channel gives none)."""

    channel: str
    kind: str
    stage: str
    to: str
    chat: str
    number: int
    at: str
    sha256: str
    edited: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """A finding that stands in a message that was accepted."""

    key: str
    item: str
    status: str
    channel: str
    number: int
    at: str


@dataclass(frozen=True, slots=True)
class Stage:
    """How the deployment stood, and since when."""

    stage: str
    at: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why somebody was not told."""

    channel: str
    stage: str
    at: str
    what: str


@dataclass(slots=True)
class Record:
    """Everything about one deployment."""

    deployment: str
    release: str = ""
    environment: str = ""
    stages: list[Stage] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def main(self, channel: str, to: str) -> Message | None:
        """The newest headline there."""
        found = [one for one in self.messages if (one.channel, one.kind, one.to) == (channel, "main", to)]
        return found[-1] if found else None

    def untold(self, findings: tuple[Finding, ...], channel: str) -> list[Finding]:
        """Those that stand in no message there yet."""
        known = {one.key for one in self.told if one.channel == channel}
        return [one for one in findings if one.key not in known]


def now() -> str:
    """RFC 3339 in UTC, to the second."""
    return stamp(datetime.now(UTC))


def digest(text: str) -> str:
    """What proves later which text it was."""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def at(text: str) -> datetime:
    """The moment of a record's time stamp; ValueError for anything else."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def save(path: Path, record: Record) -> None:
    """Write the record, whole or not at all; CouldNotTell when that is not possible."""
    try:
        write_all({path: json.dumps({"schema": 1, **asdict(record)}, indent=1) + "\n"})
    except (OSError, ValueError) as fault:
        found = f"the record {brief(str(path), 200)} cannot be written: {textfile.reason(fault)}"
        raise CouldNotTell(found, "name a file that can be written (`record`)") from None


def load(path: Path) -> Record | None:
    """The record, None when there is none; CouldNotTell when it cannot be read as one."""
    name = brief(str(path), 200)
    raw = textfile.read(path, MAX_BYTES)
    if raw is None:
        return None
    try:
        return _record(json.loads(raw))
    except (ValueError, TypeError, KeyError, RecursionError, Misconfigured):
        raise CouldNotTell(f"{name} is not a record of the notify operation", _FIX) from None


def _record(data: Any) -> Record:
    if not isinstance(data, dict) or data.pop("schema", None) != 1:
        raise ValueError
    lists = {"stages": Stage, "messages": Message, "told": Told, "problems": Problem}
    parts: dict[str, Any] = {name: [_entry(kind, one) for one in data.pop(name)] for name, kind in lists.items()}
    record = Record(**data, **parts)
    if not all(isinstance(text, str) for text in (record.deployment, record.release, record.environment)):
        raise ValueError
    return record


def _entry(kind: Any, data: Any) -> Any:
    entry = kind(**data)
    for name, value in asdict(entry).items():
        legal = {"number": int, "edited": bool}.get(name, str)
        if type(value) is not legal:
            raise ValueError(name)
    at(entry.at)
    return entry
