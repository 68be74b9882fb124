"""Every pending Alembic revision goes up, down and up again on a scratch PostgreSQL, and the catalogs stay the same."""

from __future__ import annotations

from dataclasses import dataclass

from deploy_gate.catalog import About
from deploy_gate.migrations import pending, target, trial
from deploy_gate.migrations.bench import Workshop
from deploy_gate.migrations.trial import Finding, Trials
from deploy_gate.postgres import scratch
from deploy_gate.result import Evidence, Result, brief, failed, passed, warned
from deploy_gate.units import counted

ABOUT = About(runs_code=True, locks=("database",), timeout=900)


@dataclass(frozen=True, slots=True)
class Facts:
    """What was to be tried and what came of it."""

    how: str
    in_tree: int
    trials: Trials


def check(  # noqa: PLR0913 - one parameter for each input
    *,
    since: str,
    last: int,
    rows: bool,
    config: str,
    section: str,
    python: str,
    scratch_url: str,
    database_variables: list[str],
    x: list[str],
    driver: str,
    env: list[str],
) -> Result:
    """Migrations are reversible."""
    found = pending.find(config, since, last)
    if not found.revisions:
        return judge(Facts(found.how, len(found.tree.order), Trials()))
    where = target.target(
        python=python, config=config, section=section, variables=database_variables, x=x, driver=driver, env=env
    )
    with scratch.server(scratch_url) as server:
        trials = trial.run(Workshop(server, where, found.tree), found.before, found.revisions, rows=rows)
    return judge(Facts(found.how, len(found.tree.order), trials))


def validate(*, database_variables: list[str], x: list[str], **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is run."""
    target.validate(variables=database_variables, x=x)


def judge(facts: Facts) -> Result:
    """Anything that does not come back, or fails, fails; what only some rows show warns."""
    trials = facts.trials
    if not trials.tried:
        return passed(f"0 revisions pending of {facts.in_tree} ({facts.how}), so there is none to undo", measured=0)
    evidence = [*map(_evidence, trials.findings), *_notes(trials)]
    scope = f"{counted(len(trials.tried), 'revision')} tried ({facts.how})"
    if trials.untried:
        scope += f", {len(trials.untried)} after that not tried"
    certain = [one for one in trials.findings if one.certain]
    bad = len({one.revision.id for one in certain})
    more = {"target": 0, "measured": bad, "evidence": evidence}
    if certain:
        found = f"{counted(bad, 'revision')} cannot be undone, the limit is 0; {scope}: {_first(certain)}"
        return failed(found, _FIX[certain[0].rule], **more)
    data = f", {counted(trials.rows, 'row')} made" + (
        f", {counted(len(trials.unfilled), 'table')} stayed empty" if trials.unfilled else ""
    )
    if trials.findings:
        return warned(f"{_first(trials.findings)}; {scope}{data}", _SOME, **more)
    ways = f", {len(trials.one_way)} of them one-way by declaration" if trials.one_way else ""
    return passed(f"0 revisions cannot be undone, the limit is 0; {scope}{ways}{data}", **more)


_DECLARE = "or declare it one-way with the reason: a docstring line `Irreversible: …`"
_DATA = "mend the rows first, in the same revision (UPDATE … WHERE), or let the column have a default"
_SOME = "look whether the live database holds such rows; if so, mend them first, in the same revision"
_FIX = {
    "not-restored": "complete its downgrade()",
    "second-upgrade-differs": "complete its downgrade()",
    "second-upgrade-fails": "complete its downgrade(), which leaves something behind",
    "no-downgrade": f"write its downgrade(), {_DECLARE}",
    "downgrade-fails": f"mend its downgrade(), {_DECLARE}",
    "upgrade-fails": "mend its upgrade()",
    "upgrade-fails-on-data": _DATA,
    "downgrade-fails-on-data": f"mend the rows first, in downgrade(), {_DECLARE}",
    "second-upgrade-fails-on-data": _DATA,
}


def _first(findings: list[Finding]) -> str:
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return f"{brief(findings[0].revision.id)}: {findings[0].message}{more}"


def _evidence(one: Finding) -> Evidence:
    return {
        "message": f"{brief(one.revision.id)}: {one.message}",
        "path": one.revision.path,
        "line": one.line,
        "rule": one.rule,
        "revision": one.revision.id,
        "statement": one.statement,
    }


def _notes(trials: Trials) -> list[Evidence]:
    ways = [
        {"message": f"{brief(name)} is one-way: {brief(reason, 300)}", "rule": "one-way", "revision": name}
        for name, reason in trials.one_way.items()
    ]
    empty = [
        {"message": f"{brief(name)} stayed empty, so nothing was tried on its rows: {why}", "rule": "no-rows"}
        for name, why in trials.unfilled.items()
    ]
    return [*ways, *empty]
