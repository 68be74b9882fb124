"""What was seen, decided and done, and when: in seconds since the watch began."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from deploy_gate import runner
from deploy_gate.result import brief
from deploy_gate.units import show_duration
from deploy_gate.watch.metrics import Seen

What = Literal["began", "seen", "told", "decided", "done", "ended"]
MOST = 300


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry; `id` is the metric it is about."""

    at: float
    what: What
    id: str
    text: str


@dataclass(slots=True)
class Timeline:
    """In order; bounded, the last place says how many there were."""

    moments: list[Moment] = field(default_factory=list)
    left_out: int = 0

    def add(self, at: float, what: What, name: str, text: str) -> None:
        """One more, which is also a line of the log."""
        moment = Moment(round(at, 2), what, name, brief(text, 400))
        runner.say(f"{show_duration(at):>9}  {what}: {f'{name}: ' if name else ''}{moment.text}")
        if len(self.moments) < MOST or what in ("decided", "done", "ended"):
            self.moments.append(moment)
        else:
            self.left_out += 1

    def as_json(self) -> list[dict[str, Any]]:
        """For the record."""
        return [asdict(one) for one in self.moments]


@dataclass(slots=True)
class Times:
    """Seconds: from the last good look to the first bad one, from there to the decision, then until all is back."""

    detect: float | None = None
    decide: float | None = None
    restore: float | None = None

    def decided(self, by: Seen, at: float) -> None:
        """Something is done now because of what was seen."""
        self.detect, self.decide = round(by.since - by.well, 3), round(at - by.since, 3)

    @property
    def told(self) -> str:
        """For a sentence; empty when nothing was decided."""
        parts = {name: getattr(self, name) for name in ("detect", "decide", "restore")}
        known = {name: value for name, value in parts.items() if value is not None}
        if not known:
            return ""
        listed = ", ".join(f"{name} {value:.1f} s" for name, value in known.items())
        return f"{listed}, in all {sum(known.values()):.1f} s"
