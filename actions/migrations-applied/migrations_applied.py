"""A database holds exactly the Alembic revisions of this commit: no more, no fewer, no others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from deploy_gate.catalog import About
from deploy_gate.migrations import applied, tree
from deploy_gate.migrations.applied import Applied
from deploy_gate.migrations.tree import Tree, listed
from deploy_gate.result import Evidence, Result, brief, failed, passed
from deploy_gate.units import Variable, counted

ABOUT = About(locks=("database",), timeout=120)
Heads = Literal["one", "many"]


def check(*, url_variable: Variable, config: str, version_table: str, version_schema: str, heads: Heads) -> Result:
    """Compare the rows of the version table with the tree of this commit; CouldNotTell for all that hinders."""
    found = tree.read(config)
    table = found.version_table.overridden(version_table, version_schema)
    return judge(found, applied.read(url_variable, table), heads)


def judge(found: Tree, have: Applied, heads: Heads) -> Result:
    """Failed for anything but the revisions of this tree, and for more heads than allowed."""
    where = have.label
    if len(found.heads) > 1 and heads == "one":
        text = f"this commit has {len(found.heads)} heads, the limit is 1: {listed(found.heads)}"
        fix = "merge them (`alembic merge heads`), or say `heads: many`"
        return failed(text, fix, target=1, measured=len(found.heads), evidence=_lines(found, found.heads, "a head"))
    if have.revisions is None:
        text = f"{where} has no version table {have.table}, this commit has {counted(len(found.order), 'revision')}"
        return failed(text, "run `alembic upgrade heads` there first, or correct the address or `version-table`")
    if not have.revisions:
        text = f"{where} holds no revision ({have.table} is empty), this commit has {listed(found.tips)}"
        return failed(text, "run `alembic upgrade heads` there, or see who emptied the table")
    if unknown := [one for one in have.revisions if not found.knows(one)]:
        text = f"{where} holds {listed(unknown)}, which this commit does not know: it is ahead, or of another branch"
        fix = "deploy a commit that has this revision (rebase or merge), or bring the database back to one of this tree"
        return failed(text, fix, measured=listed(have.revisions), target=listed(found.tips))
    return _known(found, have, have.revisions)


def _known(found: Tree, have: Applied, rows: tuple[str, ...]) -> Result:
    more = {"measured": listed(rows), "target": listed(found.tips)}
    for one in rows:
        above = [other for other in rows if other != one and one in found.closure([other])]
        if above:
            text = f"{have.label} holds {brief(one)} beside {brief(above[0])}, which includes it; Alembic refuses that"
            return failed(text, f"delete the row {brief(one)} from {have.table}, once you know who wrote it", **more)
    if pending := [one.id for one in found.pending(rows)]:
        total = len(found.order)
        text = f"{have.label} is at {listed(rows)} and lacks {len(pending)} of {total} revisions: {listed(pending)}"
        fix = "run `alembic upgrade heads` there, and see the application work on it"
        return failed(text, fix, evidence=_lines(found, pending, "not applied"), **more)
    applied_ = counted(len(found.order), "revision")
    return passed(f"{have.label} is at {listed(rows)}, as this commit: {applied_}, none pending", **more)


def _lines(found: Tree, names: Iterable[str], what: str) -> list[Evidence]:
    ones = [found.revisions[name] for name in names]
    return [
        {"path": one.path, "line": one.line, "rule": "pending", "message": f"revision {brief(one.id)}: {what}"}
        for one in ones
    ]
