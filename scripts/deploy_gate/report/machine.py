"""`report.json`, and the schema it keeps to."""

from __future__ import annotations

from typing import Any

from deploy_gate.checklist.model import Phase
from deploy_gate.engine.gate import Report
from deploy_gate.engine.verdict import Word
from deploy_gate.report.answer import item
from deploy_gate.result import Severity, Status


def document(report: Report) -> dict[str, Any]:
    """The report as plain JSON values."""
    return {
        "schema": 1,
        "phase": str(report.plan.phase),
        "environment": report.plan.environment,
        "server": report.server,
        "commit": report.commit,
        "checklist_sha256": report.plan.source.sha256,
        "started": report.started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "seconds": round(report.seconds, 4),
        "verdict": str(report.verdict.word),
        "decided_by": report.verdict.decided_by,
        "items": [
            item(
                row.judged.id,
                row.entry.item.section,
                row.entry.title,
                row.entry.item.check,
                row.judged.severity,
                row.judged.result,
            )
            for row in report.rows
        ],
    }


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of `report.json`."""
    text = {"type": "string"}
    scalar = {"type": ["string", "number", "boolean", "null"]}
    line = {
        "id": text,
        "section": {"type": ["string", "null"]},
        "title": text,
        "check": text,
        "severity": {"enum": [str(one) for one in Severity]},
        "status": {"enum": [str(one) for one in Status]},
        "found": text,
        "fix": text,
        "target": scalar,
        "measured": scalar,
        "evidence": {"type": "array", "items": {"type": "object", "additionalProperties": scalar}},
        "seconds": {"type": "number", "minimum": 0},
    }
    whole = {
        "schema": {"const": 1},
        "phase": {"enum": [str(one) for one in Phase]},
        "environment": text,
        "server": text,
        "commit": {"type": "string", "pattern": "^([0-9a-f]{40}([0-9a-f]{24})?)?$"},
        "checklist_sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "started": {"type": "string", "format": "date-time"},
        "seconds": {"type": "number", "minimum": 0},
        "verdict": {"enum": [str(one) for one in Word]},
        "decided_by": {"type": ["string", "null"]},
        "items": {"type": "array", "items": _object(line)},
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "deploy-gate report", **_object(whole)}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "additionalProperties": False, "properties": properties}
