"""Switches under load: `python3 bench/switch.py [COUNT]` (200). On loopback, a real nginx, slots that are processes.

Prints failed requests with the flag (old slot stopped in half of the switches) beside bare reloads in the same run, the
added p99 during a switch, the time to the first answer of the new slot, rollback, the kill of the live slot, and a
dead runner. Exit 1 when a goal is missed: no request failed with the flag, rollback under 1 s, kill under 2 s.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slots.load import Load
    from slots.world import World

ROOT = Path(__file__).resolve().parents[1]
WITHIN = ("--confirm-within", "60")
NEAR = 0.1


def main() -> int:
    """Everything in one run."""
    sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    rows: list[tuple[str, str, str]] = []
    with host() as here:
        failed = with_flag(here, count, rows)
        back = rollbacks(here, max(5, count // 10), rows)
        killed = kills(here, max(3, count // 20), rows)
        healed = dead_runners(here, max(2, count // 40), rows)
    with host(nginx={"mode": "reload"}) as here:
        with_reload(here, count, rows)
    for name, value, goal in rows:
        print(f"{name:58} {value:34} {goal}")
    return 0 if not failed and back < 1 and killed < 2 and healed < 1 else 1


@contextmanager
def host(**changes: object) -> Iterator[World]:
    """A host as the tests have it, with the guard's rhythm of production, and the zipapp as over SSH."""
    from slots.world import world

    from deploy_gate import hostprogram

    place = tempfile.TemporaryDirectory(prefix="slots-bench-")
    with place as folder, world(Path(folder), guard={"interval": 0.5}, **changes) as here:
        hostprogram.write(here.work / "slots.pyz")
        here.program = here.work / "slots.pyz"
        yield here


def with_flag(here: World, count: int, rows: list[tuple[str, str, str]]) -> int:
    """The whole way, over and over: the old slot is stopped in every second round."""
    from slots.load import Load
    from slots.world import NEW, OLD

    moments, inside, whole = [], [], []
    here.good("prepare", NEW)
    with Load(here.front, 2, sockets=0) as load, Load(here.front, 0, sockets=4) as stays:
        for number in range(count):
            release = (NEW, OLD)[number % 2]
            here.good("prepare", release)
            begun = time.monotonic()
            told = here.good("switch", release, *WITHIN)
            whole.append(time.monotonic() - begun)
            moments.append(time.monotonic())
            inside.append(told["seconds_to_move"] + told["first_answer"])
            here.good("confirm", release)
            if number % 4 >= 2:
                stays.over = True  # a WebSocket ends with its slot; until the first stop none may
                here.good("stop")
    total, bad = load.total + stays.total, sum(load.failed.values()) + sum(stays.failed.values())
    stopped = sum(1 for number in range(count) if number % 4 >= 2)
    rows.append((f"flag, {count} switches, old slot stopped in {stopped}", f"{bad} of {total} failed", "goal 0"))
    rows.append(("  first answer of the new slot after the step began", spread(inside), ""))
    rows.append(("  the whole command, process start and proof included", spread(whole), ""))
    rows.append(("  p99 near a switch, and otherwise", tail(load, moments), ""))
    if load.failed or stays.failed:
        print(load.failed, stays.failed, file=sys.stderr)
    return bad


def with_reload(here: World, count: int, rows: list[tuple[str, str, str]]) -> None:
    """Bare: the file is written, `nginx -t`, `nginx -s reload`; both slots stay up."""
    from slots.load import Load
    from slots.world import NEW

    from host.probe import front_look

    here.good("prepare", NEW)
    machine, settings = here.machine, here.settings
    moments, first = [], []
    with Load(here.front, 2, sockets=4) as load:
        for number in range(count):
            slot = ("green", "blue")[number % 2]
            begun = time.monotonic()
            machine.pointer.point(slot)
            while front_look(settings.front, settings.health).slot != slot:
                pass
            first.append(time.monotonic() - begun)
            moments.append(begun)
            time.sleep(0.2)
    bad = sum(load.failed.values())
    rows.append((f"reload, {count} switches, both slots up", f"{bad} of {load.total} failed", "for comparison"))
    rows.append(("  first answer of the new slot after the command", spread(first), ""))
    rows.append(("  p99 near a switch, and otherwise", tail(load, moments), ""))


