"""How well traffic is judged, and how quickly counted: `python3 bench/traffic.py [SEED] [WINDOWS]` (a new seed; 200).

One million lines of an access log, counted by the host program. Good windows with realistic noise (the load of each
minute, a drift since the baseline, a cold cache, rare stalls, errors of a well service) and bad ones (one fault each):
false alarms and missed faults. What the sampler costs. Exit 1 when a goal is missed: no false alarm, no fault missed.
"""

from __future__ import annotations

import json
import math
import random
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy_gate.traffic.figures import Figures, Traffic

ROOT = Path(__file__).resolve().parents[1]
# Class: its share of the requests, the middle of their times in ms.
MIX = {"read": (0.7, 40), "write": (0.2, 90), "search": (0.1, 120)}
Fault = Callable[["Traffic"], "Traffic"]


def main() -> int:
    """Everything in one run."""
    sys.path.insert(0, str(ROOT / "scripts"))
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else secrets.randbelow(10**6)
    windows = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    print(f"seed {seed}")
    seconds, size = million()
    print(f"1,000,000 lines ({size / 1e6:.0f} MB) counted in {seconds:.1f} s of processor time")
    chance = random.Random(seed)
    false = alarms(chance, windows)
    missed = misses(chance, windows)
    print(f"false alarms in {windows} good windows: {sum(false.values())} {dict(false) or ''}")
    print(f"missed faults in {windows} bad windows: {sum(missed.values())} {dict(missed) or ''}")
    for number in (5_000, 10_000, 20_000, 40_000):
        print(
            f"  errors of 0.2 % by chance, {number} requests: seen in {seen_by_chance(chance, number):.0%} of windows"
        )
    print(f"one sample of the guard: {sample() * 1000:.2f} ms of processor time")
    return 1 if false or missed else 0


def million() -> tuple[float, int]:
    """Seconds of processor time, and bytes."""
    from host.accesslog import Reading
    from host.tally import Classes, Markers, Tally, Window

    chance = random.Random(1)
    with tempfile.TemporaryDirectory(prefix="traffic-bench-") as folder:
        path = Path(folder) / "access.log"
        with path.open("w") as stream:
            stream.writelines(_line(chance, number) for number in range(1_000_000))
        begun = time.process_time()
        window = Window(0, 2e9, ["blue"])
        classes = Classes([r"search=/search(/|$)", "ignore=^/events/"], "/health")
        tally, reading = Tally([window], classes, Markers(["0" * 64]), ["blue"]), Reading(path, 0)
        for batch in reading.batches():
            tally.take(batch)
        if sum(cell.requests for cell in window.cells["blue"].values()) != 1_000_000:
            raise AssertionError
        return time.process_time() - begun, path.stat().st_size


def _line(chance: random.Random, number: int) -> str:
    took = chance.lognormvariate(-3, 1)
    told = f'"status":"200","request_time":"{took:.3f}","method":"GET","uri":"/orders/{chance.randrange(10_000)}"'
    return f'{{"time":"{1.7e9 + number / 300:.3f}",{told},"slot":"blue","release":"","marker":""}}\n'


def alarms(chance: random.Random, windows: int) -> Counter[str]:
    """Bands of good windows that would have held or taken back a release."""
    from deploy_gate.traffic import bands

    found: Counter[str] = Counter()
    for _ in range(windows):
        traffic = good(chance)
        for name, judged in (("errors", bands.errors(traffic)), ("slower", bands.slower(traffic))):
            if judged.band in {"consider", "immediate", "inconclusive"}:
                found[f"{name} {judged.band}: {judged.why}"] += 1
    return found


def misses(chance: random.Random, windows: int) -> Counter[str]:
    """Faults that were not put into their band."""
    from deploy_gate.traffic import bands

    faults: dict[str, tuple[Fault, Callable[[Traffic], bands.Judged], set[str]]] = {
        "errors 0.2 %": (failing(500), bands.errors, {"consider"}),
        "errors 6 %": (failing(16), bands.errors, {"immediate"}),
        "twice as slow": (slowed(2.0), bands.slower, {"consider"}),
        "searches twice as slow": (slowed(2.0, "search"), bands.slower, {"consider"}),
        "five times as slow": (slowed(5.0), bands.slower, {"immediate"}),
        "one of eight six times as slow": (stalled(6.0), bands.slower, {"consider", "immediate"}),
    }
    found: Counter[str] = Counter()
    names = list(faults)
    for number in range(windows):
        name = names[number % len(names)]
        fault, look, wanted = faults[name]
        least = 10_000 if name == "errors 0.2 %" else 2000
        judged = look(fault(good(chance, least)))
        if judged.band not in wanted:
            found[f"{name} -> {judged.band}: {judged.why}"] += 1
    return found


