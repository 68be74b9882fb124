"""`gate`: one phase of the checklist, at once, one table, one verdict."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import typing
from pathlib import Path
from typing import Literal

from deploy_gate import arguments, manifest, runner
from deploy_gate.bootstrap import ROOT
from deploy_gate.catalog import Catalog
from deploy_gate.checklist import loading
from deploy_gate.checklist.model import Phase
from deploy_gate.engine import bundle, gate, plan
from deploy_gate.engine.entry import State
from deploy_gate.engine.verdict import EXIT
from deploy_gate.policy import live
from deploy_gate.policy.lines import Policy
from deploy_gate.problems import Misconfigured
from deploy_gate.report import answer, terminal, write
from deploy_gate.result import CouldNotTell
from deploy_gate.rollout import images

PhaseName = Literal["pull-request", "pre-deploy", "idle-slot", "verify", "monitor", "close"]
MISSPELT = ("checklist.yaml", ".github/checklist.yaml")
_PRODUCTION = re.compile(r"(^|[^a-z])(prod|production|prd|live)([^a-z]|$)", re.IGNORECASE)


def run(argv: list[str]) -> int:
    """Parse, bind, run."""
    declared = manifest.read(ROOT / "action.yml")
    parser = arguments.Parser("gate", declared.description)
    arguments.add_inputs(parser, declared)
    options = parser.parse(_spread(argv))
    hints = typing.get_type_hints(run_phase)
    return run_phase(**arguments.bound(declared, hints, arguments.given(declared, options)))


def _spread(argv: list[str]) -> list[str]:
    """`--only a b c` as `--only a --only b --only c`: ids are words, so this reads as people type it."""
    spread: list[str] = []
    after_only = False
    for word in argv:
        if after_only and not word.startswith("--") and spread[-1] != "--only":
            spread += ["--only", word]
            continue
        spread.append(word)
        after_only = word == "--only" or (after_only and not word.startswith("--"))
    return spread


def run_phase(  # noqa: PLR0913 - one parameter for each input of the root action
    *,
    phase: PhaseName,
    environment: str,
    checklist: Path | None,
    only: list[str],
    report: Path | None,
    code: plan.Code,
    mixed: Literal["refuse", "accept"],
    policy: Literal["signed", "own"],
    ledger_signers: str,
    manifest: Path | None,
    jobs: int,
) -> int:
    """Run one phase and report it everywhere a reader may look; returns the exit code."""
    if report is not None:
        write.clear(report)
    if jobs < 0:
        raise Misconfigured([f"input 'jobs' is {jobs}, expected 0 or more"])
    bundle.unpack()
    own, signers = policy == "own", ledger_signers
    made = planned(Phase(phase), environment, checklist, only, code, manifest, unsigned=own, signers=signers)
    folder = report or default_report()
    progress = terminal.Progress(sum(entry.state is State.RUN for entry in made.entries))
    # Checks mostly wait for a process or for a network; half as many again as processors keeps both busy.
    at_once = jobs if jobs > 0 else max(2, (os.cpu_count() or 2) * 3 // 2)
    found = gate.run(made, jobs=at_once, mixed=mixed == "accept", listener=progress)
    progress.clear()
    return _deliver(found, folder)


def planned(  # noqa: PLR0913 - what the root action was asked
    phase: Phase,
    environment: str,
    checklist: Path | None,
    only: list[str],
    code: plan.Code,
    manifest: Path | None = None,
    *,
    unsigned: bool = False,
    signers: str = "",
) -> plan.Plan:
    """The plan of one phase; Misconfigured for anything wrong in the file or the question."""
    source = loading.load(find_checklist(checklist))
    if source.trial and _PRODUCTION.search(environment):
        why = f"trial mode refuses '{environment}': this repository has no checklist file"
        raise Misconfigured([f"{why}; write one with the command `init` and declare the environment in it"])
    # Before the deployment is decided what may count; later phases follow what was signed then.
    law = live.find(environment, checklist, signers) if phase is Phase.PRE_DEPLOY else live.Law()
    policy = Policy(law, unsigned, checklist, images.digests(manifest))
    return plan.make(source, Catalog(), phase=phase, environment=environment, only=only, code=code, policy=policy)


def find_checklist(given: Path | None) -> Path | None:
    """The checklist file to use; None means trial mode. A file that was named must be there, a link lead somewhere."""
    for name in MISSPELT if given is None else ():
        if os.path.lexists(name):
            raise Misconfigured([f"{name} is not read: rename it to {name.replace('.yaml', '.yml')}"])
    return live.own_file(given)


def default_report() -> Path | None:
    """On a runner a folder of this run's own; on a laptop none is written unless asked for."""
    temporary = os.environ.get("RUNNER_TEMP")
    if not (runner.on_github() and temporary):
        return None
    try:
        return Path(tempfile.mkdtemp(prefix="deploy-gate-report-", dir=temporary))
    except OSError as fault:
        found = f"RUNNER_TEMP ({temporary}) cannot be written: {fault.strerror}"
        raise CouldNotTell(found, "name a folder for the report (`report:`)") from None


def _deliver(found: gate.Report, folder: Path | None) -> int:
    """Print and write the report. What could not be written turns a go into could-not-tell."""
    for line in terminal.table(found, answer.coloured(sys.stdout)):
        print(runner.harmless(line))
    sys.stdout.flush()
    told, faults = write.everywhere(found, folder)
    for fault in faults:
        runner.say(f"error: {fault.found}\n  → {fault.fix}")
        runner.annotate("error", f"{fault.found} → {fault.fix}", title="deploy-gate")
    return EXIT[told.verdict.word]
