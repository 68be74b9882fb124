"""One deployment's page: what happened, when, by whom, on whose word, and the checklist as it stood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from deploy_gate.checklist.model import Checklist
from deploy_gate.pages import layout, measured, timeline
from deploy_gate.pages.archive import Record
from deploy_gate.pages.sheet import Sheet, of_json
from deploy_gate.result import Status, one_line

LIMIT = 4 * 1000 * 1000
"""Bytes of a page."""
MOST_REPORTS = 60


def titles(checklist: Checklist) -> dict[str, str]:
    """Headings of the sections by their names."""
    return {name: one_line(f"{one.part} · {one.title}") for name, one in checklist.sections.items()}


def page(
    record: Record,
    document: Mapping[str, Any] | None,
    why: str,
    beside: tuple[int | None, int | None],
    headings: Mapping[str, str],
) -> str:
    """The page; without a document the short one, which holds what the ledger's line does."""
    if document is None:
        return _short(record, beside)
    reports = _listed(document, "reports")[:MOST_REPORTS]
    sheets = [of_json(one, headings) for one in reports]
    lines = [line for one in sheets for line in one.lines]
    operations = [(name, document.get(name)) for name in ("deploy", "rollback")]
    watched = measured.watched(document)
    values = {
        "record": record,
        "entry": record.entry,
        "why": why,
        "beside": beside,
        "sheets": sheets,
        "counts": _counts(sheets),
        "charts": measured.charts([*watched, *lines]),
        "tables": measured.bars(lines),
        "spans": timeline.spans(record.entry, reports),
        "fields": fields(record),
        "operations": [
            (name, one, _listed(one, "evidence")) for name, one in operations if isinstance(one, dict) and one
        ],
    }
    text = ""
    for most in (50, 5, 0):
        text = layout.render("deployment.html", up="../", here="deployment", most=most, **values)
        if len(text) <= LIMIT:
            break
    return text


def _listed(data: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = data.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _counts(sheets: Sequence[Sheet]) -> dict[str, int]:
    found = Counter(line.status for one in sheets for line in one.lines)
    return {str(one): found[one] for one in Status if found[one]}


def _short(record: Record, beside: tuple[int | None, int | None]) -> str:
    """Most of a large site, so it is small, and made of plain values."""
    entry = record.entry
    return layout.render(
        "brief.html",
        entry=entry,
        ended=entry.ended[:16].replace("T", " "),
        outcome=record.outcome,
        mood=record.mood,
        repaired_by=record.repaired_by,
        fields=fields(record),
        run=layout.link(entry.run_url),
        number=record.number,
        beside=beside,
    )


def fields(record: Record) -> list[tuple[str, str]]:
    """What the ledger's line says, under its names, empty ones left out."""
    entry = record.entry
    found = [
        ("Number", str(record.number)),
        ("Kind", str(entry.kind)),
        ("Release", entry.release),
        ("Before", entry.from_release),
        ("Commit", entry.commit),
        ("Branch", entry.branch),
        ("Written by", entry.author),
        ("Started by", entry.actor),
        ("Reason", entry.reason),
        ("Began", entry.began),
        ("Ended", entry.ended),
        ("Recovery", timeline.recovery(entry)),
        ("Lines", ", ".join(f"{number} {status}" for status, number in entry.counts.items())),
        *((f"Image {name}", str(value)) for name, value in entry.digests.items()),
        *(("Sign-off", _line(one)) for one in entry.signoffs),
        *(("Waiver", _line(one)) for one in entry.waivers),
        *(("Intervention", _line(one)) for one in entry.interventions),
    ]
    return [(name, value) for name, value in found if value]


def _line(one: Any) -> str:
    """Their keys are not ours to know."""
    pairs = one.items() if isinstance(one, dict) else [("", one)]
    return ", ".join(f"{key} {value}".strip() for key, value in pairs)
