"""How the sign-offs of a checklist stand for the commit that is checked out, as the gate itself would see them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from deploy_gate.catalog import Catalog
from deploy_gate.checklist import loading
from deploy_gate.checklist.model import Phase
from deploy_gate.commands.gate_command import find_checklist
from deploy_gate.engine import gate, plan
from deploy_gate.engine.verdict import Word
from deploy_gate.policy import live
from deploy_gate.policy.lines import Policy
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Result, brief
from deploy_gate.rollout import images

CHECK = "sign-off"
_AT_ONCE = 4
_EVENT = "GITHUB_EVENT_PATH"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the checklist that wants a signature, and its answer."""

    id: str
    title: str
    result: Result

    def counts(self, login: str) -> bool:
        """Whether that person's word is one of those that decide it."""
        return any(one.get("by") == login and one.get("counts") for one in self.result.evidence)

    def stopped_by(self, login: str) -> bool:
        """Whether that person's no is one of those that stop it."""
        return any(one.get("by") == login and one.get("stops") for one in self.result.evidence)


@dataclass(frozen=True, slots=True)
class Standing:
    """All of them, and whether everything that was asked for is there. Without a line nothing was asked for."""

    lines: tuple[Line, ...] = ()
    complete: bool = False


def roles(checklist: Path | None, environment: str = "", signers: str = "") -> str:
    """Who holds which role by the checklist of what is live on an environment; else by the one that is checked out."""
    law = live.find(environment, checklist, signers)
    if law.trouble is not None:
        raise law.trouble
    return (law.source or loading.load(find_checklist(checklist))).checklist.variables()["roles"]


def look(checklist: Path | None, environment: str, manifest: Path | None, signers: str = "") -> Standing:
    """Run the lines of the phase before a deployment that ask for a signature, and no other."""
    source = loading.load(find_checklist(checklist))
    if environment not in source.checklist.environments:
        raise Misconfigured([f"your checklist has no environment '{brief(environment)}': add it to `environments:`"])
    items = source.checklist.items.items()
    asked = [name for name, one in items if one.check == CHECK and Phase.PRE_DEPLOY in one.phases]
    if not asked:
        return Standing()
    # As the gate does it, so that both speak of one code.
    policy = Policy(live.find(environment, checklist, signers), path=checklist, digests=images.digests(manifest))
    made = plan.make(
        source,
        Catalog(),
        phase=Phase.PRE_DEPLOY,
        environment=environment,
        only=asked,
        code="without",
        policy=policy,
    )
    # The comment that started this run may stand elsewhere than the gate looks; the gate knows nothing of it.
    event = os.environ.pop(_EVENT, None)
    try:
        report = gate.run(made, jobs=_AT_ONCE, mixed=False, listener=lambda *_: None)
    finally:
        os.environ.update({} if event is None else {_EVENT: event})
    lines = tuple(Line(row.entry.id, row.entry.title, row.judged.result) for row in report.rows)
    return Standing(lines, report.verdict.word is Word.GO)
