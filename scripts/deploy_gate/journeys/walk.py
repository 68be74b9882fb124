"""Walks a journey: one step after the other until one goes wrong, then the clean-up, whatever happened."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from deploy_gate.facts.http import NoAnswer
from deploy_gate.journeys import ending, template
from deploy_gate.journeys.doing import Doer
from deploy_gate.journeys.model import Class, Journey, Request, Step
from deploy_gate.result import brief

CLEANUP_SECONDS = 20.0
SHOWN = 300


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one step. `lost` is why there was no answer at all; `seconds` is None where nothing is timed."""

    step: str
    line: int
    what: str
    kind: Class
    seconds: float | None = None
    status: int | None = None
    attempts: int = 1
    troubles: tuple[str, ...] = ()
    lost: NoAnswer | None = None


@dataclass(frozen=True, slots=True)
class Walk:
    """The steps that were taken, and what the clean-up did."""

    journey: Journey
    steps: tuple[Outcome, ...]
    cleanup: tuple[Outcome, ...]
    seconds: float


@dataclass
class Walker:
    """One run of a journey against the address `base`, with the values of the secrets that it names."""

    journey: Journey
    base: str
    secrets: Mapping[str, str]
    known: dict[str, Any] = field(default_factory=dict)

    def walk(self) -> Walk:
        """Take every step up to the first that goes wrong; the clean-up comes in any case, also when ended early."""
        with ending.orderly():
            return self.walked()

    def walked(self) -> Walk:
        """The same, where SIGTERM is an exception."""
        started = time.monotonic()
        self.known = {**self.journey.values, "unique": secrets.token_hex(4)}
        self.known |= {f"env.{name}": value for name, value in self.secrets.items()}
        doer = Doer(self.base, self.known)
        steps: list[Outcome] = []
        cleaned: list[Outcome] = []
        try:
            for step in self.journey.steps:
                if self.left_out(step):
                    continue
                steps.append(self.take(doer, step, started + self.journey.timeout))
                if steps[-1].troubles:
                    break
            seconds = time.monotonic() - started
        finally:
            ends, doer.cleaning = time.monotonic() + CLEANUP_SECONDS, True
            cleaned += [self.take(doer, one, ends) for one in self.journey.cleanup if self.due(one)]
            doer.close()
        return Walk(self.journey, tuple(steps), tuple(cleaned), seconds)

    def left_out(self, step: Step) -> bool:
        """Whether the step has nothing to do."""
        return bool(step.unless) and step.unless in self.known

    def due(self, step: Step) -> bool:
        """Whether a step of the clean-up has something to do: what it sends and looks for was captured."""
        if self.left_out(step):
            return False
        action = step.action
        needed: list[Any] = [list(step.capture.values())]
        needed += [action.path, action.headers, action.json, action.form] if isinstance(action, Request) else []
        return set(template.names(needed)) <= set(self.known)

    def take(self, doer: Doer, step: Step, ends: float) -> Outcome:
        """Do one step; nothing that the other side does is raised."""
        outcome = Outcome(step.name, step.line, doer.named(step), step.kind)
        left = ends - time.monotonic()
        if left <= 0:
            return replace(outcome, troubles=("the time for the whole journey was over before this step",))
        try:
            done = doer.do(step, left)
        except template.NotComputed as fault:
            return replace(outcome, troubles=(str(fault),))
        except NoAnswer as fault:
            told = doer.hidden(fault.found)
            return replace(outcome, troubles=(told,), lost=NoAnswer(fault.kind, told, fault.fix))
        except Exception as fault:  # noqa: BLE001 - the clean-up that comes after must not be lost with it
            told = brief(doer.hidden(f"the step broke: {type(fault).__name__}: {fault}"), SHOWN)
            return replace(outcome, troubles=(told,), lost=NoAnswer("broken", told, "report this line"))
        return replace(
            outcome,
            seconds=done.seconds,
            status=done.status,
            attempts=done.attempts,
            troubles=tuple(brief(doer.hidden(one), SHOWN) for one in done.troubles),
        )
