"""The report as one HTML page that needs nothing from anywhere else."""

from __future__ import annotations

from deploy_gate.engine.gate import Report
from deploy_gate.pages import layout, measured
from deploy_gate.pages.measured import Bars
from deploy_gate.pages.sheet import Sheet, of_report

LIMIT = 4 * 1000 * 1000
"""Bytes: a browser opens more, a reader does not."""
_SLOWEST = 10


def document(report: Report) -> str:
    """The page as text, with as much evidence as it holds; what was left out is counted on it."""
    sheet = of_report(report)
    for most in (200, 20, 3):
        text = rendered(sheet, most)
        if len(text.encode()) <= LIMIT:
            return text
    return rendered(sheet, 0)


def rendered(sheet: Sheet, most: int) -> str:
    """The page with at most so many pieces of evidence for each line."""
    charts, tables = measured.charts(sheet.lines), measured.bars(sheet.lines)
    return layout.render("report.html", sheet=sheet, most=most, charts=charts, tables=tables, slowest=_slowest(sheet))


def _slowest(sheet: Sheet) -> Bars | None:
    found = sorted((line for line in sheet.lines if line.seconds > 0), key=lambda line: -line.seconds)[:_SLOWEST]
    return measured.times("The slowest lines", [(line.title, line.seconds) for line in found]) if found else None
