"""A linter as a program: the consumer's own where he has pinned one, else the one we bring."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deploy_gate import bootstrap, process
from deploy_gate.facts import interpreter
from deploy_gate.result import CouldNotTell, one_line

_LOCK = "lint"
_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Linter:
    """A program and how a report names it: `ruff 0.17.6, from .venv`."""

    path: Path
    label: str


def get(name: str, python: str) -> Linter:
    """The linter beside the consumer's interpreter, else ours; CouldNotTell when it can neither be had nor started."""
    theirs = _theirs(name, python)
    path, origin = (theirs, "the project's own") if theirs else (_ours(name), "ours")
    done = process.run([path, "--version"], timeout=_TIMEOUT)
    if done.code:
        raise CouldNotTell(f"{path} does not start: {done.last_words(1)}", f"reinstall {name} there")
    return Linter(path, one_line(f"{done.out.splitlines()[0] if done.out else name} ({origin})", 80))


def _theirs(name: str, python: str) -> Path | None:
    try:
        return interpreter.script(interpreter.find(python), name)
    except CouldNotTell:
        if python:
            raise
        return None


def _ours(name: str) -> Path:
    try:
        return bootstrap.tool(bootstrap.ensure(_LOCK), name)
    except bootstrap.SetupError as fault:
        raise CouldNotTell(f"{name} could not be installed: {fault.found}", fault.fix) from None
