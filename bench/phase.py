"""The pre-deployment phase of the example ERP beside its tools: `python3 bench/phase.py`.

The servers are those of the demonstration (PostgreSQL, Redis, an S3 server, a TLS server). Prints what every check
takes alone, one after the other (`--jobs 1`), and the phase in one run: cold (environments have to be built from
packages that are here) and warm; and the warm one's processor time: its share of each processor is what no order of the
checks gets below. Exit 1 when a goal is missed: the warm phase under half of its tools on two processors, and under the
slowest of them and a fifth.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
RUNS = 3
HALF, FIFTH = 0.5, 1.2
PHASE = ("gate", "--phase", "pre-deploy", "--environment", "staging")
RAN = ("passed", "warned", "failed", "error")


@dataclass(frozen=True, slots=True)
class Gate:
    """Where the phase runs, and with what."""

    shop: Path
    env: Mapping[str, str]
    folder: Path

    def run(self, *more: str, **env: str) -> tuple[float, dict[str, float], list[str]]:
        """Seconds of the whole, of each check that ran, and what was not passed."""
        report = Path(tempfile.mkdtemp(dir=self.folder))
        command = [sys.executable, str(ROOT / "scripts"), *PHASE, "--report", str(report), *more]
        started = time.monotonic()
        done = subprocess.run(
            command,
            cwd=self.shop,
            env={**self.env, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        seconds = time.monotonic() - started
        if not (report / "report.json").exists():
            raise SystemExit(done.stdout[-3000:].decode(errors="replace"))
        items = json.loads((report / "report.json").read_text())["items"]
        ran = {one["id"]: float(one.get("seconds") or 0) for one in items if one["status"] in RAN}
        return seconds, ran, [f"{one['id']}: {one['found']}" for one in items if one["status"] in RAN[2:]]


def main() -> int:
    """The shop and its servers once, then the phase in every way."""
    from deploy_gate.commands import demo_command

    with tempfile.TemporaryDirectory() as scratch, demo_command.bench(Path(scratch)) as stands:
        install(stands.shop.path)
        where = stands.stage
        own = {"DATABASE_URL": where.variables["TEST_DATABASE_URL"], "REDIS_URL": where.variables["TEST_REDIS_URL"]}
        gate = Gate(stands.shop.path, {**os.environ, **where.secrets, **own}, Path(scratch))
        return measure(gate)


def measure(gate: Gate) -> int:
    """Cold, then warm in turns with one after the other."""
    cold, _, bad = gate.run(XDG_CACHE_HOME=str(only_packages(gate.folder / "cache")))
    gate.run()  # every environment is there from now on
    before = processor_seconds()
    gate.run()
    busy = processor_seconds() - before
    pairs = [(gate.run(), gate.run("--jobs", "1")) for _ in range(RUNS)]
    warm = statistics.median(together[0] for together, _ in pairs)
    alone = {name: statistics.median(one[1][name] for _, one in pairs) for name in pairs[0][1][1]}
    slowest, total = max(alone, key=lambda name: alone[name]), sum(alone.values())
    print(f"{len(alone)} checks, medians of {RUNS}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    for name in sorted(alone, key=lambda name: -alone[name])[:8]:
        print(f"  {name:<24} {alone[name]:6.2f} s alone")
    print(f"  one after the other      {total:6.2f} s")
    print(f"  the phase, warm          {warm:6.2f} s: {warm / total:.2f} of them (goal {HALF}),")
    print(f"                           {warm / alone[slowest]:.2f} times {slowest} (goal {FIFTH})")
    print(f"  no order gets below      {busy / (os.cpu_count() or 1):6.2f} s: {busy:.1f} s of processor time")
    print(f"  the phase, cold          {cold:6.2f} s")
    for line in bad:
        print(f"  not as it should be: {line}")
    return 0 if warm <= HALF * total and warm <= FIFTH * alone[slowest] and not bad else 1


def processor_seconds() -> float:
    """Of every process that was waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def install(shop: Path) -> None:
    """What the shop needs, as its workflow installs it."""
    from deploy_gate import bootstrap
    from deploy_gate.workbench import act

    python = shop / ".venv" / "bin" / "python"
    lock = shop / "requirements-dev.txt"
    commands: Sequence[Sequence[str | Path]] = (
        [bootstrap.base_python(), "-m", "venv", shop / ".venv"],
        [python, "-m", "pip", "install", "-q", "--require-hashes", "-r", lock],
    )
    env = {**os.environ, **{name: os.environ[name] for name in act.installer_variables()}}
    for command in commands:
        subprocess.run(command, cwd=shop, env=env, check=True)


def only_packages(cache: Path) -> Path:
    """A cache as a job finds it: packages, and no environment."""
    from deploy_gate.bootstrap.place import environments_folder

    shutil.copytree(environments_folder().parent / "wheels", cache / "deploy-gate" / "wheels")
    return cache


if __name__ == "__main__":
    raise SystemExit(main())
