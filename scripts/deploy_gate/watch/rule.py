"""What looks at one thing say together. Pure: no clock, no files, no environment."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from deploy_gate import units
from deploy_gate.checklist.parts import Watching

NoData = Literal["fail", "inconclusive", "pass"]


class Kind(StrEnum):
    """What one look said."""

    GOOD = "good"
    BAD = "bad"
    NONE = "none"
    """It could not tell."""


class State(StrEnum):
    """What all looks say."""

    FINE = "fine"
    FAILING = "failing"
    NO_DATA = "no data"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Rule:
    """When it is looked at (seconds), and how many looks count."""

    every: float = 30.0
    delay: float = 0.0
    failure_limit: int = 3
    error_limit: int = 5
    min_looks: int = 1
    on_no_data: NoData = "inconclusive"

    @classmethod
    def of(cls, written: Watching) -> Rule:
        """From the checklist."""
        return cls(
            units.duration(written.every),
            units.duration(written.delay) if written.delay else 0.0,
            written.failure_limit,
            written.error_limit,
            written.min_looks,
            written.on_no_data,
        )


@dataclass(frozen=True, slots=True)
class Look:
    """One look; `at` is seconds since the watch began."""

    at: float
    kind: Kind
    found: str = ""
    fix: str = ""


@dataclass(slots=True)
class Track:
    """What is remembered of all looks: as much after an hour as after a minute."""

    good: int = 0
    bad: int = 0
    none: int = 0
    bad_run: int = 0
    """Bad looks since the last good one; those that could not tell neither add to it nor end it."""
    none_run: int = 0
    bad_since: float = 0.0
    well_until: float = 0.0
    """When the last good look was taken: what is bad began after that. 0: at the beginning of the watch, or before."""
    last: Look | None = None
    last_bad: Look | None = None

    @property
    def looks(self) -> int:
        """All of them."""
        return self.good + self.bad + self.none

    def add(self, look: Look) -> None:
        """One more."""
        self.last = look
        if look.kind is Kind.NONE:
            self.none, self.none_run = self.none + 1, self.none_run + 1
            return
        self.none_run = 0
        if look.kind is Kind.GOOD:
            self.good, self.bad_run, self.well_until = self.good + 1, 0, look.at
            return
        self.bad_since = look.at if not self.bad_run else self.bad_since
        self.bad, self.bad_run, self.last_bad = self.bad + 1, self.bad_run + 1, look

    def state(self, rule: Rule, *, over: bool = False) -> State:
        """As of now; `over`: no more looks will come."""
        if self.bad_run >= rule.failure_limit:
            return State.FAILING
        told = self.good + self.bad
        if self.none_run >= rule.error_limit or (over and self.none and not told):
            return {"fail": State.FAILING, "pass": State.FINE}.get(rule.on_no_data, State.NO_DATA)
        if self.bad_run or told < rule.min_looks:
            return State.INCONCLUSIVE
        return State.FINE
