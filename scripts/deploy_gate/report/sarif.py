"""SARIF 2.1.0 for everything that has a file and a line, as GitHub code scanning reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from deploy_gate.engine.gate import Report, Row
from deploy_gate.result import Evidence, Severity, Status

_MOST = 5000


def document(report: Report) -> dict[str, Any]:
    """One run; a rule for each item, a result for each place."""
    rows = [row for row in report.rows if any(_placed(entry) for entry in row.judged.result.evidence)]
    rules = [{"id": row.judged.id, "shortDescription": {"text": row.entry.title}} for row in rows]
    driver = {"name": "deploy-gate", "rules": rules}
    results = [one for row in rows for one in _results(row)][:_MOST]
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }


def _results(row: Row) -> Iterator[dict[str, Any]]:
    for entry in row.judged.result.evidence:
        if _placed(entry):
            message = (
                " ".join(str(entry[key]) for key in ("rule", "message") if entry.get(key)) or row.judged.result.found
            )
            yield {
                "ruleId": row.judged.id,
                "level": level(row),
                "message": {"text": message},
                "locations": [{"physicalLocation": _place(entry)}],
            }


def level(row: Row) -> str:
    """`error`, `warning` or `note` (SARIF 2.1.0, 3.27.10)."""
    status, severity = row.judged.result.status, row.judged.severity
    if status in (Status.FAILED, Status.ERROR) and severity is Severity.BLOCK:
        return "error"
    soft = status is Status.WARNED or (status in (Status.FAILED, Status.ERROR) and severity is Severity.WARN)
    return "warning" if soft else "note"


def _placed(entry: Evidence) -> bool:
    return bool(entry.get("path")) and isinstance(entry.get("line"), int) and int(entry["line"] or 0) > 0


def _place(entry: Evidence) -> dict[str, Any]:
    region = {"startLine": entry["line"]}
    if isinstance(entry.get("column"), int) and int(entry["column"] or 0) > 0:
        region["startColumn"] = entry["column"]
    return {"artifactLocation": {"uri": quote(str(entry["path"]))}, "region": region}
