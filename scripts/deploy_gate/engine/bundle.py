"""Secrets that come together in one variable, DEPLOY_GATE_SECRETS: taken apart, masked one by one, never handed on.

A reusable workflow has to declare every secret by its name, so those of a team's own checks come in one. Afterwards
each is a variable of this process, and an item sees those that it lists (`secrets:`), or whose names its inputs give.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection

from deploy_gate import dotenv, process, runner
from deploy_gate.engine.masking import NAMES
from deploy_gate.problems import Misconfigured

VARIABLE = "DEPLOY_GATE_SECRETS"
# What steers the runner, the interpreter or the programs that checks start is no secret.
_STEERING = re.compile(
    r"(GITHUB|RUNNER|ACTIONS|DEPLOY_GATE|PYTHON|LD|BASH|GIT|PIP|UV)_|PYTHON|BASH|ENV$|IFS$|NODE_OPTIONS"
)


def unpack(only: Collection[str] | None = None) -> None:
    """Put them into this process's environment, all or only those; Misconfigured, without a value, for a bad one."""
    text = os.environ.pop(VARIABLE, "")
    try:
        found = {name: value for name, value in dotenv.parse(text).items() if value}
    except ValueError as fault:
        raise Misconfigured(
            [f"{VARIABLE}: {fault}; each line is NAME=value, and a value of several lines is quoted"]
        ) from None
    for value in found.values():
        runner.hide(value)
    if wrong := [f"{VARIABLE}: {name} {why}" for name in found if (why := _trouble(name, found[name]))]:
        raise Misconfigured(wrong)
    kept = {name: value for name, value in found.items() if only is None or name in only}
    os.environ.update(kept)
    if kept:
        os.environ[NAMES] = ",".join(sorted(kept))


def _trouble(name: str, value: str) -> str:
    if name in process.ALLOWED or _STEERING.match(name):
        return "is no name for a secret: it steers the runner or the programs that run here; call it otherwise"
    if "\0" in value:
        return "holds a NUL byte, which no variable can"
    if os.environ.get(name, value) not in ("", value):
        return "is a variable of this step too, with another value; leave one of the two out"
    return ""
