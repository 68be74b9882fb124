"""`test`: the whole test suite in its own locked environment; what CI runs, and nothing cleverer.

Most of these tests wait for real servers beside others on the same machine. A few that fail there are run once more,
alone: what fails then is broken; what passes is named, since it must be mended too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from deploy_gate import bootstrap

FAILED = 1
FEW = 5
"""So many failures may be the machine's; more are the change's."""
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
    pytest = [python, "-I", "-m", "pytest"]
    sys.stdout.flush()
    code = subprocess.call([*pytest, *_workers(rest), *rest], cwd=bootstrap.ROOT, env=variables)
    failed = _failed(bootstrap.ROOT) if code == FAILED and not rest else []
    if not 0 < len(failed) <= FEW:
        return code
    print(f"{len(failed)} failed beside others, now alone: {', '.join(failed)}", flush=True)
    code = subprocess.call([*pytest, "-n", "0", *failed], cwd=bootstrap.ROOT, env=variables)
    if code == 0:
        print(f"unsteady, to be mended: {', '.join(failed)}", flush=True)
    return code


def _failed(root: Path) -> list[str]:
    """Names of the tests that failed last, as pytest keeps them."""
    try:
        found = json.loads((root / ".pytest_cache" / "v" / "cache" / "lastfailed").read_bytes())
    except (OSError, ValueError):
        return []
    return sorted(found) if isinstance(found, dict) else []


def _workers(rest: list[str]) -> list[str]:
    chosen = any(word.startswith(("-n", "--numprocesses")) for word in rest)
    # Twice the processors: a test that waits for a server leaves its own to another.
    return [] if chosen else ["-n", str(2 * max(2, os.cpu_count() or 2)), "--dist", "worksteal"]
