"""The job summary: GitHub-flavoured Markdown in which no text from outside can be more than text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from deploy_gate.engine.gate import Report, Row
from deploy_gate.report import view
from deploy_gate.report.answer import line_of

LIMIT = 1000 * 1000
"""Bytes; GitHub drops a summary of more than 1 MiB as a whole."""
_SPECIAL = re.compile(r"([\\`*_\[\]#|~$])")
_LINKS = re.compile(r"(?i)(://|@|\bwww\.)")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escape(text: str) -> str:
    """Text that renders as itself: no markup, no HTML, no link, no mention, no new table cell, one line."""
    flat = " ".join(text.split())
    flat = re.sub(r"[&<>]", lambda match: _ENTITIES[match[0]], _SPECIAL.sub(r"\\\1", flat))
    # GitHub turns addresses, user names and issue numbers into links without any markup.
    flat = _LINKS.sub(
        lambda match: match[0].replace("@", "&#64;").replace("://", "&#58;//").replace(".", "&#46;"), flat
    )
    # What would be a list, a rule or a heading at the start of a line.
    return re.sub(r"^([-+=])", r"\\\1", re.sub(r"^(\d+)([.)])", r"\1\\\2", flat))


def summary(report: Report, budget: int = LIMIT) -> str:
    """The whole summary in at most `budget` bytes; what had to be left out is said, never silently missing."""
    for evidence in (10, 3, 0):
        text = "".join((*_head(report), *(_section(group, group.rows, evidence) for group in view.groups(report))))
        if len(text.encode()) <= budget:
            return text
    return _cut(report, budget)


def _cut(report: Report, budget: int) -> str:
    """As many lines as fit, those of sections with findings first, and how many are missing, where the eye begins."""
    groups = view.groups(report)
    head = "".join(_head(report))
    room = budget - len(head.encode()) - sum(len(_section(group, [], None).encode()) for group in groups) - 200
    kept: dict[str, list[Row]] = {group.title: [] for group in groups}
    for group in sorted(groups, key=lambda one: one.well):
        for row in group.rows:
            room -= len(_row(row).encode())
            if room >= 0:
                kept[group.title].append(row)
    missing = len(report.rows) - sum(map(len, kept.values()))
    note = f"**{missing} lines are not shown: GitHub takes no more than 1 MiB. report\\.json has them all.**\n\n"
    return head + note + "".join(_section(group, kept[group.title], None) for group in groups)


def _section(group: view.Group, rows: list[Row], evidence: int | None) -> str:
    opened = f"<details{'' if group.well else ' open'}><summary>{_inline(group.line)}</summary>\n\n"
    table = "| | Line | Found | Next step |\n|---|---|---|---|\n" + "".join(map(_row, rows)) + "\n"
    details = "" if evidence is None else "".join(part for row in rows for part in _evidence(row, evidence))
    return opened + table + details + "</details>\n\n"


def _head(report: Report) -> Iterator[str]:
    word = report.verdict.word
    yield f"## {view.WORD_ICONS[word]} {escape(view.headline(report))}\n\n"
    if deciding := view.deciding(report):
        result = deciding.judged.result
        step = f" <br>→ {escape(result.fix)}" if result.fix else ""
        what = f"**{escape(deciding.entry.title)}** (`{deciding.judged.id}`) {result.status}"
        yield f"{what}: {escape(result.found)}{step}\n\n"
    elif report.verdict.word != "go":
        yield f"{escape(report.verdict.why)}\n\n"
    yield f"{escape(view.facts(report))}\n\n"
    for note in report.notes:
        yield f"> {escape(note)}\n\n"


def _row(row: Row) -> str:
    result = row.judged.result
    line = f"{escape(row.entry.title)} <br><sub>{escape(row.judged.id)}</sub>"
    return f"| {view.label(row)} | {line} | {escape(result.found)} | {escape(result.fix)} |\n"


def _evidence(row: Row, most: int) -> Iterator[str]:
    entries = row.judged.result.evidence
    if entries and row.judged.result.status not in ("passed", "skipped"):
        for entry in entries[:most]:
            yield f"- `{row.judged.id}` {escape(line_of(entry))}\n"
        if len(entries) > most:
            yield f"- `{row.judged.id}` {len(entries) - most} more in report\\.json\n"
        yield "\n"


def _inline(text: str) -> str:
    return re.sub(r"[&<>]", lambda match: _ENTITIES[match[0]], text)
