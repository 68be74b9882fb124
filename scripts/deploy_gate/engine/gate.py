"""One phase of the checklist, from the file to the verdict: plan, run, judge. What is written comes after."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from time import monotonic

from deploy_gate import process
from deploy_gate.checklist.model import Phase
from deploy_gate.checklist.variables import SERVER
from deploy_gate.engine import masking
from deploy_gate.engine.calling import call_capability
from deploy_gate.engine.entry import Entry, State
from deploy_gate.engine.executor import Job, run_all
from deploy_gate.engine.plan import Plan
from deploy_gate.engine.verdict import Judged, Verdict, Word, decide, waive
from deploy_gate.facts import git
from deploy_gate.policy import lines, proofs
from deploy_gate.policy.proofs import Proofs
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Result, Status, error, one_line, pending
from deploy_gate.units import counted


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report."""

    entry: Entry
    judged: Judged


@dataclass(frozen=True, slots=True)
class Report:
    """Everything a reader may want to know of one run."""

    plan: Plan
    rows: list[Row]
    verdict: Verdict
    commit: str
    started: datetime
    seconds: float
    notes: list[str]
    server: str = ""
    """Whose idle slot was looked at; empty where it was not about one server."""


def run(plan: Plan, *, jobs: int, mixed: bool, listener: masking.Listener) -> Report:
    """Run the plan's items, at most `jobs` at once, and judge them.

    Misconfigured when code and secrets would meet in a protected environment and nobody accepted that (`mixed`).
    """
    started, clock = datetime.now(UTC), monotonic()
    notes = _notes(plan, mixed)
    masker = masking.from_environment(_declared(plan))
    ready = [entry for entry in plan.entries if entry.state is State.RUN]
    outcome = run_all([job(entry, masker) for entry in ready], jobs, masker.listener(listener))
    found, known = outcome.results, _proofs(plan, outcome.results)
    rows = [_row(plan, entry, found.get(entry.id), masker, started, known) for entry in plan.entries]
    verdict = decide([row.judged for row in rows], may_be_empty=plan.phase is Phase.CLOSE or plan.measured_elsewhere)
    if outcome.cancelled and verdict.word is Word.GO:
        verdict = Verdict(Word.COULD_NOT_TELL, None, f"cancelled ({outcome.cancelled}) before everything was looked at")
    return Report(plan, rows, verdict, git.head(), started, monotonic() - clock, notes, _server(plan))


def _server(plan: Plan) -> str:
    return one_line(os.environ.get(SERVER, ""), 400) if plan.phase is Phase.IDLE_SLOT else ""


def job(entry: Entry, masker: masking.Masker) -> Job:
    """The entry as something the executor can run: its own environment, its own time."""
    if entry.capability is None:
        raise AssertionError(entry.id)
    call = partial(call_capability, entry.capability, entry.values, masker)
    environment = process.allowed_environment(entry.visible)
    about = entry.capability.about
    return Job(entry.id, call, entry.timeout, environment, about.rude, about.grace)


def _declared(plan: Plan) -> list[str]:
    return [name for entry in plan.entries for name in entry.secrets]


def _notes(plan: Plan, mixed: bool) -> list[str]:
    code = [entry.id for entry in plan.entries if entry.state is State.RUN and entry.runs_code]
    secrets = [name for name in masking.secret_names(os.environ, _declared(plan)) if name not in _for_tests(plan)]
    notes = [*plan.notes]
    notes += [f"left to another job: {counted(plan.elsewhere, 'item')} of this phase"] if plan.elsewhere else []
    if not code or not secrets:
        return notes
    which, where = ", ".join(code), f"the repository's code in a job that holds {', '.join(secrets)}"
    if plan.protected and not mixed:
        place = plan.environment or "an environment (name it: `environment:`)"
        why = f"{place} is protected, and {which} would run {where}: that code could read them"
        how = "run `code: only` in a job without secrets and `code: without` in the other, or say `mixed: accept`"
        raise Misconfigured([f"{why}; {how}"])
    return [*notes, f"{which} ran {where}; split them with `code: only` and `code: without`"]


def _for_tests(plan: Plan) -> set[str]:
    """Addresses such as a test database's, handed to the code by name, with their throw-away password inside.

    Only where nothing is protected, and never a name that tells of a secret: the list stands in the candidate's file.
    """
    if plan.protected:
        return set()
    names = dict.fromkeys(os.environ, "set") | {masking.NAMES: os.environ.get(masking.NAMES, "")}
    telling = set(masking.secret_names(names, _declared(plan)))
    return {name for entry in plan.entries for name in entry.handed} - telling


def _proofs(plan: Plan, results: Mapping[str, Result]) -> Proofs:
    """What is known of the waivers; a line that was to prove them and gave no result proved nothing."""
    if any(entry.id == lines.WAIVERS and not entry.item.section for entry in plan.entries):
        return proofs.read(results.get(lines.WAIVERS) or error("their proof was not looked at", "run it again"))
    return Proofs(proofs.ELSEWHERE if plan.notes and plan.elsewhere else proofs.HERE)


def _row(
    plan: Plan, entry: Entry, found: Result | None, masker: masking.Masker, started: datetime, known: Proofs
) -> Row:
    trial = plan.source.trial
    result = masker.result(found or _unrun(entry, trial))
    if found and entry.reason:
        result = result.now(result.status, entry.reason)
    # A line that was declared away was not looked at; one whose `when:` did not hold was.
    away = entry.state is State.SKIPPED and (entry.item.when is None or entry.item.not_applicable is not None)
    decides = not (away or entry.state is State.PLANNED or (entry.state is State.SET_UP and trial))
    waiver = None if entry.state is State.PLANNED else entry.item.waived
    result = waive(result, waiver, started.date(), known.told(entry.id), known.refusal(entry.id))
    return Row(entry, Judged(entry.id, entry.severity, result, decides, law=not entry.item.section))


def _unrun(entry: Entry, trial: bool) -> Result:
    """The result of an item that was not run."""
    if entry.state is State.SKIPPED:
        return Result.of(Status.SKIPPED, entry.reason)
    if entry.state is State.PLANNED or (entry.state is State.SET_UP and trial):
        return pending(entry.reason, entry.fix)
    return error(entry.reason or "it was not run", entry.fix)
