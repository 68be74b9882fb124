"""One run of a gate as a page shows it, from the report in hand or from a `report.json` of long ago."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy_gate.engine.entry import State
from deploy_gate.engine.gate import Report, Row
from deploy_gate.engine.verdict import Word
from deploy_gate.report import view
from deploy_gate.result import Severity, Status, one_line
from deploy_gate.statistics.recorded import number
from deploy_gate.units import show_duration

_WELL = (Status.PASSED, Status.SKIPPED, Status.ATTESTED)
MOST = 1000
"""Lines of a recorded report: ten times a checklist."""
_LOUD = (Status.FAILED, Status.ERROR, Status.PENDING, Status.WARNED, Status.WAIVED)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the checklist as it stood."""

    id: str
    title: str
    status: str
    found: str
    fix: str = ""
    note: str = ""
    """What else decides how much it counts: a severity that is not the usual one, or that nobody looks yet."""
    check: str = ""
    seconds: float = 0.0
    target: Any = None
    measured: Any = None
    evidence: Sequence[Mapping[str, Any]] = ()
    quiet: bool = False
    """Nobody needs to read it."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of the checklist, with what its lines came to in words."""

    title: str
    told: str
    lines: Sequence[Line]

    @property
    def well(self) -> bool:
        """Nothing in it needs a reader."""
        return all(line.quiet for line in self.lines)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A whole report."""

    phase: str
    environment: str
    verdict: str
    headline: str
    facts: str
    started: str
    why: str
    deciding: Line | None
    sections: Sequence[Section]
    notes: Sequence[str] = ()

    @property
    def lines(self) -> list[Line]:
        """All of them."""
        return [line for section in self.sections for line in section.lines]

    @property
    def loud(self) -> int:
        """How many need a reader."""
        return sum(not line.quiet for line in self.lines)

    @property
    def counts(self) -> dict[str, int]:
        """How many of each status that there is, in the order of the statuses."""
        found = Counter(line.status for line in self.lines)
        return {str(one): found[one] for one in Status if found[one]}


def of_report(report: Report) -> Sheet:
    """From the report in hand."""
    sections = [Section(one.title, view.counted(one.rows), list(map(_line, one.rows))) for one in view.groups(report)]
    deciding = view.deciding(report)
    return Sheet(
        phase=str(report.plan.phase),
        environment=report.plan.environment,
        verdict=str(report.verdict.word),
        headline=view.headline(report),
        facts=view.facts(report),
        started=report.started.strftime("%Y-%m-%d %H:%M:%S UTC"),
        why=report.verdict.why,
        deciding=_line(deciding) if deciding else None,
        sections=sections,
        notes=report.notes,
    )


def _line(row: Row) -> Line:
    result, severity = row.judged.result, row.judged.severity
    note = "" if severity is Severity.BLOCK or result.status not in _LOUD else str(severity)
    if not row.judged.decides and result.status is Status.PENDING:
        note = {State.PLANNED: "not built yet", State.SET_UP: "to set up"}.get(row.entry.state, note)
    return Line(
        row.judged.id,
        row.entry.title,
        str(result.status),
        result.found,
        result.fix,
        note,
        row.entry.item.check,
        result.seconds,
        result.target,
        result.measured,
        result.evidence,
        result.status in _WELL or not row.judged.decides,
    )


def of_json(data: Mapping[str, Any], titles: Mapping[str, str]) -> Sheet:
    """From a `report.json`, whose sections are only names; `titles` tells their headings. It may hold anything."""
    items = data.get("items")
    listed = [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []
    notes = [f"{len(listed) - MOST} more lines are not shown"] if len(listed) > MOST else []
    lines = [(one_line(str(one.get("section") or ""), 80), _recorded(one)) for one in listed[:MOST]]
    sections = list(_sections(lines, titles))
    word = str(data.get("verdict", ""))
    known = view.WORDS[Word(word)] if word in list(Word) else word
    phase, environment = (one_line(str(data.get(key, "")), 80) for key in ("phase", "environment"))
    server = one_line(str(data.get("server") or ""), 400)
    told = _told([line for _, line in lines])
    deciding = next((line for _, line in lines if line.id == data.get("decided_by")), None)
    seconds, commit = number(data.get("seconds")), one_line(str(data.get("commit", "")), 80)
    parts = [
        told,
        "" if seconds is None else show_duration(seconds),
        commit[:12] and f"commit {commit[:12]}",
    ]
    return Sheet(
        phase=phase,
        environment=environment,
        verdict=word if word in list(Word) else "could-not-tell",
        headline=" · ".join(part for part in (one_line(known, 40), phase, environment, server) if part),
        facts=" · ".join(part for part in parts if part),
        started=one_line(str(data.get("started", "")), 40),
        why=deciding.found if deciding else "",
        deciding=deciding,
        sections=sections,
        notes=notes,
    )


def _recorded(item: Mapping[str, Any]) -> Line:
    texts = {key: one_line(str(item.get(key) or "")) for key in ("id", "title", "status", "found", "fix", "check")}
    status, severity = texts["status"], str(item.get("severity", ""))
    note = severity if severity in (Severity.WARN, Severity.INFO) and status in _LOUD else ""
    evidence = item.get("evidence")
    kept = [one for one in evidence if isinstance(one, dict)] if isinstance(evidence, list) else []
    return Line(
        texts["id"],
        texts["title"] or texts["id"],
        status,
        texts["found"],
        texts["fix"],
        note,
        texts["check"],
        number(item.get("seconds")) or 0.0,
        item.get("target"),
        item.get("measured"),
        kept,
        # Whether a pending line was to decide is not written down: a go beside it tells that it was not.
        status in _WELL or (status == Status.PENDING),
    )


def _sections(lines: Sequence[tuple[str, Line]], titles: Mapping[str, str]) -> Iterator[Section]:
    for name in dict.fromkeys(name for name, _ in lines):
        own = [line for section, line in lines if section == name]
        yield Section(titles.get(name) or name or "Other lines", _told(own), own)


def _told(lines: Sequence[Line]) -> str:
    found = Counter(line.status for line in lines)
    return ", ".join(f"{number} {status}" for status, number in found.items()) or "nothing"
