"""The site at size: `python3 bench/site.py [COUNT]` (10,000 deployments). Exit 1 when a goal is missed.

Goals: the whole site built in under five seconds, its first page loaded in a browser in under a second. The best of
three of each, since the machine has other work as well. Run it with the Python of the tests' environment.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GOAL_BUILD, GOAL_LOAD = 5.0, 1000.0
RUNS = 3


def main() -> int:
    """Make a ledger, build its site, open it."""
    sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]
    from browser import Look, browser

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory(prefix="site-") as name:
        folder, out = Path(name) / "ledger", Path(name) / "site"
        size = made(folder, count)
        times = [built(folder, out) for _ in range(RUNS)]
        files = [path for path in out.rglob("*") if path.is_file()]
        with browser() as chromium:
            loads = [one.load for one in chromium.look(*[Look(out / "index.html")] * RUNS)]
    wall, processor = min(times)
    print(f"{count} deployments, {size / 1e6:.1f} MB of ledger, {len(files)} files\n")
    print("| what | measured | goal |\n|---|---|---|")
    print(f"| build the site | {wall:.1f} s ({processor:.1f} s of processor time) | {GOAL_BUILD:g} s |")
    print(f"| load the first page | {min(loads):.0f} ms | {GOAL_LOAD:g} ms |")
    return int(wall >= GOAL_BUILD or min(loads) >= GOAL_LOAD)


def made(folder: Path, count: int) -> int:
    """Every deployment with its evidence; a whole checklist's with those that show it."""
    from full_reports import full_report
    from ledgers import history, written

    from deploy_gate.checklist.model import Phase
    from deploy_gate.pages.site import WHOLE
    from deploy_gate.report import machine

    whole = machine.document(full_report(Phase.PRE_DEPLOY))
    old, new = history(count), history(count, whole)
    written(folder, [*old[:-WHOLE], *new[-WHOLE:]])
    return (folder / "ledger.jsonl").stat().st_size


def built(folder: Path, out: Path) -> tuple[float, float]:
    """Seconds by the wall and of the processor, as `site LEDGER OUT` spends them."""
    from deploy_gate.commands import site_command

    shutil.rmtree(out, ignore_errors=True)
    began, used = time.perf_counter(), sum(os.times()[:2])
    site_command.run([str(folder), str(out)])
    return time.perf_counter() - began, sum(os.times()[:2]) - used


if __name__ == "__main__":
    sys.exit(main())
