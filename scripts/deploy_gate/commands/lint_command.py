"""`lint`: this repository's own code, workflows and generated files, by the tools that CI uses."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from deploy_gate import arguments, bootstrap, process
from deploy_gate.report.answer import coloured, paint
from deploy_gate.result import CouldNotTell

_ACTIONS = ("action.yml", "actions/*/action.yml", ".github/actions/*/action.yml")
_WORKFLOWS = (".github/workflows/*.yml", "examples/*/.github/workflows/*.yml")


def commands(root: Path) -> dict[str, list[str]]:
    """What is run, by name. Nothing here writes; a linter in write mode can never fail."""
    actions = _found(root, *_ACTIONS)
    workflows = _found(root, *_WORKFLOWS)
    return {
        "ruff check": ["ruff", "check", "--no-fix", "--no-cache", "."],
        "ruff format": ["ruff", "format", "--check", "--no-cache", "."],
        "mypy": ["mypy", "--cache-dir", os.devnull],
        "bandit": ["bandit", "-q", "-c", "pyproject.toml", "-r", "scripts", "actions"],
        "zizmor": ["zizmor", "--offline", "--strict-collection", "--no-progress", "--persona", "pedantic", "."],
        "actionlint": ["jactionlint", "--oneline"],
        "workflow schema": ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows],
        "action schema": ["check-jsonschema", "--builtin-schema", "vendor.github-actions", *actions],
        "yamllint": ["yamllint", "--strict", ".", "-c", ".yamllint.yml"],
    }


def run(argv: list[str]) -> int:
    """Run every linter, print what they find, exit 1 when one finds something."""
    arguments.Parser("lint", "Check this repository's own code and workflows.").parse(argv)
    environment = bootstrap.ensure("dev")
    path = f"{environment / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    colours, bad = coloured(sys.stdout), 0
    for name, (tool, *rest) in commands(bootstrap.ROOT).items():
        try:
            done = process.run([environment / "bin" / tool, *rest], timeout=300, cwd=bootstrap.ROOT, env={"PATH": path})
        except CouldNotTell as fault:
            print(paint(f"{name}: {fault.found}", "31", colours))
            bad += 1
            continue
        print(paint(f"{name}: {'clean' if not done.code else 'findings'}", "31" if done.code else "32", colours))
        if done.code:
            print(done.out + done.err)
            bad += 1
    return 1 if bad else 0


def _found(root: Path, *patterns: str) -> list[str]:
    return sorted(str(path.relative_to(root)) for pattern in patterns for path in root.glob(pattern))
