"""The report grouped as readers want it: headline, counts, sections in the order of the checklist."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from deploy_gate.engine.entry import State
from deploy_gate.engine.gate import Report, Row
from deploy_gate.engine.verdict import Word
from deploy_gate.result import Severity, Status, one_line
from deploy_gate.units import show_duration

ICONS = {
    Status.PASSED: "✅",
    Status.WARNED: "⚠️",
    Status.FAILED: "❌",
    Status.ERROR: "❓",
    Status.SKIPPED: "⏭️",
    Status.WAIVED: "🕊️",
    Status.ATTESTED: "✍️",
    Status.PENDING: "⏳",
}
WORDS = {Word.GO: "Go", Word.NO_GO: "No-go", Word.COULD_NOT_TELL: "Could not tell"}
WORD_ICONS = {Word.GO: "✅", Word.NO_GO: "❌", Word.COULD_NOT_TELL: "❓"}
_WORST_FIRST = (Status.FAILED, Status.ERROR, Status.PENDING, Status.WARNED, Status.WAIVED)
_MEASURED = (Status.PASSED, Status.WARNED, Status.FAILED, Status.WAIVED, Status.ATTESTED)
_WELL = (Status.PASSED, Status.SKIPPED, Status.ATTESTED)


@dataclass(frozen=True, slots=True)
class Group:
    """One section and its rows."""

    title: str
    rows: list[Row]

    @property
    def well(self) -> bool:
        """Nothing in it needs a reader."""
        return all(row.judged.result.status in _WELL or not row.judged.decides for row in self.rows)

    @property
    def line(self) -> str:
        """`Database: 3 passed, 1 failed`."""
        return f"{self.title}: {counted(self.rows)}"


def groups(report: Report) -> list[Group]:
    """The lines about the checklist itself, then its sections that have rows, in its order."""
    sections = report.plan.source.checklist.sections
    found = [(name, [row for row in report.rows if row.entry.item.section == name]) for name in sections]
    law = [row for row in report.rows if row.judged.law]
    own = [Group("The checklist itself", law)] if law else []
    rest = [Group(one_line(f"{sections[name].part} · {sections[name].title}"), rows) for name, rows in found if rows]
    return own + rest


def counts(rows: Iterable[Row]) -> dict[Status, int]:
    """How many rows have which status; every status is there."""
    found = dict.fromkeys(Status, 0)
    for row in rows:
        found[row.judged.result.status] += 1
    return found


def counted(rows: Iterable[Row]) -> str:
    """`3 passed, 1 failed`, the lines that no machine looks at yet told apart."""
    listed = list(rows)
    later = [row for row in listed if row.entry.state is State.PLANNED and row.judged.result.status is Status.PENDING]
    trial = [row for row in listed if row.entry.state is State.SET_UP and not row.judged.decides]
    rest = counts(row for row in listed if row not in later and row not in trial)
    parts = [f"{number} {status}" for status, number in rest.items() if number]
    parts += [f"{len(trial)} to set up"] if trial else []
    parts += [f"{len(later)} not built yet"] if later else []
    return ", ".join(parts) or "nothing"


def headline(report: Report) -> str:
    """`No-go · pre-deploy · production`, with the server where it is about one."""
    place = report.plan.environment or ("trial, no checklist file" if report.plan.source.trial else "")
    parts = (WORDS[report.verdict.word], report.plan.phase, place, report.server)
    return " · ".join(part for part in parts if part)


def facts(report: Report) -> str:
    """`14 of 107 measured · 12 passed, 2 failed · 4.2 s · commit 1a2b3c4`."""
    measured = sum(row.entry.state is State.RUN and row.judged.result.status in _MEASURED for row in report.rows)
    commit = f"commit {report.commit[:12]}" if report.commit else "no commit"
    share = f"{measured} of {len(report.rows)} measured"
    return " · ".join((share, counted(report.rows), show_duration(report.seconds), commit))


def deciding(report: Report) -> Row | None:
    """The row that decided, where one did."""
    return next((row for row in report.rows if row.judged.id == report.verdict.decided_by), None)


def findings(report: Report) -> list[Row]:
    """Rows that need a reader: the deciding one first, then by severity and status."""
    rows = [row for row in report.rows if row.judged.result.status in _WORST_FIRST and row.judged.decides]

    def rank(row: Row) -> tuple[bool, int, int]:
        order = _WORST_FIRST.index(row.judged.result.status)
        return (row.judged.id != report.verdict.decided_by, list(Severity).index(row.judged.severity), order)

    return sorted(rows, key=rank)


def label(row: Row) -> str:
    """`❌ failed`, with the severity where it is not the usual one."""
    status = row.judged.result.status
    soft = row.judged.severity is not Severity.BLOCK and status in _WORST_FIRST
    return f"{ICONS[status]} {status}" + (f" ({row.judged.severity})" if soft else "")
