"""The lines about the checklist itself, which no checklist can leave out: what it changes, and who waives."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy_gate.catalog import Catalog
from deploy_gate.checklist import variables
from deploy_gate.checklist.loading import Source
from deploy_gate.checklist.model import Item, Phase
from deploy_gate.engine.entry import Entry, State
from deploy_gate.facts import git
from deploy_gate.inputs import bind
from deploy_gate.policy import changes, waivers
from deploy_gate.policy.changes import Change
from deploy_gate.policy.live import Law
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Severity, one_line

POLICY, WAIVERS = "policy", "waivers"
ROLE = "any role of the live checklist"
MOST = 8
_SIGNING = ("issue", "token-variable")
OWN = "say `policy: own` for this one deployment, which the report and the ledger keep"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a plan must know to judge the checklist itself."""

    law: Law = field(default_factory=Law)
    unsigned: bool = False
    """`policy: own`: changes count without a signature, and are shown."""
    path: Path | None = None
    """The checklist, where it has another name than usual."""
    digests: str = ""
    """Digests of the release's images, one `service=digest` a line."""

    def protected(self, environment: str) -> bool:
        """Whether the law in force protects the environment; a release cannot take that back by itself."""
        if self.law.strict:
            return True
        block = self.law.source.checklist.environments.get(environment) if self.law.source else None
        return block is not None and block.protected

    def plan(self, source: Source) -> str:
        """What a signature is bound to beside the release: the checklist, and the law that it is to follow."""
        if self.law.source is None or self.law.source.sha256 == source.sha256:
            return source.sha256
        return hashlib.sha256(f"{source.sha256} after {self.law.source.sha256}".encode()).hexdigest()

    def bound(self, source: Source) -> dict[str, str]:
        """What signatures go by, by the names that a checklist has for it; empty where there is no such thing.

        `live` is the commit whose release is live: whoever wrote something since does not sign.
        """
        return {
            "plan": self.plan(source),
            "digests": self.digests,
            "live": git.resolve(self.law.commit) or "",
        }

    def changes(self, source: Source, environment: str) -> list[Change]:
        """What this release changes in the law."""
        return changes.between(self.law.source.checklist, source.checklist, environment) if self.law.source else []


def notes(policy: Policy, source: Source, environment: str, asked: bool) -> list[str]:
    """By which checklist a protected environment is judged, for the head of the plan and of the report."""
    law = policy.law
    if law.trouble is not None or law.source is None:
        return [f"judged by this release's own checklist: {law.trouble.found if law.trouble else law.why}"]
    found = policy.changes(source, environment)
    if not found:
        return [f"judged by {law.named}; this release changes nothing in it"]
    open_ = "" if asked or not any(one.looser for one in found) else "; nobody is asked here whether they may count"
    return [one_line(f"judged by {law.named}; this release changes these lines: {_listed(found)}{open_}")]


def lines(policy: Policy, source: Source, catalog: Catalog, environment: str) -> list[Entry]:
    """What must be signed or proven before a protected environment is deployed to."""
    return [*_policy(policy, source, catalog, environment), *_waivers(policy, source, catalog, environment)]


def _policy(policy: Policy, source: Source, catalog: Catalog, environment: str) -> list[Entry]:
    severity = Severity.WARN if policy.unsigned else Severity.BLOCK
    head = (POLICY, _item("sign-off", severity), "Changes of the checklist")
    if fault := policy.law.trouble:
        return [Entry(*head, State.UNKNOWN, fault.found, f"{fault.fix}; or {OWN}", severity=severity)]
    looser = [one for one in policy.changes(source, environment) if one.looser]
    if policy.law.source is None or not looser:
        return []
    told = one_line(f"this release changes {policy.law.named}: {_listed(looser)}", 400)
    roles = policy.law.source.checklist.roles
    people = dict.fromkeys(person for names in roles.values() for person in names)
    if not people:
        why = f"{told}; it names nobody under `roles:`, so nobody can sign that"
        return [Entry(*head, State.UNKNOWN, why, f"take the changes back, or {OWN}", severity=severity)]
    bound = policy.bound(source)
    given = {
        "role": ROLE,
        "roles": f"{policy.law.source.checklist.variables()['roles']}\n{ROLE}: {' '.join(people)}",
        "environment": environment,
        "item": POLICY,
        "plan": bound["plan"],
        "digests": bound["digests"],
        "since": bound["live"],
        **_signing(policy.law.source, environment),
    }
    return [_entry(head, catalog, given, told)]


def _waivers(policy: Policy, source: Source, catalog: Catalog, environment: str) -> list[Entry]:
    if not waivers.counting(source, datetime.now(UTC).date()):
        return []
    given = {
        "environment": environment,
        "plan": policy.plan(source),
        **({"checklist": str(policy.path)} if policy.path else {}),
        **_signing(policy.law.source or source, environment),
    }
    return [_entry((WAIVERS, _item("waivers", Severity.BLOCK), "Waivers are by whom they name"), catalog, given)]


def _entry(head: tuple[str, Item, str], catalog: Catalog, given: Mapping[str, Any], reason: str = "") -> Entry:
    name, item, title = head
    capability = catalog.get(item.check)
    bound = bind(capability.manifest.inputs, capability.hints, given)
    if wrong := [message for _, message in bound.wrong]:
        raise Misconfigured(wrong)
    about, severity = capability.about, item.severity
    return Entry(name, item, title, State.RUN, reason, "", capability, bound.values, severity, about.timeout)


def _item(check: str, severity: Severity) -> Item:
    return Item.model_construct(section="", title="", check=check, phases=[Phase.PRE_DEPLOY], severity=severity)


def _signing(source: Source, environment: str) -> dict[str, Any]:
    """Where people sign, and the token that may ask, as the lines that are signed have it."""
    block = source.checklist.environments.get(environment)
    known = block.variables() if block else {}
    signed = next((one.with_ for one in source.checklist.items.values() if one.check == "sign-off"), {})
    filled = {name: variables.fill(signed[name], known) for name in _SIGNING if name in signed}
    return {name: value for name, value in filled.items() if not variables.names(value)}


def _listed(found: list[Change]) -> str:
    strict = _bounded([str(one) for one in found if not one.looser])
    loose = _bounded([str(one) for one in found if one.looser])
    return " · ".join(part for part in (loose, f"stricter: {strict}" if strict else "") if part)


def _bounded(told: list[str]) -> str:
    return "; ".join([*told[:MOST], *([f"{len(told) - MOST} more"] if len(told) > MOST else [])])
