"""What going back to an earlier release would take: a switch, a downgrade first, or it cannot be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deploy_gate.migrations import expansion, steps
from deploy_gate.migrations.expansion import Judgement
from deploy_gate.migrations.revision import Revision
from deploy_gate.migrations.tree import Tree, listed
from deploy_gate.result import Evidence, brief
from deploy_gate.units import counted

Answer = Literal["switch-only", "downgrade-first", "forward-only"]


@dataclass(frozen=True, slots=True)
class Facts:
    """This commit's tree, the tree of the release to return to, and what the live database holds (`where` it is)."""

    new: Tree
    old: Tree
    to: str
    live: tuple[str, ...]
    where: str


@dataclass(frozen=True, slots=True)
class Way:
    """The answer, why in half a line, and what it rests on; `down` are the revisions to undo, newest first."""

    answer: Answer
    why: str
    evidence: list[Evidence]
    down: tuple[Revision, ...] = ()


@dataclass(frozen=True, slots=True)
class Impossible:
    """There is no way back to this release from this commit, whatever is allowed."""

    why: str
    fix: str


def back(facts: Facts) -> Way | Impossible:
    """The way back to the release `to` after this commit's migrations have run on the live database."""
    new, old = facts.new, facts.old
    if unknown := [one for one in facts.live if not new.knows(one)]:
        found = f"{facts.where} holds {listed(unknown)}, which this commit does not know: it can neither go up nor down"
        return Impossible(found, "deploy a commit that has this revision: rebase, or merge the branch that brought it")
    if lost := [one for one in old.order if not new.knows(one)]:
        found = f"the release to return to ({facts.to}) has {listed(lost)}, which this commit lacks"
        return Impossible(
            found, "rebase on that release, or name another one in `to`; never delete a released revision"
        )
    known = new.closure(facts.live) & set(old.order)
    beyond = [new.revisions[one] for one in new.order if one not in known]
    judged = expansion.judge(beyond)
    contracts = [one for one in judged if not one.expands]
    if not contracts:
        return Way("switch-only", _why_switch(facts, judged), [*_contracts(judged), *_declared(judged)])
    down = needed(new, beyond, [one.revision for one in contracts])
    final = [one for one in down if one.irreversible or is_final(one)]
    if final:
        reasons = "; ".join(
            f"{brief(one.id, 40)}: {brief(one.irreversible) or 'it has no downgrade'}" for one in final[:3]
        )
        evidence = [_line(one, one.line, "irreversible", one.irreversible or "it has no downgrade") for one in final]
        text = f"{counted(len(final), 'revision')} cannot be undone ({reasons})"
        return Way("forward-only", text, [*evidence, *_contracts(judged)])
    statements = [
        _line(one, step.line, "downgrade", _shown(step)) for one in down for step in steps.of(one, "downgrade")
    ]
    what = f"{listed(one.revision.id for one in contracts)} {'take' if len(contracts) > 1 else 'takes'} away what"
    amount = f"{counted(len(down), 'revision')} to go down, {counted(len(statements), 'statement')}"
    text = f"{what} {facts.to} may use; {amount}"
    return Way("downgrade-first", text, [*statements, *_contracts(judged), *_declared(judged)], tuple(down))


def needed(new: Tree, beyond: list[Revision], contracts: list[Revision]) -> list[Revision]:
    """What has to go down for these to be undone, newest first: they, and all that builds upon them."""
    roots = {one.id for one in contracts}
    return [one for one in reversed(beyond) if roots & new.closure([one.id])]


def is_final(one: Revision) -> bool:
    """Whether a downgrade would leave the revision's changes there."""
    return steps.is_empty(one, "downgrade") and not steps.is_empty(one, "upgrade")


def _why_switch(facts: Facts, judged: list[Judgement]) -> str:
    if not judged:
        return f"{facts.to} knows every revision of this commit, none is pending on {facts.where}"
    names = listed(one.revision.id for one in judged)
    return f"{facts.to} lacks {counted(len(judged), 'revision')} of this commit, which only add: {names}"


def _shown(step: steps.Step) -> str:
    return step.text + (" (in a loop)" if step.repeated else "")


def _contracts(judged: list[Judgement]) -> list[Evidence]:
    return [
        _line(one.revision, contract.line, "contract", f"{contract.text}: {contract.why}")
        for one in judged
        for contract in one.contracts
    ]


def _declared(judged: list[Judgement]) -> list[Evidence]:
    said = [one for one in judged if one.contracts and one.declared]
    return [_line(one.revision, 1, "declared", f"declared as only adding: {one.declared}") for one in said]


def _line(one: Revision, line: int, rule: str, text: str) -> Evidence:
    return {"path": one.path, "line": line, "rule": rule, "message": f"{brief(one.id)}: {brief(text, 400)}"}