def good(chance: random.Random, least: int = 2000) -> Traffic:
    """A release like the one before: a window, and four times as many requests before the switch."""
    from deploy_gate.traffic.figures import Traffic, Window

    number = round(math.exp(chance.uniform(math.log(least), math.log(10 * least))))
    drift = chance.uniform(0.92, 1.08)
    base = chance.uniform(0.0, 0.0003)
    now = {name: _figures(chance, name, number, drift, base, cold=True) for name in MIX}
    before = {name: _figures(chance, name, 4 * number, 1.0, base) for name in MIX}
    return Traffic("r", Window("green", 900, now), Window("blue", 3600, before))


def _figures(
    chance: random.Random, name: str, number: int, drift: float, base: float, *, cold: bool = False
) -> Figures:
    from deploy_gate.traffic.figures import Figures

    share, middle = MIX[name]
    requests = round(number * share)
    minutes = 15 if cold else 60
    load, loads = 0.0, []
    for _ in range(minutes):
        load = 0.7 * load + chance.gauss(0, 0.06)
        loads.append(math.exp(load))
    if cold:
        loads[0] *= 1.5
    ms: Counter[int] = Counter()
    for place in range(requests):
        took = middle * drift * loads[place * minutes // requests] * math.exp(chance.gauss(0, 0.6))
        ms[round(took * (5 if chance.random() < 0.005 else 1))] += 1
    return Figures(requests, sum(chance.random() < base for _ in range(requests)), ms=ms)


def failing(every: int) -> Fault:
    """Each so manieth request fails, as a fault switch does it."""

    def fault(traffic: Traffic) -> Traffic:
        classes = {
            name: replace(one, errors=one.errors + math.ceil(one.requests / every))
            for name, one in traffic.window.classes.items()
        }
        return replace(traffic, window=replace(traffic.window, classes=classes))

    return fault


def slowed(times: float, only: str = "") -> Fault:
    """Every request takes so many times as long."""
    return _changed(lambda ms: {round(key * times): count for key, count in ms.items()}, only)


def stalled(times: float) -> Fault:
    """One request of eight does."""

    def change(ms: dict[int, int]) -> dict[int, int]:
        found: Counter[int] = Counter()
        place = 0
        for key, count in ms.items():
            slow = (place + count) // 8 - place // 8
            place += count
            found[key] += count - slow
            found[round(key * times)] += slow
        return found

    return _changed(change, "")


def _changed(change: Callable[[dict[int, int]], dict[int, int]], only: str) -> Fault:
    def fault(traffic: Traffic) -> Traffic:
        classes = {
            name: replace(one, ms=change(dict(one.ms))) if only in ("", name) else one
            for name, one in traffic.window.classes.items()
        }
        return replace(traffic, window=replace(traffic.window, classes=classes))

    return fault


def seen_by_chance(chance: random.Random, number: int) -> float:
    """How often a fault that meets one request of 500 by chance is put into its band."""
    from deploy_gate.traffic import bands
    from deploy_gate.traffic.figures import Figures, Traffic, Window

    hits = 0
    for _ in range(100):
        errors = sum(chance.random() < 0.002 for _ in range(number))
        window = Window("green", 900, {"read": Figures(number, errors)})
        hits += bands.errors(Traffic("r", window)).band == "consider"
    return hits / 100


def sample() -> float:
    """Seconds of processor time for one sample, but the two looks: counters, and a hundred lines of the log."""
    from host.clock import Clock
    from host.follow import Follow
    from host.sampler import counted, keep
    from host.vitals import between, counters, memory

    with tempfile.TemporaryDirectory(prefix="traffic-bench-") as folder:
        log, chance = Path(folder) / "access.log", random.Random(1)
        log.touch()
        follow, clock = Follow(log), Clock()
        follow.records()
        spent, before = 0.0, counters(clock)
        for _ in range(200):
            with log.open("a") as stream:
                stream.writelines(_line(chance, number) for number in range(100))
            begun = time.process_time()
            now = counters(clock)
            told = {**between(before, now), "memory": memory(), **counted(follow.records(), "/health")}
            keep(Path(folder), json.loads(json.dumps(told)))
            spent, before = spent + time.process_time() - begun, now
        follow.close()
        return spent / 200


if __name__ == "__main__":
    sys.exit(main())
