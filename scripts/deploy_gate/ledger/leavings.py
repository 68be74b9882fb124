"""The files that the jobs of a deployment left behind, read: each bounded, and of the shape that it should have."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deploy_gate.facts import textfile
from deploy_gate.ledger.entry import RAN_CODE, bounded
from deploy_gate.ledger.gathered import Gathered
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, brief

MAX_BYTES = 16 * 1024 * 1024
_WATCH = ("phase", "ended", "seconds", "verdict", "decided_by", "why", "times", "lines", "points")
"""What is kept of a watch: its timeline is in the log, and long."""


def gather(
    reports: Sequence[Path],
    deploy: Path | None,
    rollback: Path | None,
    verdict: str = "",
    watch: Path | None = None,
    code_reports: Sequence[Path] = (),
) -> Gathered:
    """Read what is there; CouldNotTell for a file that is missing or not what it should be.

    `code_reports` are from jobs that ran the repository's code: kept, counted, and not believed what people did.
    """
    known = [*(_report(path) for path in reports), *(one for path in code_reports for one in _of_code(path))]
    read = sorted(known, key=lambda one: (not one.get(RAN_CODE), str(one["started"])))
    found = Gathered(read, _result(deploy), _result(rollback), verdict, _watch(watch))
    if not read and not found.deploy and not found.rollback:
        raise Misconfigured(["there is nothing to record: give `reports`, `deploy` or `rollback`"])
    return found


def _report(path: Path) -> dict[str, Any]:
    data = _object(path)
    items = data.get("items")
    whole = isinstance(items, list) and all(
        isinstance(one, dict) and {"id", "status", "found"} <= one.keys() for one in items
    )
    if not whole or not {"started", "verdict", "phase", "decided_by"} <= data.keys():
        raise CouldNotTell(f"{brief(str(path))} is no report of a gate", "name the report.json that the gate wrote")
    return data


def _of_code(path: Path) -> list[dict[str, Any]]:
    """A report that code could have written; what is none is left out, else that code could prevent the line."""
    try:
        data = _report(path)
    except CouldNotTell:
        return []
    decided_by = data["decided_by"]
    return [{**data, RAN_CODE: True, "decided_by": None if decided_by is None else str(decided_by)}]


def _result(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    data = _object(path)
    if not {"status", "found"} <= data.keys() or not isinstance(data.get("evidence", []), list):
        raise CouldNotTell(f"{brief(str(path))} is no result", "write the output `result` of the operation to it")
    return data


def _watch(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    data = _object(path)
    if not {"verdict", "decided_by", "why", "lines"} <= data.keys():
        raise CouldNotTell(
            f"{brief(str(path))} is no record of a watch", "name the file that the watch wrote (`record`)"
        )
    found: dict[str, Any] = bounded({name: data[name] for name in _WATCH if name in data})
    return found


def _object(path: Path) -> dict[str, Any]:
    name = brief(str(path), 200)
    raw = textfile.read(path, MAX_BYTES)
    if raw is None:
        raise CouldNotTell(f"there is no file {name}", "see whether the job before wrote it")
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise CouldNotTell(f"{name} holds no JSON object", "see whether the job before wrote it")
    return data
