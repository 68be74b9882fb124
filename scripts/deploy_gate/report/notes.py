"""Annotations: GitHub shows ten of a kind for each step, so the worst come first and the rest are counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from deploy_gate import runner
from deploy_gate.engine.gate import Report, Row
from deploy_gate.report import view
from deploy_gate.result import Evidence, Severity, Status

MOST = 10


@dataclass(frozen=True, slots=True)
class Note:
    """One annotation."""

    kind: str
    title: str
    message: str
    path: str = ""
    line: int = 0


def bounded(report: Report) -> list[Note]:
    """At most ten of each kind, the deciding item first, every item once before any item twice."""
    rows = view.findings(report)
    everything = [*(_first(row) for row in rows), *(note for row in rows for note in _further(row))]
    if report.server:
        everything = [replace(note, title=f"{note.title} ({report.server})") for note in everything]
    return [note for kind in runner.KINDS for note in _limited(kind, [one for one in everything if one.kind == kind])]


def emit(report: Report, annotate: Callable[..., None] = runner.annotate) -> None:
    """Hand them to the runner."""
    for note in bounded(report):
        annotate(note.kind, note.message, title=note.title, path=note.path, line=note.line)


def _limited(kind: str, listed: list[Note]) -> Iterator[Note]:
    if len(listed) <= MOST:
        yield from listed
        return
    yield from listed[: MOST - 1]
    rest = len(listed) - MOST + 1
    yield Note(kind, "deploy-gate", f"{rest} more findings of this kind are in the job summary and in report.json")


def kind_of(row: Row) -> str:
    """How loud a finding is."""
    status, severity = row.judged.result.status, row.judged.severity
    if severity is Severity.INFO or status is Status.WAIVED:
        return "notice"
    return "warning" if severity is Severity.WARN or status is Status.WARNED else "error"


def _first(row: Row) -> Note:
    result = row.judged.result
    place = next((entry for entry in result.evidence if entry.get("path")), {})
    step = f" → {result.fix}" if result.fix else ""
    return _note(row, f"{result.status}: {result.found}{step}", place)


def _further(row: Row) -> Iterator[Note]:
    placed = [entry for entry in row.judged.result.evidence if entry.get("path")]
    # A single place already carries the item's own annotation.
    for entry in placed if len(placed) > 1 else ():
        text = " ".join(str(entry[key]) for key in ("rule", "message") if entry.get(key))
        yield _note(row, text or row.judged.result.found, entry)


def _note(row: Row, message: str, place: Evidence) -> Note:
    line = place.get("line")
    where = str(place.get("path") or "")
    return Note(kind_of(row), row.entry.title, message, where, line if isinstance(line, int) else 0)
