"""Nothing in the pending Alembic revisions locks a table for long or breaks the running release unacknowledged."""

from __future__ import annotations

from dataclasses import dataclass

from deploy_gate.catalog import About
from deploy_gate.migrations import audit, pending, target
from deploy_gate.migrations.audit import Audit, Hazard
from deploy_gate.migrations.bench import Workshop
from deploy_gate.postgres import scratch
from deploy_gate.problems import similar
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.units import counted

ABOUT = About(runs_code=True, locks=("database",), timeout=600)


@dataclass(frozen=True, slots=True)
class Facts:
    """What was to be looked at and what was found; `acknowledged` are revisions by name."""

    how: str
    in_tree: int
    revisions: int
    audit: Audit
    acknowledged: frozenset[str]


def check(  # noqa: PLR0913 - one parameter for each input
    *,
    since: str,
    last: int,
    acknowledged: list[str],
    config: str,
    section: str,
    python: str,
    scratch_url: str,
    database_variables: list[str],
    x: list[str],
    driver: str,
    env: list[str],
) -> Result:
    """Migrations can run beside the live release."""
    found = pending.find(config, since, last)
    for name in acknowledged:
        if not found.tree.knows(name):
            text = f"`acknowledged` names {brief(name)}, which is no revision{similar(name, found.tree.order)}"
            raise CouldNotTell(text, "correct the name, or take it out")
    known = frozenset(acknowledged)
    if not found.revisions:
        return judge(Facts(found.how, len(found.tree.order), 0, Audit(0, [], 0), known))
    where = target.target(
        python=python, config=config, section=section, variables=database_variables, x=x, driver=driver, env=env
    )
    with scratch.server(scratch_url) as server:
        result = audit.run(Workshop(server, where, found.tree, measure=True), found)
    return judge(Facts(found.how, len(found.tree.order), len(found.revisions), result, known))


def validate(*, database_variables: list[str], x: list[str], **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is run."""
    target.validate(variables=database_variables, x=x)


def judge(facts: Facts) -> Result:
    """A hazard that nobody has acknowledged fails."""
    if not facts.revisions:
        return passed(f"0 revisions pending of {facts.in_tree} ({facts.how}), so none can do harm", measured=0)
    accepted = {id(one): _accepted(one, facts.acknowledged) for one in facts.audit.hazards}
    open_ = [one for one in facts.audit.hazards if not accepted[id(one)]]
    scope = f"{counted(facts.audit.statements, 'statement')} of {counted(facts.revisions, 'revision')} ({facts.how})"
    if facts.audit.unmeasured:
        scope += f", {facts.audit.unmeasured} of them outside a transaction and so only read"
    evidence = [_evidence(one, accepted[id(one)]) for one in facts.audit.hazards]
    more = {"target": 0, "measured": len(open_), "evidence": evidence}
    if open_:
        first = open_[0]
        rest = f" (and {len(open_) - 1} more)" if len(open_) > 1 else ""
        found = (
            f"{counted(len(open_), 'hazard')} in {scope}, the limit is 0: {brief(first.revision.id)} {first.message}"
        )
        return failed(found + rest, first.help or _FIX.get(first.rule) or _FIX[first.kind], **more)
    noted = f", {len(evidence)} acknowledged" if evidence else ""
    return passed(f"0 hazards in {scope}, the limit is 0{noted}", **more)


_FIX = {
    "contract": (
        "expand first, and contract in a later release; if the running release no longer uses it, say so in the"
        " revision's docstring: `Contract: …`"
    ),
    "lock": "split it into steps that lock only briefly, or run it in a window and name the revision in `acknowledged`",
    "several-steps": "give each step a transaction of its own (transaction_per_migration, autocommit_block)",
    "whole-table-write": "write in batches, each committed by itself, outside of the migration's transaction",
    "rewrite": "add a new column or table beside, fill it in batches, and switch over",
    "scan": "add it NOT VALID and validate it in a revision of its own; build indexes CONCURRENTLY",
}


def _accepted(one: Hazard, acknowledged: frozenset[str]) -> str:
    """Why a hazard is in order; empty when it is not."""
    if one.revision.id in acknowledged:
        return "named in `acknowledged`"
    return audit.reason(one.revision) if one.kind == "contract" else ""


def _evidence(one: Hazard, accepted: str) -> Evidence:
    note = f"; acknowledged: {brief(accepted, 200)}" if accepted else ""
    return {
        "message": f"{brief(one.revision.id)}: {one.message}{note}",
        "path": one.revision.path,
        "line": one.line,
        "rule": one.rule,
        "revision": one.revision.id,
        "kind": one.kind,
        "statement": one.statement,
        "acknowledged": bool(accepted),
    }
