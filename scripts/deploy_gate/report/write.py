"""Writing the report: whole files or none, and a failure to write is never a green step."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from deploy_gate import runner
from deploy_gate.atomic import write_all
from deploy_gate.engine.gate import Report
from deploy_gate.engine.verdict import Verdict, Word
from deploy_gate.report import junit, machine, markdown, notes, page, sarif, view
from deploy_gate.result import CouldNotTell


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


FILES: dict[str, Callable[[Report], str]] = {
    "report.json": lambda report: _json(machine.document(report)),
    "summary.md": markdown.summary,
    "report.html": page.document,
    "junit.xml": junit.document,
    "report.sarif": lambda report: _json(sarif.document(report)),
}


def clear(target: Path) -> None:
    """Take an older report away, so that nobody takes it for this run's. CouldNotTell for a folder that is a link."""
    if target.is_symlink():
        raise CouldNotTell(f"the report's folder {target} is a link", "name a folder of its own (`report:`)")
    for name in FILES:
        with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
            (target / name).unlink()


def folder(report: Report, target: Path) -> None:
    """Write every form of the report into a folder, or none; CouldNotTell when that is not possible."""
    try:
        write_all({target / name: render(report) for name, render in FILES.items()})
    except OSError as fault:
        found = f"the report cannot be written to {fault.filename or target}: {fault.strerror}"
        raise CouldNotTell(found, "name a folder that can be written (`report:`)") from None


def summary(report: Report) -> None:
    """The job summary; CouldNotTell when the runner's file cannot be written."""
    runner.add_summary(markdown.summary(report, min(markdown.LIMIT, runner.summary_room())))


def outputs(report: Report, target: Path | None) -> None:
    """The step's outputs, last of all: a later step may act on them."""
    counts = {str(status): str(number) for status, number in view.counts(report.rows).items()}
    verdict = {"verdict": str(report.verdict.word), "decided-by": report.verdict.decided_by or ""}
    runner.set_outputs({**verdict, "report": str(target) if target else "", **counts})


def everywhere(report: Report, target: Path | None) -> tuple[Report, list[CouldNotTell]]:
    """Summary, folder, annotations and outputs; returns the report as it was told at last, and what went wrong.

    A place that cannot be written does not silence the others, and turns a go into could-not-tell.
    """
    faults: list[CouldNotTell] = []
    places: list[Callable[[Report], None]] = [summary, *([partial(folder, target=target)] if target else [])]
    for write in places:
        try:
            write(report)
        except CouldNotTell as fault:
            faults.append(fault)
            report = _doubted(report, fault)
    notes.emit(report)
    try:
        outputs(report, target)
    except CouldNotTell as fault:
        faults.append(fault)
        report = _doubted(report, fault)
    return report, faults


def _doubted(report: Report, fault: CouldNotTell) -> Report:
    if report.verdict.word is not Word.GO:
        return report
    return replace(report, verdict=Verdict(Word.COULD_NOT_TELL, None, fault.found))
