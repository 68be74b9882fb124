"""Can I roll back? Switch-only, downgrade-first or forward-only, told before the deployment."""

from __future__ import annotations

from typing import get_args

from deploy_gate.catalog import About
from deploy_gate.facts import base
from deploy_gate.migrations import applied, rollback, tree
from deploy_gate.migrations.rollback import Answer, Facts, Impossible
from deploy_gate.migrations.tree import Tree
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Result, brief, failed, passed, warned
from deploy_gate.units import Variable

ABOUT = About(locks=("database",), timeout=120)
ANSWERS: tuple[str, ...] = get_args(Answer)


def check(
    *,
    to: str,
    live_revision: list[str],
    url_variable: Variable,
    allow: list[str],
    config: str,
    version_table: str,
    version_schema: str,
) -> Result:
    """Read both trees and the live revision, then judge; CouldNotTell for all that hinders."""
    validate(live_revision=live_revision, url_variable=url_variable, allow=allow)
    new = tree.read(config)
    commit = base.of(to)
    old = tree.read(config, commit, may_be_missing=True)
    if not old.order and to:
        found = f"{brief(to)} has no migrations ({brief(config)} and its revisions are not there)"
        raise CouldNotTell(found, "name the release to return to in `to`, or correct `config`")
    live, where = tuple(live_revision), "the live database"
    if not live:
        live, where = _live(new, url_variable, version_table, version_schema, first=not old.order)
    return judge(Facts(new, old, commit[:12], live, where), allow)


def _live(new: Tree, variable: Variable, table: str, schema: str, *, first: bool) -> tuple[tuple[str, ...], str]:
    """What the live database holds, and how it is called; before a first release it may hold nothing at all."""
    found = applied.read(variable, new.version_table.overridden(table, schema))
    if found.revisions is None and not first:
        text = f"{found.label} has no version table {found.table}, so its revision is not known"
        raise CouldNotTell(text, "correct the address, or name the table in `version-table`")
    return found.revisions or (), found.label


def validate(*, live_revision: list[str], url_variable: Variable, allow: list[str], **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is run."""
    problems = [f"input 'allow' holds {brief(one)!r}, expected {', '.join(ANSWERS)}" for one in set(allow) - {*ANSWERS}]
    if not allow:
        problems.append(f"input 'allow' is empty, expected any of {', '.join(ANSWERS)}")
    if bool(live_revision) == bool(url_variable):
        problems.append("expected one of the inputs 'url-variable' and 'live-revision'")
    if problems:
        raise Misconfigured(problems)


def judge(facts: Facts, allow: list[str]) -> Result:
    """The answer, and whether it is allowed."""
    way = rollback.back(facts)
    if isinstance(way, Impossible):
        return failed(way.why, way.fix, target=", ".join(allow))
    if not facts.old.order:
        found = f"this release is the first with migrations ({facts.to} has none): there is no earlier one to return to"
        return warned(found, "have a backup that restores, since it is the only way back")
    found = f"{way.answer}: {way.why}"
    more = {"target": ", ".join(allow), "measured": way.answer, "evidence": way.evidence}
    if way.answer in allow:
        return passed(found, **more)
    return failed(f"{found}; allowed is {', '.join(allow)}", _FIXES[way.answer], **more)


_FIXES: dict[Answer, str] = {
    "switch-only": "allow `switch-only`",
    "downgrade-first": "split the change: first only add, take away one release later; or allow `downgrade-first`",
    "forward-only": "write the downgrade, or split the change so that this release only adds",
}
