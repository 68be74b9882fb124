"""The engine's own cost: `python3 bench/engine.py`. The full checklist with checks that do nothing, in a fresh process.

Prints the whole time (interpreter, imports, plan, run, every form of the report) and the cost of one item, from the
difference between all items and one. Exit 1 when a goal is missed: 0.5 s for all, 3 ms an item.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUNS = 9
GOAL_SECONDS = 0.5
GOAL_ITEM_MILLISECONDS = 3.0


def main() -> int:
    """Start ourselves anew inside the core environment, several times, and compare."""
    sys.path.insert(0, str(ROOT / "scripts"))
    from deploy_gate import bootstrap

    python = str(bootstrap.python(bootstrap.ensure("core")))
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(["git", "init", "-q", scratch], check=True, timeout=60)
        count = int(started(python, scratch, "count").splitlines()[-1])
        whole = median(python, scratch, "all")
        single = median(python, scratch, "one")
    item = (whole - single) / (count - 1) * 1000
    print(f"{count} items, everything written: {whole:.3f} s (goal {GOAL_SECONDS} s)")
    print(f"1 item, everything written:    {single:.3f} s")
    print(f"one item more:                 {item:.2f} ms (goal {GOAL_ITEM_MILLISECONDS} ms)")
    return 0 if whole < GOAL_SECONDS and item < GOAL_ITEM_MILLISECONDS else 1


def median(python: str, scratch: str, what: str) -> float:
    """Median seconds of several runs."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        started(python, scratch, what)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def started(python: str, scratch: str, what: str) -> str:
    """Run `inside` in a new interpreter."""
    command = [python, "-I", str(Path(__file__).resolve()), what]
    done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def inside(what: str) -> None:
    """The way of a gate, with every item of the bundled checklist in one phase and every check replaced."""
    sys.path.insert(0, str(ROOT / "scripts"))
    from deploy_gate.catalog import Catalog
    from deploy_gate.checklist import loading
    from deploy_gate.checklist.model import Phase
    from deploy_gate.engine import gate, plan
    from deploy_gate.report import terminal, write

    source = loading.load(None)
    actions = Path("actions")
    for item in source.checklist.items.values():
        item.phases, item.planned, item.with_, item.needs = [Phase.VERIFY], False, {}, []
        folder = actions / item.check
        if not folder.exists():
            folder.mkdir(parents=True)
            (folder / "action.yml").write_text(f"name: {item.check}\ndescription: D.\n")
            body = "from deploy_gate.result import Result, passed\ndef check() -> Result:\n    return passed('fine')\n"
            (folder / f"{item.check.replace('-', '_')}.py").write_text(body)
    only = ["lint"] if what == "one" else []
    if what == "count":
        print(len(source.checklist.items))
        return
    made = plan.make(source, Catalog(actions), phase=Phase.VERIFY, only=only)
    found = gate.run(made, jobs=os.cpu_count() or 2, mixed=False, listener=lambda *_: None)
    print("\n".join(terminal.table(found, colours=False)))
    write.folder(found, Path("report"))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        inside(sys.argv[1])
    else:
        sys.exit(main())
