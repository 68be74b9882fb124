"""Writes down what the application's settings class reads from the environment: names, whether required, and types."""

from __future__ import annotations

from pathlib import Path

from deploy_gate.atomic import write_all
from deploy_gate.catalog import About
from deploy_gate.facts import settings_schema
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Result, brief, passed
from deploy_gate.units import counted

ABOUT = About(runs_code=True, timeout=180)


def operate(*, model: str, file: Path, python: str, env: list[str]) -> Result:
    """Import the class in the project's own interpreter and write its description; CouldNotTell when it cannot be."""
    validate(model=model)
    made = settings_schema.export(model, python, env)
    try:
        write_all({file: settings_schema.dumps(made)})
    except OSError as fault:
        raise CouldNotTell(
            f"{brief(str(file), 200)} cannot be written: {fault.strerror}", "name another file"
        ) from None
    needed = sum(one["required"] for one in made.fields)
    what = f"{counted(len(made.fields), 'variable')}, {needed} of them required"
    return passed(f"{what}, written to {brief(str(file), 200)}")


def validate(*, model: str, **_: object) -> None:
    """Misconfigured for a class that is named otherwise than it must be."""
    if not settings_schema.is_model(model):
        raise Misconfigured([f"input 'model' is '{brief(model)}', expected module:Class such as erp.settings:Settings"])
