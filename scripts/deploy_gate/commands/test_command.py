"""`test`: the whole test suite in its own locked environment; what CI runs, and nothing cleverer."""

from __future__ import annotations

import os
import subprocess
import sys

from deploy_gate import bootstrap

_LEADS_ASTRAY = ("PYTHON", "VIRTUAL_ENV", "COVERAGE", "PYTEST", "UV_PYTHON", "GITHUB_", "RUNNER_")


def run(argv: list[str]) -> int:
    """Run pytest; further arguments are pytest's own. Without `--all` the long tests are left out, and named."""
    everything = "--all" in argv
    rest = [word for word in argv if word != "--all"]
    environment = bootstrap.ensure("dev")
    python = str(bootstrap.python(environment))
    variables = {name: value for name, value in os.environ.items() if not name.startswith(_LEADS_ASTRAY)}
    # The linters are called by name from the tests, as a developer would.
    variables["PATH"] = f"{environment / 'bin'}{os.pathsep}{variables.get('PATH', os.defpath)}"
    variables["DEPLOY_GATE_ALL_TESTS"] = "1" if everything else ""
    command = [python, "-I", "-m", "pytest", *_workers(rest), *rest]
    sys.stdout.flush()
    return subprocess.call(command, cwd=bootstrap.ROOT, env=variables)


def _workers(rest: list[str]) -> list[str]:
    chosen = any(word.startswith(("-n", "--numprocesses")) for word in rest)
    # Twice the processors: a test that waits for a server leaves its own to another.
    return [] if chosen else ["-n", str(2 * max(2, os.cpu_count() or 2)), "--dist", "worksteal"]
