"""JUnit XML, one suite a section: the dialect that CI systems share (testsuites, testsuite, testcase)."""

from __future__ import annotations

# Only written here, never parsed.
from xml.etree import ElementTree as ET  # nosec B405

from deploy_gate.engine.gate import Report, Row
from deploy_gate.report import view
from deploy_gate.report.answer import line_of
from deploy_gate.result import Severity, Status

_NOT_RUN = (Status.SKIPPED, Status.WAIVED)


def document(report: Report) -> str:
    """The report as XML text."""
    name = f"deploy-gate {report.plan.phase} {report.server}".rstrip()
    root = ET.Element("testsuites", name=name, time=f"{report.seconds:.3f}")
    for group in view.groups(report):
        suite = ET.SubElement(root, "testsuite", name=group.title)
        kinds = [_case(suite, row) for row in group.rows]
        suite.set("tests", str(len(kinds)))
        for kind, plural in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            suite.set(plural, str(kinds.count(kind)))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ET.Element, row: Row) -> str:
    result = row.judged.result
    case = ET.SubElement(suite, "testcase", classname=row.entry.item.section, name=row.entry.title)
    case.set("time", f"{result.seconds:.3f}")
    kind = _kind(row)
    if kind:
        child = ET.SubElement(case, kind, message=result.found, type=str(result.status))
        child.text = "\n".join([result.fix, *(line_of(entry) for entry in result.evidence[:100])])
    return kind


def _kind(row: Row) -> str:
    """A finding that cannot decide is no failure there: other programs know no severities."""
    status = row.judged.result.status
    if status in _NOT_RUN or (status in (Status.FAILED, Status.ERROR, Status.PENDING) and not _blocks(row)):
        return "skipped"
    return {Status.FAILED: "failure", Status.ERROR: "error", Status.PENDING: "error"}.get(status, "")


def _blocks(row: Row) -> bool:
    return row.judged.decides and row.judged.severity is Severity.BLOCK
