"""Builds the head of the migrations in a scratch database and writes down what is there."""

from __future__ import annotations

from pathlib import Path

from deploy_gate.atomic import write_all
from deploy_gate.catalog import About
from deploy_gate.migrations import target, tree
from deploy_gate.migrations.bench import Workshop
from deploy_gate.postgres import scratch
from deploy_gate.postgres.catalog import stored
from deploy_gate.result import CouldNotTell, Result, brief, passed
from deploy_gate.units import Variable, counted

ABOUT = About(runs_code=True, locks=("database",), timeout=900)


def operate(  # noqa: PLR0913 - one parameter for each input
    *,
    file: Path,
    config: str,
    section: str,
    python: str,
    scratch_url: Variable,
    database_variables: list[str],
    x: list[str],
    driver: str,
    env: list[str],
) -> Result:
    """Write the catalog of an empty database with all migrations applied; CouldNotTell for all that hinders."""
    found = tree.read(config)
    where = target.target(
        python=python, config=config, section=section, variables=database_variables, x=x, driver=driver, env=env
    )
    with (
        scratch.server(scratch_url) as server,
        Workshop(server, where, found).bench(found.order, rows=False) as bench,
    ):
        made = bench.catalog()
    try:
        write_all({file: stored.dumps(made)})
    except OSError as fault:
        raise CouldNotTell(
            f"{brief(str(file), 200)} cannot be written: {fault.strerror}", "name another file"
        ) from None
    what = f"{counted(made.size, 'object')} by {counted(len(found.order), 'revision')}"
    return passed(f"{what}, written to {brief(str(file), 200)}; fingerprint {made.fingerprint[:16]}")


def validate(*, database_variables: list[str], x: list[str], **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is run."""
    target.validate(variables=database_variables, x=x)
