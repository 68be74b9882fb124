"""The history scan beside the bare scanner: `python3 bench/history.py [COMMITS]` (100,000 when not given).

The history is that of the long tests (tests/histories.py), with some secrets. Prints the scanner alone with the same
rules, the check over everything, and the check again after 50 more commits. Exit 1 when a goal is missed: within 1.1
times the bare scanner, and 2 s the second time.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]
RUNS = 3
GOAL, AGAIN = 1.1, 2.0
MORE = 50


def main() -> int:
    """Build once, measure alternately."""
    from histories import History

    from deploy_gate.facts import kingfisher, secret_rules

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    scanner = kingfisher.program()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        shop = folder / "shop"
        history = History(shop)
        history.grow(count, {number: f"TOKEN = '{history.token()}'\n" for number in range(997, count, 997)})
        rules = folder / "rules.yml"
        rules.write_text(secret_rules.as_file())
        bare: list[str | Path] = [scanner, "scan", shop / ".git", "--rules-path", rules, "--no-validate"]
        bare += ["--no-update-check", "--redact", "--no-dedup", "--no-ignore", "--format=json", "--quiet"]
        check: list[str | Path] = [sys.executable, ROOT / "scripts", "check", "secrets-in-history"]
        for argv in (bare, check):
            spent(argv, shop)  # compiled rules and the environment are there from now on
        alone, whole = both(lambda: spent(bare, shop), lambda: spent(check, shop))
        cached, again = [*check, "--cache", folder / "seen.json"], []
        spent(cached, shop)
        for _ in range(RUNS):
            history.grow(MORE)
            again.append(spent(cached, shop))
    second = Spent(min(one.wall for one in again), min(one.work for one in again))
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    print(f"{count} commits, best of {RUNS}; {load}")
    print(f"  scanner alone       {alone}")
    print(f"  the check           {whole}   {whole.wall / alone.wall:.2f} and {whole.work / alone.work:.2f} times")
    print(f"  {MORE} commits later    {second}")
    print(f"  goals: {GOAL} times, and {AGAIN:g} s the second time")
    return 0 if whole.wall <= GOAL * alone.wall and second.wall <= AGAIN else 1


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of the clock, and of processors."""

    wall: float
    work: float

    def __str__(self) -> str:
        return f"{self.wall:6.2f} s, {self.work:6.2f} s of processors"


def both(first: Callable[[], Spent], second: Callable[[], Spent]) -> tuple[Spent, Spent]:
    """The best of each, measured in turns."""
    pairs = [(first(), second()) for _ in range(RUNS)]
    sides = [[pair[side] for pair in pairs] for side in (0, 1)]
    left, right = (Spent(min(one.wall for one in ones), min(one.work for one in ones)) for ones in sides)
    return left, right


def spent(argv: Sequence[str | Path], shop: Path) -> Spent:
    """What one run takes."""
    started, before = time.monotonic(), work()
    done = subprocess.run(argv, cwd=shop, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode not in (1, 200):
        raise SystemExit(f"{argv[0]} ended with {done.returncode}: {done.stdout[-2000:].decode(errors='replace')}")
    return Spent(time.monotonic() - started, work() - before)


def work() -> float:
    """Seconds of processors that all children used so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    raise SystemExit(main())
