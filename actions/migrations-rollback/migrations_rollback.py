"""Can I roll back? Switch-only, downgrade-first or forward-only, told before the deployment."""

from __future__ import annotations

from typing import get_args

from deploy_gate.catalog import About
from deploy_gate.facts import base
from deploy_gate.migrations import applied, rollback, tree
from deploy_gate.migrations.rollback import Answer, Facts, Impossible
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Result, brief, failed, passed
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
    if live_revision:
        return judge(Facts(new, old, commit[:12], tuple(live_revision), "the live database"), allow)
    table = new.version_table.overridden(version_table, version_schema)
    found = applied.read(url_variable, table)
    return judge(Facts(new, old, commit[:12], found.revisions or (), found.label), allow)


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
