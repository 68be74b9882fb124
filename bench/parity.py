"""Two servers compared: `python3 bench/parity.py`, as root, with the Python of the tests' environment.

Two real ssh servers in network namespaces of their own (tests/pairs_apart.py). Prints how long the check takes with all
that it compares, as a step
of a workflow, how many connections each server saw, and a bare `ssh … true` to
both beside it. Exit 1 when a goal is missed: one connection to each server, and 2 s.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pairs import Machine, Pair

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]
RUNS = 5
GOAL = 2.0


def main() -> int:
    """Both servers up, then in turns."""
    import pairs_apart

    with pairs_apart.apart((411, 411), (2048, 2048)) as pair, tempfile.TemporaryDirectory() as scratch:
        both = (pair.production, pair.staging)
        for machine in both:
            machine.reset()
        step, alone = check(pair), [bare(one, Path(scratch)) for one in both]
        env = {**os.environ, **pair.keys}
        spent(step, env)  # the environment is there from now on
        before = [pairs_apart.connections(one) for one in both]
        whole = [spent(step, env) for _ in range(RUNS)]
        made = [pairs_apart.connections(one) - was for one, was in zip(both, before, strict=True)]
        logins = [sum(spent(one, env) for one in alone) for _ in range(RUNS)]
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    print(f"best of {RUNS}; {load}")
    print(f"  ssh true, one server after the other  {min(logins):6.2f} s")
    print(f"  config-parity, as a step              {min(whole):6.2f} s, in between {statistics.median(whole):.2f} s")
    print(f"  connections of {RUNS} runs                 {made[0]} and {made[1]}")
    print(f"  goals: one connection to each, and {GOAL:g} s")
    return 0 if min(whole) <= GOAL and made == [RUNS, RUNS] else 1


def check(pair: Pair) -> list[str | Path]:
    """The check with all families, as a step calls it."""
    given = [word for name, value in pair.inputs.items() for word in (f"--{name.replace('_', '-')}", value)]
    return [sys.executable, ROOT / "scripts", "check", "config-parity", *given]


def bare(machine: Machine, folder: Path) -> list[str | Path]:
    """A log-in and nothing more."""
    door = machine.door
    key, pins = folder / f"{door.port}.key", folder / f"{door.port}.pins"
    for path, text in ((key, door.key), (pins, door.pins)):
        path.write_text(text)
        path.chmod(0o600)
    options = ("-o", f"UserKnownHostsFile={pins}", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes")
    return ["ssh", "-F", os.devnull, "-i", key, *options, "-p", str(door.port), f"{door.user}@{door.address}", "true"]


def spent(argv: Sequence[str | Path], env: Mapping[str, str]) -> float:
    """Seconds of a command that must say that all is well."""
    started = time.monotonic()
    done = subprocess.run(argv, env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise SystemExit(f"{argv[0]} ended with {done.returncode}: {done.stdout[-2000:].decode(errors='replace')}")
    return time.monotonic() - started


if __name__ == "__main__":
    raise SystemExit(main())
