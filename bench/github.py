"""What one phase of the gate costs GitHub: `python3 bench/github.py`. Goal: at most 12 requests, all conditional again.

A shop that is ready to be deployed (tests/github_shop.py), on a server of our own that holds every request and answer
against GitHub's document. Its nine lines that ask GitHub, or a person on it, are run as a job would, twice.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

from deploy_gate import bootstrap  # noqa: E402 - found by the line above

if __name__ == "__main__" and Path(sys.prefix).resolve() != bootstrap.ensure("dev").resolve():
    python = bootstrap.python(bootstrap.ensure("dev"))
    sys.exit(subprocess.call([python, __file__, *sys.argv[1:]]))

import github_server  # noqa: E402 - only there in the environment that was just entered
import github_shop  # noqa: E402
from support import Repository  # noqa: E402

GOAL = 12


def main() -> int:
    """Build the shop, run the phase twice, print what was asked."""
    with github_server.running() as github, tempfile.TemporaryDirectory() as scratch:
        folder, temporary = Path(scratch, "shop"), Path(scratch, "temp")
        folder.mkdir()
        temporary.mkdir()
        github_shop.build(github, Repository(folder))
        given = {"GITHUB_API_URL": github.url, "GITHUB_TOKEN": github_server.TOKEN, "RUNNER_TEMP": str(temporary)}
        given |= {
            "GITHUB_REPOSITORY": github_server.NAME,
            "GITHUB_RUN_ID": str(github_shop.RUN),
            "no_proxy": "127.0.0.1",
        }
        firsts = [_run(github, folder, {**os.environ, **given}, name) for name in ("first run", "again")]
    good = firsts[0][200] <= GOAL and sum(firsts[0].values()) <= GOAL and firsts[1][200] == 0
    print(f"goal: at most {GOAL} requests, none of them whole the second time: {'met' if good else 'missed'}")
    return 0 if good else 1


def _run(github: github_server.GitHub, folder: Path, env: dict[str, str], name: str) -> Counter[int]:
    before, asked = len(github.statuses), len(github.asked)
    words = [sys.executable, str(ROOT / "scripts"), "gate", "--phase", "pre-deploy", "--environment", "production"]
    started = time.perf_counter()
    words += ["--only", *github_shop.ITEMS]
    done = subprocess.run(words, check=False, cwd=folder, env=env, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    counts = Counter(github.statuses[before:])
    told = ", ".join(f"{number} × {status}" for status, number in sorted(counts.items()))
    print(f"{name}: {sum(counts.values())} requests ({told}), exit code {done.returncode}, {seconds:.1f} s")
    for path in github.asked[asked:] if name == "first run" else ():
        print(f"  {path}")
    return counts


if __name__ == "__main__":
    sys.exit(main())
