"""Everything a watch needs, made from its inputs before the first look."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from deploy_gate import runner
from deploy_gate.catalog import Catalog
from deploy_gate.checklist import loading
from deploy_gate.checklist.model import Phase
from deploy_gate.commands.gate_command import find_checklist
from deploy_gate.engine import gate, masking, plan
from deploy_gate.engine.entry import Entry
from deploy_gate.engine.executor import Job
from deploy_gate.engine.plan import Plan
from deploy_gate.facts import marker, site
from deploy_gate.facts.onhost import READS
from deploy_gate.policy import live
from deploy_gate.problems import Misconfigured
from deploy_gate.result import hide_with
from deploy_gate.rollout.servers import Login
from deploy_gate.watch import binding, hostlook, lookback
from deploy_gate.watch.binding import Watched
from deploy_gate.watch.metrics import Metric, Role
from deploy_gate.watch.rule import Rule
from deploy_gate.watch.schedule import Probe

PhaseName = Literal["verify", "monitor"]
_EVERY = 10.0


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be watched."""

    checklist: Path | None
    environment: str
    phase: PhaseName
    release: str
    once: float = 0.0
    """Each check once, since the window of so many seconds is over already."""
    signers: str = ""
    """Public keys: only a ledger that they signed says which release is live."""


def make(question: Question, login: Login) -> tuple[Watched, masking.Masker]:
    """Bind the checklist; Misconfigured for every fault in it, and for an environment that it does not have."""
    source = _checklist(question)
    if question.environment not in source.checklist.environments:
        raise Misconfigured([f"your checklist has no environment '{question.environment}': add it to `environments:`"])
    plans = [_plan(source, phase, question.environment) for phase in (Phase.VERIFY, Phase.MONITOR)]
    declared = [name for one in plans for entry in (*one.entries, *one.triggers) for name in entry.secrets]
    masker = masking.from_environment(declared)
    hide_with(masker.text)
    watched = binding.bind(source.checklist, plans, question.phase, lambda entry: _job(entry, masker, login))
    watched.probes.append(Probe(hostlook.job(login, question.release), _EVERY))
    watched.metrics.append(
        Metric(hostlook.HOST, "The release is live on every server", Role.ASIDE, Rule(every=_EVERY), hostlook.HOST)
    )
    if question.once:
        _once(watched, lookback.job(login, question.release, question.once, watched.probes[-1].job.environment))
    return watched, masker


def _checklist(question: Question) -> loading.Source:
    """Until the confirm the release's own, which the gate let through; afterwards what is checked out is the branch's.

    That may have been merged and signed by nobody: what is live is guarded by what it was deployed with.
    """
    if question.phase == "monitor":
        law = live.released(question.release, question.environment, question.checklist, question.signers)
        if law.trouble is not None:
            raise law.trouble
        if law.source is not None:
            runner.say(f"watched by {law.named}")
            return law.source
        runner.say(f"note: watched by the checklist that is checked out: {law.why}")
    return loading.load(find_checklist(question.checklist))


def _plan(source: loading.Source, phase: Phase, environment: str) -> Plan:
    # The repository's code never runs here: this job holds secrets.
    return plan.make(source, Catalog(), phase=phase, environment=environment, code="without")


def _job(entry: Entry, masker: masking.Masker, login: Login) -> Job:
    made = gate.job(entry, masker)
    # The pins of the watched servers are those of the lines that ask them, unless the job has its own.
    pins = {READS[0]: login.host_keys} if READS[0] in entry.visible else {}
    # One mark for all, so that the figures of users leave out what the other lines ask.
    mark = {marker.VARIABLE: marker.token()}
    return replace(made, environment={**pins, **made.environment, **mark, site.WATCHING: "1"})


def _once(watched: Watched, window: Job) -> None:
    """Looking back each check sees the whole window at one look, so one look counts."""
    watched.probes.append(Probe(window, _EVERY))
    title = "The front door was well over the window"
    for name, role in ((lookback.WINDOW, Role.IMMEDIATE), (f"{lookback.WINDOW}, over by now", Role.CONSIDER)):
        watched.metrics.append(Metric(name, title, role, probe=lookback.WINDOW))
    for metric in watched.metrics:
        metric.rule = replace(metric.rule, delay=0.0, failure_limit=1, error_limit=1, min_looks=1)
    for probe in watched.probes:
        probe.next = 0.0
