"""The code-quality section beside its tools: `python3 bench/code_quality.py`. The example ERP, everything in one run.

Prints each tool run bare, the section as the gate runs it, and the two ratios. Exit 1 when the goal is missed: the
section within 1.15 times the slowest tool where the others fit beside it on two processors.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
RUNS = 3
GOAL = 1.15
ITEMS = ("lint", "types", "security-scan", "unit-tests", "no-todo", "changelog")


def main() -> int:
    """Build the shop and its environment once, then measure alternately."""
    from deploy_gate import bootstrap
    from deploy_gate.workbench import act, shop

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "authority.pem").write_text("")
        made = shop.create(folder / "erp", {}, folder / "authority.pem")
        python = made.path / ".venv" / "bin" / "python"
        quietly([bootstrap.base_python(), "-m", "venv", made.path / ".venv"], made.path)
        lock = made.path / "requirements-dev.txt"
        env = {name: os.environ[name] for name in act.installer_variables()}
        quietly([python, "-m", "pip", "install", "-q", "--require-hashes", "-r", lock], made.path, env)
        return measure(made.path, python, bootstrap.ensure("lint") / "bin")


def measure(shop: Path, python: Path, lint: Path) -> int:
    """Medians of every tool and of the section."""
    bare: dict[str, list[str | Path]] = {
        "ruff check": [lint / "ruff", "check", "--no-cache", "."],
        "ruff format": [lint / "ruff", "format", "--check", "--no-cache", "."],
        "bandit": [lint / "bandit", "-q", "-c", "pyproject.toml", "-r", "erp", "neurolink", "-ll", "-ii"],
        "mypy": [python, "-m", "mypy", "--cache-dir", os.devnull],
        "pytest": [python, "-m", "pytest", "-q", "-m", "not integration", "--cov", "--cov-report="],
    }
    gate: list[str | Path] = [sys.executable, ROOT / "scripts", "gate", "--phase", "pull-request", "--only", *ITEMS]
    seconds = {name: median(command, shop) for name, command in (*bare.items(), ("gate", gate))}
    for name in bare:
        print(f"{name:<12} {seconds[name]:6.2f} s")
    section = seconds.pop("gate")
    slowest = max(seconds, key=lambda name: seconds[name])
    print(f"{'section':<12} {section:6.2f} s")
    print(f"section / slowest tool alone ({slowest}): {section / seconds[slowest]:.2f} (goal {GOAL})")
    print(f"section / all tools one after the other: {section / sum(seconds.values()):.2f}")
    rest = sum(seconds.values()) - seconds[slowest]
    if rest > seconds[slowest]:
        print(
            f"the others need {rest:.2f} s of a second processor, more than {slowest} leaves: the goal does not apply"
        )
        return 0
    return 0 if section / seconds[slowest] <= GOAL else 1


def median(command: Sequence[str | Path], shop: Path) -> float:
    """Median seconds of a command that must succeed; the first run only warms the caches."""
    times = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        quietly(command, shop)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def quietly(command: Sequence[str | Path], cwd: Path, env: dict[str, str] | None = None) -> None:
    """Run a command and show what it printed only when it fails."""
    variables = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "PYTHONDONTWRITEBYTECODE": "1", **(env or {})}
    variables["COVERAGE_FILE"] = str(cwd.parent / "coverage")
    words = [str(one) for one in command]
    done = subprocess.run(words, cwd=cwd, env=variables, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")


if __name__ == "__main__":
    sys.exit(main())
