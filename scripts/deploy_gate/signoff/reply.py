"""What is answered to a comment: our own words, and below them, fenced, what came from outside. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from deploy_gate.result import Result, one_line
from deploy_gate.signoff.standing import Line

Reaction = Literal["+1", "-1", "rocket", "confused"]
MOST = 60
LINE = 400


@dataclass(frozen=True, slots=True)
class Reply:
    """A sign at the comment, a headline in our own words, and lines that may hold anybody's."""

    reaction: Reaction
    headline: str
    lines: Sequence[str] = ()

    def text(self) -> str:
        """Markdown in which the lines are only text: no mention, no link, no command, and no way out of the fence."""
        shown = [one_line(line, LINE) for line in self.lines[:MOST]]
        shown += [f"({len(self.lines) - MOST} more)"] if len(self.lines) > MOST else []
        if not shown:
            return self.headline
        longest = max((len(run) for line in shown for run in re.findall("`+", line)), default=0)
        fence = "`" * max(3, longest + 1)
        return "\n".join([self.headline, "", f"{fence}text", *shown, fence])


def lines(found: Sequence[Line]) -> list[str]:
    """How each line that wants a signature stands, and what it waits for."""
    return [f"{one.result.status} · {one.title}: {told(one.result)}" for one in found]


def told(result: Result) -> str:
    """What was found, and the next step."""
    return f"{result.found} → {result.fix}" if result.fix else result.found
