"""How long deploy-gate takes to have its own environment: ``python3 bench/bootstrap.py [PYTHON]``.

Measures a copy of the product whose command line does nothing, with the real core lock and the real index, in a fresh
folder: cold, with wheels cached, and warm; by pip and, where it is on PATH, by uv. All figures come from this one run,
so compare them with each other. Exit 1 if the warm start takes 0.3 s or more.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PRODUCT = Path(__file__).resolve().parents[1]
WARM_RUNS = 15
WARM_LIMIT_SECONDS = 0.3


def copy_product(folder: Path) -> Path:
    """A product of bootstrap and core lock; its command line imports what the core brings only if told to."""
    package = folder / "scripts/deploy_gate"
    package.mkdir(parents=True)
    shutil.copy(PRODUCT / "scripts/deploy_gate/__init__.py", package)
    shutil.copytree(PRODUCT / "scripts/deploy_gate/bootstrap", package / "bootstrap")
    shutil.copy(PRODUCT / "scripts/__main__.py", package.parent)
    (package / "cli.py").write_text("def main(argv):\n    for name in argv:\n        __import__(name)\n    return 0\n")
    (folder / "requirements").mkdir()
    shutil.copy(PRODUCT / "requirements/core.txt", folder / "requirements")
    return folder / "scripts"


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """How long a command takes; it must succeed."""
    start = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=600)
    return time.perf_counter() - start


def median(command: list[str], environment: dict[str, str]) -> float:
    """The middle of some runs."""
    return statistics.median(seconds(command, environment) for _ in range(WARM_RUNS))


def folders_without_uv() -> str:
    """PATH without those entries that have uv in them."""
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(entry for entry in entries if not Path(entry, "uv").exists())


def measure(python: str, name: str, path: str, folder: Path) -> float:
    """Print one line for one installer; returns the warm start in seconds."""
    scripts = copy_product(folder / "product")
    runner = folder / "runner"
    runner.mkdir()
    environment = {**os.environ, "HOME": str(folder), "RUNNER_TEMP": str(runner), "PATH": path}
    environment.pop("XDG_CACHE_HOME", None)
    command = [python, str(scripts)]
    cold = seconds(command, environment)
    shutil.rmtree(runner / "deploy-gate")
    cached = seconds(command, environment)
    warm = median(command, environment)
    isolated = median([python, "-I", str(scripts)], environment)
    loaded = median([*command, "yaml", "pydantic", "jinja2", "urllib3"], environment)
    bare = median([python, "-c", "pass"], environment)
    print(
        f"{name:4} cold {cold:5.2f} s · next job {cached:5.2f} s · warm {warm:.3f} s (with -I {isolated:.3f} s, "
        f"with all core imports {loaded:.3f} s) · bare python {bare:.3f} s · warm/bare {warm / bare:.1f}"
    )
    return warm


def main() -> int:
    """Measure every installer there is."""
    python = sys.argv[1] if len(sys.argv) > 1 else "/usr/bin/python3"
    paths = {"pip": folders_without_uv()}
    if shutil.which("uv"):
        paths["uv"] = os.environ.get("PATH", os.defpath)
    worst = 0.0
    for name, path in paths.items():
        with tempfile.TemporaryDirectory() as folder:
            worst = max(worst, measure(python, name, path, Path(folder)))
    return 0 if worst < WARM_LIMIT_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