def rollbacks(here: World, count: int, rows: list[tuple[str, str, str]]) -> float:
    """Decision to verified, by hand, with the program as it is on a server."""
    from slots.world import NEW

    inside, whole = [], []
    for _ in range(count):
        here.reset()
        deploy(here, NEW)
        begun = time.monotonic()
        told = here.good("rollback", "--from", NEW)["seconds"]
        whole.append(time.monotonic() - begun)
        inside.append(told["decide"] + told["restore"])
    rows.append((f"rollback, {count} times: decision to verified", spread(inside), "goal under 1 s"))
    rows.append(("  the whole command, process start included", spread(whole), ""))
    return max(whole)


def kills(here: World, count: int, rows: list[tuple[str, str, str]]) -> float:
    """`kill -9` of the live slot until five good answers in a row; nobody but the guard acts."""
    from slots.world import NEW

    times = []
    for _ in range(count):
        here.reset()
        deploy(here, NEW)
        begun = time.monotonic()
        here.kill_app("green")
        times.append(until_old(here) - begun)
    rows.append((f"kill of the live slot, {count} times: five good answers", spread(times), "goal under 2 s"))
    return max(times)


def dead_runners(here: World, count: int, rows: list[tuple[str, str, str]]) -> float:
    """Nobody confirms: time beyond the limit until five good answers of the old slot."""
    from slots.world import NEW

    times = []
    for _ in range(count):
        here.reset()
        here.good("prepare", NEW)
        here.good("switch", NEW, "--confirm-within", "2")
        begun = time.monotonic()
        times.append(until_old(here) - begun - 2)
    rows.append((f"dead runner, {count} times: beyond confirm-within", spread(times), "goal under 1 s"))
    return max(times)


def deploy(here: World, release: str) -> None:
    """Prepare, switch, confirm."""
    here.good("prepare", release)
    here.good("switch", release, *WITHIN)
    here.good("confirm", release)


def until_old(here: World) -> float:
    """When the fifth answer in a row came from the old release."""
    from slots.world import OLD

    from host.probe import front_look

    row, settings = 0, here.settings
    while row < 5:
        row = 0 if front_look(settings.front, settings.health).trouble("blue", OLD) else row + 1
        time.sleep(0 if row else 0.005)
    return time.monotonic()


def spread(times: list[float]) -> str:
    """Median and most."""
    scale, unit = (1000, "ms") if max(times) < 1 else (1, "s")
    return f"{statistics.median(times) * scale:.1f} {unit}, at most {max(times) * scale:.1f} {unit}"


def tail(load: Load, moments: list[float]) -> str:
    """99th percentile of short requests that began near a switch, and of all others."""
    short = [(begun, took) for kind, begun, took in load.seconds if kind in {"keep-alive", "new"}]
    is_near: Callable[[float], bool] = lambda begun: any(abs(begun - one) < NEAR for one in moments)  # noqa: E731
    near = [took for begun, took in short if is_near(begun)]
    far = [took for begun, took in short if not is_near(begun)]
    return " / ".join(
        f"{statistics.quantiles(one, n=100)[98] * 1000:.1f} ms" if len(one) > 1 else "-" for one in (near, far)
    )


def start() -> int:
    """In the core environment, where the package's own dependencies are."""
    sys.path.insert(0, str(ROOT / "scripts"))
    from deploy_gate import bootstrap

    python = str(bootstrap.python(bootstrap.ensure("core")))
    command = [python, "-I", str(Path(__file__).resolve()), *sys.argv[1:]]
    return subprocess.call(command, env={**os.environ, "SWITCH_BENCH": "1"})


if __name__ == "__main__":
    sys.exit(main() if os.environ.get("SWITCH_BENCH") else start())
