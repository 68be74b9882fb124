"""What the gate's reports (`report.json`) say did not pass."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy_gate.facts import textfile
from deploy_gate.result import CouldNotTell, Status, brief

MAX_BYTES = 16 * 1024 * 1024
MAX_REPORTS = 100
"""More than a deployment's servers, each of which leaves one."""
NAME = "report.json"
PLANNED = "no machine looks at this yet"
_FINE = (Status.PASSED, Status.ATTESTED, Status.SKIPPED)
_FIX = "name the report.json of the gate, or the folder that its input `report` names"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a report that did not pass."""

    item: str
    status: str
    found: str
    fix: str
    phase: str = ""

    @property
    def key(self) -> str:
        """What tells it from every other finding; the same when the same report is read again."""
        text = f"{self.phase}\0{self.item}\0{self.status}\0{self.found}"
        return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Reports:
    """What stands in all reports together."""

    findings: tuple[Finding, ...] = ()
    items: int = 0
    verdicts: tuple[tuple[str, str], ...] = ()
    """Phase (and server) and verdict of each."""


def read(paths: Iterable[str]) -> Reports:
    """All reports; CouldNotTell when one is missing or is no report: what it says would go untold."""
    files = [file for path in paths for file in _files(Path(path))]
    if len(files) > MAX_REPORTS:
        raise CouldNotTell(f"{len(files)} reports were named, the limit is {MAX_REPORTS}", "name fewer")
    found: dict[str, Finding] = {}
    items, verdicts = 0, []
    for file in files:
        data = _document(file)
        phase = brief(called(data), 200)
        verdicts.append((phase, brief(str(data.get("verdict", "")), 40)))
        for line in data["items"]:
            one = _finding(line, phase, file)
            items += 1
            if one.status not in _FINE and not _planned(one):
                found.setdefault(one.key, one)
    return Reports(tuple(found.values()), items, tuple(verdicts))


def called(report: Mapping[str, Any]) -> str:
    """What a report is called among others: its phase, and the server where it is about one."""
    phase, server = str(report.get("phase", "")), str(report.get("server") or "")
    return f"{phase} on {server}" if server else phase


def _planned(one: Finding) -> bool:
    return one.status == Status.PENDING and one.found == PLANNED


def _files(path: Path) -> list[Path]:
    """A folder stands for the reports below it: those of several jobs lie there side by side."""
    return (sorted(path.rglob(NAME)) or [path / NAME]) if path.is_dir() else [path]


def _document(file: Path) -> dict[str, Any]:
    name = brief(str(file), 200)
    raw = textfile.read(file, MAX_BYTES)
    if raw is None:
        raise CouldNotTell(f"there is no report {name}", _FIX)
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        raise CouldNotTell(f"{name} is not JSON", _FIX) from None
    if not isinstance(data, dict) or data.get("schema") != 1 or not isinstance(data.get("items"), list):
        raise CouldNotTell(f"{name} is not a report of the gate", _FIX)
    return data


def _finding(line: Any, phase: str, file: Path) -> Finding:
    values = [line.get(key) if isinstance(line, dict) else None for key in ("id", "status", "found", "fix")]
    if not all(isinstance(value, str) for value in values) or values[1] not in list(Status):
        raise CouldNotTell(f"{brief(str(file), 200)} has an item that is none", _FIX)
    item, status, found, fix = (brief(str(value), 600) for value in values)
    return Finding(item, status, found, fix, phase)
