"""hadolint's remarks about Dockerfiles; it reads them and runs nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy_gate import bootstrap, process
from deploy_gate.facts import files
from deploy_gate.result import CouldNotTell, one_line

LEVELS = ("error", "warning", "info", "style")
"""The worst first."""
_LOCK = "hadolint"
_TIMEOUT = 120.0
_LIMIT = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing it says."""

    path: str
    line: int
    column: int
    rule: str
    level: str
    message: str


def lint(paths: Sequence[Path]) -> list[Remark]:
    """Everything it says of these files, with the project's own configuration (.hadolint.yaml) where there is one."""
    if not paths:
        return []
    names = [files.spelled(str(path)) for path in paths]
    argv: list[str | Path] = [_program(), "--no-color", "--no-fail", "--format", "json", *names]
    done = process.run(argv, timeout=_TIMEOUT, limit=_LIMIT)
    try:
        told = json.loads(done.out)
    except ValueError:
        told = None
    if done.code or not isinstance(told, list):
        fix = "correct the Dockerfile or .hadolint.yaml; run hadolint by hand"
        raise CouldNotTell(f"hadolint gave no answer (exit code {done.code}): {done.last_words()}", fix)
    return [
        Remark(
            files.relative(str(one.get("file", ""))),
            max(int(one.get("line") or 1), 1),
            max(int(one.get("column") or 1), 1),
            one_line(str(one.get("code", "")), 40),
            str(one.get("level", "")),
            one_line(str(one.get("message", "")), 300),
        )
        for one in told
    ]


def _program() -> Path:
    try:
        return bootstrap.tool(bootstrap.ensure(_LOCK), "hadolint")
    except bootstrap.SetupError as fault:
        raise CouldNotTell(f"hadolint could not be installed: {fault.found}", fault.fix) from None
