"""The whole checklist bound to checks, types and this run, before the first check starts. Runs nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from deploy_gate import runner
from deploy_gate.catalog import Catalog
from deploy_gate.checklist.loading import Source
from deploy_gate.checklist.model import Phase
from deploy_gate.engine import consistency
from deploy_gate.engine.binder import Binder
from deploy_gate.engine.entry import Entry, State
from deploy_gate.policy import lines
from deploy_gate.policy.lines import Policy
from deploy_gate.problems import Misconfigured

Code = Literal["with", "only", "without"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What this run will do."""

    source: Source
    phase: Phase
    environment: str
    protected: bool
    entries: list[Entry]
    elsewhere: int
    """Items of this phase that another job looks at (`code`)."""
    measured_elsewhere: bool = False
    """Whether one of those can be measured there: then there may be nothing to look at here."""
    triggers: list[Entry] = field(default_factory=list)
    """Reasons to roll back, for the watch; the gate runs none."""
    notes: list[str] = field(default_factory=list)
    """By which checklist a protected environment is judged."""


def make(
    source: Source,
    catalog: Catalog,
    *,
    phase: Phase,
    environment: str = "",
    only: Iterable[str] = (),
    code: Code = "with",
    policy: Policy | None = None,
) -> Plan:
    """Bind every item of the checklist and keep those of this phase.

    Misconfigured lists every fault of the whole file at once, whatever the phase: a typo is found in a second.
    """
    policy = policy or Policy()
    binder = Binder(source, catalog, phase, environment, policy)
    chosen = set(only)
    entries = [binder.entry(name, item) for name, item in source.checklist.items.items()]
    triggers = [binder.trigger(name, trigger) for name, trigger in source.checklist.triggers.items()]
    named = consistency.problems(source, catalog, environment)
    problems = [*binder.problems, *named, *consistency.wrong_choice(source, chosen, phase)]
    if problems:
        raise Misconfigured(sorted(set(problems)))
    here = [one for one in entries if phase in one.item.phases and (not chosen or one.id in chosen)]
    kept = [one for one in here if code == "with" or one.runs_code == (code == "only")]
    measured = any(one.state is State.RUN for one in here if one not in kept)
    protected = _protected(source, environment) or policy.protected(environment)
    notes: list[str] = []
    if protected and environment and phase is Phase.PRE_DEPLOY:
        # The job that runs the repository's code has no token, and on a laptop there is nobody to ask.
        asked = code != "only" and runner.on_github()
        notes = lines.notes(policy, source, environment, asked)
        kept = [*(lines.lines(policy, source, catalog, environment) if asked else []), *kept]
    elsewhere = sum(one not in kept for one in here)
    return Plan(source, phase, environment, protected, kept, elsewhere, measured, triggers, notes)


def _protected(source: Source, environment: str) -> bool:
    """Whether code and secrets must not meet; a run that names no environment counts as the strictest of them."""
    known = source.checklist.environments
    chosen = [known[environment]] if environment in known else list(known.values())
    return any(block.protected for block in chosen)
