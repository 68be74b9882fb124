"""Which lines a test run reached, read from coverage.py's JSON report, in total and among changed lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from deploy_gate.facts import files
from deploy_gate.result import Evidence

MAX_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Lines:
    """The statements of one file."""

    run: frozenset[int]
    missed: frozenset[int]


@dataclass(frozen=True, slots=True)
class Covered:
    """A whole report: percent as coverage.py counts it (branches too where they are measured)."""

    percent: float
    statements: int
    branches: bool
    files: Mapping[str, Lines]


@dataclass(frozen=True, slots=True)
class Changed:
    """Changed statements that were measured, how many of them ran, and where the others stand."""

    measured: int
    run: int
    missed: tuple[Evidence, ...] = ()
    outside: tuple[str, ...] = ()
    """Python files that changed and that the run did not measure."""

    @property
    def percent(self) -> float:
        """Share of the changed statements that ran; 100 when there are none."""
        return 100.0 * self.run / self.measured if self.measured else 100.0


def read(path: Path) -> Covered | None:
    """The report in a file; None when there is none or it is not one."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
        data: Any = json.loads(raw) if len(raw) <= MAX_BYTES else None
        totals = data["totals"]
        measured = {files.relative(name): _lines(one) for name, one in data["files"].items()}
        percent, count = float(totals["percent_covered"]), int(totals["num_statements"])
        return Covered(percent, count, "num_branches" in totals, measured)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _lines(one: Mapping[str, Any]) -> Lines:
    return Lines(frozenset(map(int, one["executed_lines"])), frozenset(map(int, one["missing_lines"])))


def among(report: Covered, changed: Mapping[str, Iterable[int]]) -> Changed:
    """The report cut down to lines that changed (file, relative to the working directory, to 1-based lines)."""
    measured = run = 0
    missed: list[Evidence] = []
    for name, altered in sorted(changed.items()):
        known = report.files.get(name)
        if known is None:
            continue
        lines = set(altered)
        run += len(lines & known.run)
        measured += len(lines & (known.run | known.missed))
        missed += [_evidence(name, group) for group in _neighbours(sorted(lines & known.missed))]
    outside = [
        name for name, lines in sorted(changed.items()) if lines and name.endswith(".py") and name not in report.files
    ]
    return Changed(measured, run, tuple(missed), tuple(outside))


def worst(report: Covered, count: int = 20) -> list[Evidence]:
    """The files with the most statements that no test runs."""
    ranked = sorted(report.files.items(), key=lambda item: (-len(item[1].missed), item[0]))
    return [_of_file(name, one) for name, one in ranked[:count] if one.missed]


def _neighbours(lines: list[int]) -> list[list[int]]:
    runs = groupby(enumerate(lines), key=lambda pair: pair[1] - pair[0])
    return [[line for _, line in group] for _, group in runs]


def _evidence(name: str, group: list[int]) -> Evidence:
    where = f"line {group[0]}" if len(group) == 1 else f"lines {group[0]} to {group[-1]}"
    message = f"{where} changed, and no test runs it"
    return {"message": message, "path": name, "line": group[0], "rule": "changed-coverage"}


def _of_file(name: str, one: Lines) -> Evidence:
    message = f"no test runs {len(one.missed)} of {len(one.run) + len(one.missed)} statements"
    return {"message": message, "path": name, "line": min(one.missed), "rule": "coverage"}
