"""From the checklist to what is watched: triggers, the lines they go by, and the watched lines of the phase."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from deploy_gate.checklist.model import Checklist
from deploy_gate.checklist.parts import Watching
from deploy_gate.engine.entry import Entry, State
from deploy_gate.engine.executor import Job
from deploy_gate.engine.plan import Plan
from deploy_gate.result import Severity
from deploy_gate.watch.metrics import Metric, Role
from deploy_gate.watch.rule import Rule
from deploy_gate.watch.schedule import Probe

MakeJob = Callable[[Entry], Job]


@dataclass(slots=True)
class Watched:
    """Metrics over probes; `left_out` says what is not watched, and why."""

    metrics: list[Metric] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def decides(self) -> bool:
        """Whether anything is looked at that may decide."""
        return any(one.probe and one.role is not Role.ASIDE for one in self.metrics)


def bind(checklist: Checklist, plans: Iterable[Plan], phase: str, make: MakeJob) -> Watched:
    """`plans` are those of all phases that may hold a line which a trigger names; the phase's own lines are watched."""
    plans = list(plans)
    triggers = {one.id: one for one in plans[0].triggers}
    lines = {one.id: one for plan in plans for one in plan.entries if one.item.watch is not None}
    named = {name for one in checklist.triggers.values() for name in (*one.of, *([one.witness] if one.witness else []))}
    binder = _Binder(make)
    for name, entry in triggers.items():
        trigger = checklist.triggers[name]
        role = Role.IMMEDIATE if trigger.band == "immediate" else Role.CONSIDER
        of = tuple(one for one in trigger.of if one in lines and lines[one].state is not State.SKIPPED)
        if trigger.of and not of and entry.state is State.RUN:
            binder.found.left_out.append(f"{name}: none of its lines applies here")
            continue
        binder.add(entry, role, trigger.watch, of, trigger.witness or "")
    for name, entry in lines.items():
        if name in named or phase in entry.item.phases:
            binder.add(entry, _role(entry, phase), entry.item.watch or Watching(), (), "")
    return binder.found


def _role(entry: Entry, phase: str) -> Role:
    """A line of another phase, one that only warns, and one that somebody answers for decide nothing by themselves."""
    waiver = entry.item.waived
    waived = waiver is not None and waiver.until >= datetime.now(UTC).date()
    decides = entry.severity is Severity.BLOCK and phase in entry.item.phases and not waived
    return Role.CONSIDER if decides else Role.ASIDE


class _Binder:
    def __init__(self, make: MakeJob) -> None:
        self.make, self.found = make, Watched()
        self.known: list[tuple[Entry, Probe]] = []

    def add(self, entry: Entry, role: Role, watching: Watching, of: tuple[str, ...], witness: str) -> None:
        """One more metric, unless nothing looks at it by the checklist's own word."""
        if entry.state in (State.PLANNED, State.SKIPPED):
            self.found.left_out.append(f"{entry.id}: {entry.reason}")
            return
        rule = Rule.of(watching)
        metric = Metric(entry.id, entry.title, role, rule, of=of, witness=witness)
        if not of:
            if entry.state is State.RUN:
                metric.probe = self.probe(entry, rule)
            else:
                metric.unset = f"{entry.reason}; {entry.fix}" if entry.fix else entry.reason
        self.found.metrics.append(metric)

    def probe(self, entry: Entry, rule: Rule) -> str:
        """The same check with the same inputs is run once for all who go by it, as often as the most eager wants."""
        for other, probe in self.known:
            if other.capability is entry.capability and other.values == entry.values and other.visible == entry.visible:
                probe.every, probe.next = min(probe.every, rule.every), min(probe.next, rule.delay)
                return probe.key
        probe = Probe(self.make(entry), rule.every, rule.delay)
        self.known.append((entry, probe))
        self.found.probes.append(probe)
        return probe.key
