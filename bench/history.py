"""The history scan beside the bare scanner: `python3 bench/history.py [COMMITS]` (10,000 when not given).

Makes a repository by `git fast-import`: source files that grow and change, on a main line and on branches that are
merged back, with some secrets. Prints the scanner alone with the same rules, the check over everything, and the check
again after 50 more commits. Exit 1 when a goal is missed: within 1.1 times the bare scanner, and 2 s the second time.
"""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
RUNS = 3
GOAL, AGAIN = 1.1, 2.0
FILES, MORE = 400, 50
WORDS = ("order", "customer", "total", "price", "stock", "branch", "invoice", "amount", "select", "update", "session")


def main() -> int:
    """Build once, measure alternately."""
    from deploy_gate.facts import kingfisher, secret_rules

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    scanner = kingfisher.program()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        shop = folder / "shop"
        stream = history(random.Random(7))
        grow(shop, stream, count)
        rules = folder / "rules.yml"
        rules.write_text(secret_rules.as_file())
        bare: list[str | Path] = [scanner, "scan", shop / ".git", "--rules-path", rules, "--no-validate"]
        bare += ["--no-update-check", "--redact", "--no-dedup", "--no-ignore", "--format=json", "--quiet"]
        check: list[str | Path] = [sys.executable, ROOT / "scripts", "check", "secrets-in-history"]
        for argv in (bare, check):
            spent(argv, shop)  # compiled rules and the environment are there from now on
        alone, whole = both(lambda: spent(bare, shop), lambda: spent(check, shop))
        again = []
        for run in range(RUNS):
            cache = folder / f"seen-{run}.json"
            cached = [*check, "--cache", cache]
            spent(cached, shop)
            grow(shop, stream, MORE)
            again.append(spent(cached, shop))
    second = Spent(min(one.wall for one in again), min(one.work for one in again))
    print(f"{count} commits, best of {RUNS}; processor time tells more where others use the machine, too")
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


def grow(shop: Path, stream: Iterator[bytes], count: int) -> None:
    """So many commits more."""
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    if not shop.exists():
        subprocess.run(["git", "init", "-q", "-b", "main", shop], check=True, env=env)
    marks = [f"--import-marks-if-exists={shop}.marks", f"--export-marks={shop}.marks"]
    data = b"".join(next(stream) for _ in range(count))
    subprocess.run(["git", "fast-import", "--quiet", "--force", *marks], cwd=shop, check=True, input=data, env=env)


def history(dice: random.Random) -> Iterator[bytes]:
    """Commits as fast-import reads them, for ever: every tenth on a side branch that the next one merges."""
    files = {f"app/module_{number}.py": [line(dice) for _ in range(60)] for number in range(FILES)}
    names = list(files)
    number, trunk, merging = 0, 0, False
    while True:
        number += 1
        side = number % 10 == 0
        name = dice.choice(names)
        rows = files[name]
        rows[dice.randrange(len(rows))] = line(dice)
        rows.append(line(dice))
        secret = f"TOKEN = '{7182730000 + number}:AA{token(dice)}'\n" if number % 997 == 0 else ""
        content = (secret + "".join(rows[-200:])).encode()
        ref = "refs/heads/side" if side else "refs/heads/main"
        # Both grow from the main line's end.
        parents = f"from :{trunk}\n" if trunk else ""
        merge = f"merge :{number - 1}\n" if merging else ""
        message = f"change {number} of {name}"
        yield (
            f"commit {ref}\nmark :{number}\ncommitter Ada <ada@shop.example> {1700000000 + number} +0000\n"
            f"data {len(message)}\n{message}\n{parents}{merge}M 100644 inline {name}\ndata {len(content)}\n".encode()
            + content
            + b"\n"
        )
        merging, trunk = side, trunk if side else number


def line(dice: random.Random) -> str:
    """Something like code."""
    return f"    {dice.choice(WORDS)}_{dice.randrange(1000)} = {dice.choice(WORDS)}({dice.randrange(10**6)})\n"


def token(dice: random.Random) -> str:
    """33 signs as a bot's token has them."""
    return "".join(dice.choice("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghkmnpqrstuvwxyz2345679") for _ in range(33))


if __name__ == "__main__":
    raise SystemExit(main())
