"""The ledger at size: `python3 bench/ledger.py [COUNT]` (10,000 deployments). Exit 1 when a goal is missed.

Goals: the chain verified in under a second, all figures of one environment in under a second; of processor time,
and the best of three, since the machine has other work as well; the clock's time stands beside it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
GOAL = 1.0
RUNS = 3
END = datetime(2026, 11, 25, tzinfo=UTC)


def main() -> int:
    """Make, verify, compute."""
    sys.path.insert(0, str(ROOT / "scripts"))
    from deploy_gate.ledger import chain
    from deploy_gate.ledger.entry import from_json
    from deploy_gate.ledger.metrics import figures

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    raw = made(count)
    faults, verified = timed(lambda: chain.faults(raw))
    entries, read = timed(lambda: [entry for one in chain.records(raw) if (entry := from_json(one))])
    _, computed = timed(lambda: figures(entries, "production", until=END, window=timedelta(days=90), targets={}))
    print(f"{count} deployments, {len(raw) / 1e6:.1f} MB\n")
    print("| what | seconds of processor time | by the clock | goal |\n|---|---|---|---|")
    print(f"| verify the chain | {verified[0]:.2f} | {verified[1]:.2f} | {GOAL:g} |")
    whole, clock = read[0] + computed[0], read[1] + computed[1]
    told = f"{whole:.2f} ({computed[0]:.2f} of it computing)"
    print(f"| read and compute all figures | {told} | {clock:.2f} | {GOAL:g} |")
    return int(bool(faults) or len(entries) != count or max(verified[0], whole) >= GOAL)


def made(count: int) -> bytes:
    """A history with a failure in fifty."""
    from deploy_gate.ledger import chain
    from deploy_gate.ledger.entry import Entry, Kind, Outcome, Times

    head, lines = chain.Head(), []
    for number in range(count):
        end = END - timedelta(hours=4 * (count - number))
        moments = [moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (end - timedelta(minutes=6), end)]
        outcome = Outcome.DEPLOYED if number % 50 else Outcome.FELL_BACK
        entry = Entry(
            environment="production",
            release=f"{number:040x}",
            kind=Kind.DEPLOY,
            outcome=outcome,
            began=moments[0],
            ended=moments[1],
            commit=f"{number:040x}",
            digests={"backend": "sha256:" + "0" * 64},
            subject="feat: something",
            actor="ada",
            run_url="https://github.example/shop/actions/runs/1",
            times=Times(360, 20, 5, 1),
            counts={"passed": 90, "warned": 3},
            met={"p95": 180.0 + number % 40, "errors": 0.0002, "health": 0.04},
            signoffs=[{"role": "technical-lead", "by": "grace"}, {"role": "qa-team", "by": "mary"}],
        )
        line, head = chain.line(entry.as_json(), head)
        lines.append(line)
    return b"".join(lines)


def timed(call: Callable[[], Any]) -> tuple[Any, tuple[float, float]]:
    """Its answer, and the fewest seconds that it took: of processor time, and by the clock."""
    found, spent, passed = None, [], []
    for _ in range(RUNS):
        began, at = time.process_time(), time.perf_counter()
        found = call()
        spent.append(time.process_time() - began)
        passed.append(time.perf_counter() - at)
    return found, (min(spent), min(passed))


if __name__ == "__main__":
    sys.exit(main())
