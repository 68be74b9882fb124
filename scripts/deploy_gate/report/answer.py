"""One answer, as lines for people and as JSON for programs: all that a check on its own needs of the report.

It knows of no checklist, so that a step with one check starts quickly.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, TextIO

from deploy_gate.result import Evidence, Result, Severity, Status, one_line

COLOURS = {
    Status.PASSED: "32",
    Status.ATTESTED: "32",
    Status.WARNED: "33",
    Status.WAIVED: "33",
    Status.FAILED: "31",
    Status.ERROR: "35",
    Status.PENDING: "36",
    Status.SKIPPED: "90",
}
_PLACE = ("path", "line", "column", "rule")


def coloured(stream: TextIO) -> bool:
    """Whether the stream shows colours (no-color.org is honoured)."""
    return "NO_COLOR" not in os.environ and (stream.isatty() or os.environ.get("FORCE_COLOR", "") not in ("", "0"))


def paint(text: str, colour: str, on: bool) -> str:
    """The text in an ANSI colour, or as it is."""
    return f"\x1b[{colour}m{text}\x1b[0m" if on else text


def line(name: str, result: Result, width: int, colours: bool) -> Iterator[str]:
    """`  failed  backup-fresh  newest backup is 47 min old, the limit is 30 min → run it`, and its evidence."""
    word = paint(f"{result.status:<9}", COLOURS[result.status], colours)
    step = f" → {result.fix}" if result.fix and result.status not in (Status.PASSED, Status.SKIPPED) else ""
    yield f"  {word}{name:<{width}}  {result.found}{step}"
    if result.status in (Status.FAILED, Status.ERROR, Status.WARNED):
        yield from (f"  {'':<9}{'':<{width}}    {line_of(entry)}" for entry in result.evidence[:5])
        if len(result.evidence) > 5:
            yield f"  {'':<9}{'':<{width}}    … {len(result.evidence) - 5} more"


def line_of(entry: Evidence) -> str:
    """One entry of evidence as a line: its place, its rule and its message, or what else it holds."""
    place = ":".join(str(entry[key]) for key in ("path", "line", "column") if entry.get(key))
    usual = [str(entry[key]) for key in ("rule", "message") if entry.get(key)]
    # A message says it all for people; the other keys are for programs, which read report.json.
    other = [] if entry.get("message") else [f"{key}={value}" for key, value in entry.items() if key not in _PLACE]
    return one_line(" ".join(part for part in (place, *usual, *other) if part), 500)


def item(name: str, section: str | None, title: str, check: str, severity: Severity, result: Result) -> dict[str, Any]:
    """One line of the report; `check NAME --json` prints just this."""
    head = {"id": name, "section": section, "title": title, "check": check, "severity": str(severity)}
    return head | result.as_json()
