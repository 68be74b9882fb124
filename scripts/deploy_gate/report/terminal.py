"""The report as lines for a terminal or a log, and the live line while checks run."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from typing import TextIO

from deploy_gate import runner
from deploy_gate.engine.entry import State
from deploy_gate.engine.gate import Report, Row
from deploy_gate.engine.verdict import Word
from deploy_gate.report import view
from deploy_gate.report.answer import COLOURS, coloured, line, paint
from deploy_gate.result import Result, Status

_WORD_COLOURS = {Word.GO: "32", Word.NO_GO: "31", Word.COULD_NOT_TELL: "35"}


def table(report: Report, colours: bool) -> Iterator[str]:
    """The whole report: sections in order, then what was not looked at, then the headline, where the eye ends."""
    quiet = [row for row in report.rows if _quiet(row)]
    width = max((len(row.judged.id) for row in report.rows if row not in quiet), default=0)
    for group in view.groups(report):
        loud = [row for row in group.rows if row not in quiet]
        if loud:
            yield ""
            yield paint(group.line, "1", colours)
        for row in loud:
            yield from line(row.judged.id, row.judged.result, width, colours)
    yield ""
    yield from _not_looked_at(quiet, colours)
    yield from (f"note: {note}" for note in report.notes)
    yield paint(view.headline(report), f"1;{_WORD_COLOURS[report.verdict.word]}", colours)
    decided = view.deciding(report)
    step = f" → {decided.judged.result.fix}" if decided and decided.judged.result.fix else ""
    yield f"  {report.verdict.why}{step}"
    yield f"  {view.facts(report)}"


def _quiet(row: Row) -> bool:
    status = row.judged.result.status
    return status is Status.SKIPPED or (status is Status.PENDING and not row.judged.decides)


def _not_looked_at(rows: list[Row], colours: bool) -> Iterator[str]:
    """`not built yet (2): a, b`: lines with the same reason together, since nobody needs to read them one by one."""
    reasons: dict[tuple[Status, str], list[str]] = {}
    for row in rows:
        result = row.judged.result
        reason = "not built yet" if row.entry.state is State.PLANNED else f"{result.status}, {result.found}"
        reasons.setdefault((result.status, reason), []).append(row.judged.id)
    for (status, reason), names in reasons.items():
        yield f"{paint(f'{reason} ({len(names)}):', COLOURS[status], colours)} {', '.join(names)}"


class Progress:
    """Told of every start and end: one rewritten line on a terminal, one line for each ended item in a log."""

    def __init__(self, total: int, given: TextIO | None = None) -> None:
        # Asked for now: a default would be the stream of whenever this module was first imported.
        stream = given or sys.stderr
        self.total, self.stream, self.done = total, stream, 0
        self.running: dict[str, float] = {}
        # Some runners give their steps a terminal, and keep every rewritten line of it.
        self.live = stream.isatty() and os.environ.get("TERM") != "dumb" and not runner.on_github()
        self.colours = coloured(stream)

    def __call__(self, name: str, result: Result | None) -> None:
        if result is None:
            self.running[name] = time.monotonic()
        else:
            self.running.pop(name, None)
            self.done += 1
            self.clear()
            if not self.live:
                runner.say(
                    f"{paint(result.status, COLOURS[result.status], self.colours)} {name} ({result.seconds:.1f} s)"
                )
        self.draw()

    def draw(self) -> None:
        """Redraw the live line."""
        if self.live:
            text = f"{self.done}/{self.total} done, running: {', '.join(self.running) or 'nothing'}"
            self.stream.write(f"\r\x1b[2K{text[: shutil.get_terminal_size().columns - 1]}")
            self.stream.flush()

    def clear(self) -> None:
        """Remove the live line, so that what is printed next starts on an empty one."""
        if self.live:
            self.stream.write("\r\x1b[2K")
            self.stream.flush()
