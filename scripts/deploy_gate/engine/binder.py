"""Items and triggers bound to their checks, with everything that is wrong on the way."""

from __future__ import annotations

import os
from typing import Any

from deploy_gate import units
from deploy_gate.catalog import Capability, Catalog
from deploy_gate.checklist import variables
from deploy_gate.checklist.loading import Source
from deploy_gate.checklist.model import Item, Phase, Trigger
from deploy_gate.engine.conditions import Situation, reason_to_skip, situation
from deploy_gate.engine.entry import Entry, State
from deploy_gate.facts import git
from deploy_gate.inputs import bind
from deploy_gate.policy.lines import OWN, Policy
from deploy_gate.problems import Problem, nearest, similar
from deploy_gate.result import CouldNotTell, Severity, one_line


class Binder:
    """Turns items into entries and collects what is wrong on the way."""

    def __init__(
        self, source: Source, catalog: Catalog, phase: Phase, environment: str, policy: Policy | None = None
    ) -> None:
        """`policy` tells what a signature is bound to, and which release is live."""
        self.source, self.catalog, self.phase, self.environment = source, catalog, phase, environment
        self.policy = policy or Policy()
        self.problems: list[Problem] = []
        self.kind = "items"
        self.legal = {name for block in source.checklist.environments.values() for name in block.variables()}
        self.here: Situation = situation(environment, os.environ.get("GITHUB_EVENT_NAME", ""))
        self.known = self._variables()

    def _variables(self) -> dict[str, str]:
        environments = self.source.checklist.environments
        own = environments[self.environment].variables() if self.environment in environments else {}
        if self.phase is Phase.IDLE_SLOT:
            own = variables.of_idle_slot(own, os.environ.get(variables.SLOT_URL, ""))
        facts = {"phase": str(self.phase), "environment": self.environment, "release": git.tree(), "commit": git.head()}
        return {**self.source.checklist.variables(), **facts, **own, **self.policy.bound(self.source)}

    def entry(self, name: str, item: Item) -> Entry:
        section = self.source.checklist.sections.get(item.section)
        if section is None and self.kind == "items":
            self.fault(
                name,
                "section",
                f"unknown section '{item.section}'{nearest(item.section, self.source.checklist.sections)}",
            )
        capability = self.capability(name, item)
        title = one_line(variables.fill(item.title, self.known))
        severity = Severity.WARN if self.phase is Phase.CLOSE and item.severity is Severity.BLOCK else item.severity
        timeout = units.duration(item.timeout) if item.timeout else capability.about.timeout if capability else 120.0
        state, reason, fix, values = self.state(name, item, capability)
        try:
            if skip := reason_to_skip(item, section, self.here):
                state, reason, fix = State.SKIPPED, skip, ""
        except CouldNotTell as fault:
            state, reason, fix = State.UNKNOWN, f"its condition cannot be judged: {fault.found}", fault.fix
        return Entry(name, item, title, state, reason, fix, capability, values, severity, timeout)

    def trigger(self, name: str, trigger: Trigger) -> Entry:
        """A trigger is bound as an item is; one that goes by items has no check of its own to bind."""
        shared = {
            key: getattr(trigger, key) for key in ("title", "check", "planned", "needs", "not_applicable", "watch")
        }
        item = Item.model_construct(section="", phases=[], with_=trigger.with_, **shared)
        self.kind = "triggers"
        try:
            if not trigger.of:
                return self.entry(name, item)
            self.capability(name, item)
            skip = item.not_applicable or ""
            state = State.PLANNED if item.planned else State.SKIPPED if skip else State.RUN
            return Entry(name, item, one_line(variables.fill(item.title, self.known)), state, skip)
        finally:
            self.kind = "items"

    def capability(self, name: str, item: Item) -> Capability | None:
        if item.check in self.catalog:
            found = self.catalog.get(item.check)
            if found.kind == "check":
                return found
            self.fault(name, "check", f"'{item.check}' is an operation; items look, they never act")
        elif not item.planned:
            self.fault(name, "check", f"unknown check '{item.check}'{nearest(item.check, self.catalog.names)}")
        return None

    def state(self, name: str, item: Item, capability: Capability | None) -> tuple[State, str, str, dict[str, Any]]:
        if item.planned or capability is None:
            return State.PLANNED, "no machine looks at this yet", "", {}
        values, missing = self.values(name, item, capability)
        names = dict.fromkeys((*item.needs, *variables.names(list(item.with_.values()))))
        unset = [one for one in names if not self.known_name(one)]
        lacking = [
            *(f"{one} of the environment{'' if one in self.legal else similar(one, self.legal)}" for one in unset),
            *(f"input {one}" for one in missing),
        ]
        if not lacking and "live" in names and not self.policy.unsigned and (fault := self.policy.law.trouble):
            return State.UNKNOWN, fault.found, f"{fault.fix}; or {OWN}", {}
        if not lacking:
            return State.RUN, "", "", values
        return State.SET_UP, f"not set up: {', '.join(lacking)}", self.set_up(name, unset, missing), {}

    def known_name(self, name: str) -> bool:
        return name in ("item", *variables.MAY_BE_EMPTY) or bool(self.known.get(name))

    def set_up(self, name: str, unset: list[str], missing: list[str]) -> str:
        steps = []
        if unset and not self.environment:
            steps.append("name the environment (`environment:`)")
        elif self.phase is Phase.IDLE_SLOT and "url" in unset:
            steps.append(f"let `deploy` look at the idle slot, or set slot_url in environments.{self.environment}")
        elif unset:
            steps.append(f"set {', '.join(unset)} in environments.{self.environment}")
        if missing:
            steps.append(f"set {', '.join(missing)} in {self.kind}.{name}.with")
        return f"{' and '.join(steps)}, or declare {self.kind}.{name}.not-applicable with the reason"

    def values(self, name: str, item: Item, capability: Capability) -> tuple[dict[str, Any], list[str]]:
        """Bound values and missing inputs; values whose variables are not known here are not judged.

        Nor are variables of an environment where nothing of this phase uses them: an idle slot behind plain HTTP is no
        fault of the line on certificates, which another phase looks at.
        """
        known = {**self.known, "item": name}
        given = {key: variables.fill(value, known) for key, value in item.with_.items()}
        used = not item.phases or self.phase in item.phases
        open_ = {key for key, value in (given if used else item.with_).items() if variables.names(value)}
        bound = bind(capability.manifest.inputs, capability.hints, given)
        for key, message in bound.wrong:
            if key not in open_:
                self.fault(name, "with", message, key)
        if not bound.wrong and not bound.missing and not open_:
            for message in capability.faults(bound.values):
                self.fault(name, "with", message)
        missing = [key for key in bound.missing if key not in open_]
        if missing and not item.not_applicable and self.written_by_user(name):
            described = ", ".join(f"'{key}'" for key in missing)
            self.fault(name, "with", f"check {capability.name} needs the input {described}")
        return bound.values, missing

    def written_by_user(self, name: str) -> bool:
        """Whether the consumer's own file says which check, or with what: then a missing input is his typo."""
        return any(self.source.is_own((self.kind, name, key)) for key in ("with", "check"))

    def fault(self, name: str, key: str, message: str, deeper: str = "") -> None:
        where = (self.kind, name, key, deeper) if deeper else (self.kind, name, key)
        self.problems.append(self.source.problem(where, f"{self.kind}.{name}.{key}: {message}"))
