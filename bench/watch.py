"""How well the watch decides: `python3 bench/watch.py [SEED] [WINDOWS]` (a new seed; 200).

The algebra of the bundled checklist's own triggers, look by look, over good quarters of an hour with realistic noise
(the load of each minute, a drift since the baseline, a cold cache, stalls, errors of a well service, looks that fail
once, looks that could not tell) and over bad ones (one fault each, from some moment on). Prints the seed, false alarms,
missed faults, and how long it took from the fault to the decision.

A *false alarm* is a good window that ended with anything but go. *Missed* is a bad window that ended with go or, where
a person was to be asked, with anything but that. Apart from both, *held*: a rollback at once was due and a person was
asked instead; it is not confirmed, and goes back unless somebody says otherwise. Exit 1 unless all three are 0.
"""

from __future__ import annotations

import math
import random
import secrets
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy_gate.checklist.model import Checklist
    from deploy_gate.result import Result
    from deploy_gate.traffic.figures import Figures, Traffic
    from deploy_gate.watch.metrics import Metric

ROOT = Path(__file__).resolve().parents[1]
WINDOW, SLICE = 900, 15
MIX = {"read": (0.7, 40), "write": (0.2, 90), "search": (0.1, 120)}
JOURNEYS = ("auth-smoke", "customer-login", "order")
GITHUB = ("t-vulnerability", "c-complaints")
"""What only GitHub is asked for: it answers, or it could not tell; no fault of the service is seen there."""
LATEST = 400
"""A fault begins at the latest so many seconds after the switch."""
WANTED = {
    "health down": "back",
    "errors 6 %": "back",
    "database lost": "back",
    "orders broken": "back",
    "five times as slow": "back",
    "errors 1 %": "hold",
    "twice as slow": "hold",
    "products broken": "hold",
}


@dataclass
class Service:
    """One quarter of an hour of users, and what is wrong from `since` on."""

    chance: random.Random
    fault: str = ""
    since: float = 0.0
    rate: float = 10.0
    drift: float = 1.0
    errors: float = 0.0
    load: float = 0.0
    now: list[dict[str, Figures]] = field(default_factory=list)
    before: dict[str, Figures] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Twenty minutes of the release before."""
        from deploy_gate.traffic.figures import Figures

        chance = self.chance
        self.rate = math.exp(chance.uniform(math.log(10), math.log(30)))
        self.drift, self.errors = chance.uniform(0.92, 1.08), chance.uniform(0, 0.0003)
        for name, (share, middle) in MIX.items():
            ms: Counter[int] = Counter()
            failed = 0
            for _ in range(20):
                load = math.exp(chance.gauss(0, 0.08))
                for _ in range(round(self.rate * share * 60)):
                    ms[round(middle * load * self.took())] += 1
                    failed += chance.random() < self.errors
            self.before[name] = Figures(sum(ms.values()), failed, ms=ms)

    def took(self) -> float:
        """Of the middle time."""
        return math.exp(self.chance.gauss(0, 0.6)) * (5 if self.chance.random() < 0.005 else 1)

    def ill(self, name: str, at: float) -> bool:
        """Whether that fault is there by now."""
        return self.fault == name and at >= self.since

    def live(self, at: float) -> None:
        """Fifteen seconds more of users."""
        from deploy_gate.traffic.figures import Figures

        self.load = 0.7 * self.load + self.chance.gauss(0, 0.06)
        slow = math.exp(self.load) * self.drift * (1.5 if at < 60 else 1)
        slow *= 5 if self.ill("five times as slow", at) else 2 if self.ill("twice as slow", at) else 1
        share_bad = 0.06 if self.ill("errors 6 %", at) else 0.01 if self.ill("errors 1 %", at) else self.errors
        burst = self.chance.random() < 0.01
        share_bad = max(share_bad, 0.02 if self.chance.random() < 0.005 else 0)
        found = {}
        for name, (share, middle) in MIX.items():
            ms: Counter[int] = Counter()
            failed = 0
            for _ in range(round(self.rate * share * SLICE * self.chance.uniform(0.7, 1.3))):
                ms[round(middle * slow * self.took() * (3 if burst else 1))] += 1
                failed += self.chance.random() < share_bad
            found[name] = Figures(sum(ms.values()), failed, ms=ms)
        self.now.append(found)

    def traffic(self, at: float, last: float) -> Traffic:
        """As the server would count it, of the last so many seconds."""
        from deploy_gate.traffic.figures import Traffic, Window, together

        kept = self.now[-round(last / SLICE) :]
        now = {name: together([one[name] for one in kept]) for name in MIX}
        return Traffic("r", Window("green", min(at, last), now), Window("blue", 1200, self.before))

    def looks(self, at: float) -> Iterator[tuple[str, Result]]:
        """What the checks answer now, by the key of the check."""
        from deploy_gate.engine.child import guarded
        from deploy_gate.traffic.bands import Limits
        from deploy_gate.traffic.judging import Wanted, judge
        from deploy_gate.units import duration

        for name, proves in (("t-errors", "error-band"), ("c-errors", "error-band"), ("t-latency", "latency-band")):
            traffic = self.traffic(at, duration(str(_checklist().triggers[name].with_["since"])))
            yield name, guarded(lambda proves=proves, traffic=traffic: judge(traffic, Wanted(proves, Limits())))  # type: ignore[misc]
        for name in ("t-db", *GITHUB):
            yield name, self.answer(self.ill("database lost", at) and name == "t-db", 0)
        for name in ("t-health", "health"):
            yield name, self.answer(self.ill("health down", at), 0.01)
        for name in (*JOURNEYS, "products"):
            ill = self.ill("products broken" if name == "products" else "orders broken", at)
            yield name, self.answer(ill and name in ("order", "products"), 0.005)

    def answer(self, ill: bool, once: float) -> Result:
        """Of a check that fails once in a while, or could not tell."""
        from deploy_gate.result import error, failed, passed

        if self.chance.random() < 0.01:
            return error("no answer", "look")
        return failed("ill", "mend") if ill or self.chance.random() < once else passed("well")


def main() -> int:
    """Everything in one run."""
    sys.path.insert(0, str(ROOT / "scripts"))
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else secrets.randbelow(10**6)
    windows = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    print(f"seed {seed}; {windows} windows of {WINDOW} s each")
    chance = random.Random(seed)
    begun = time.process_time()
    false = Counter(told for told, _ in (watch(Service(chance)) for _ in range(windows)) if told != "go")
    print(f"false alarms in {windows} good windows: {sum(false.values())} {dict(false) or ''}")
    missed: Counter[str] = Counter()
    held: Counter[str] = Counter()
    after: dict[str, list[float]] = defaultdict(list)
    for number in range(windows):
        fault = list(WANTED)[number % len(WANTED)]
        since = chance.uniform(0, LATEST)
        told, at = watch(Service(chance, fault, since))
        if told.split(":")[0] == WANTED[fault]:
            after[fault].append(at - since)
        elif told.startswith(("hold", "could-not-tell")) and WANTED[fault] == "back":
            held[f"{fault} -> {told}"] += 1
        else:
            missed[f"{fault} -> {told}"] += 1
    print(f"missed faults in {windows} bad windows: {sum(missed.values())} {dict(missed) or ''}")
    print(f"held where a rollback at once was due: {sum(held.values())} {dict(held) or ''}")
    for name, seconds in after.items():
        listed = f"middle {statistics.median(seconds):.0f} s, most {max(seconds):.0f} s"
        print(f"  {name:<22}{WANTED[name]:<6}{listed} from the fault to the decision ({len(seconds)} windows)")
    print(f"{time.process_time() - begun:.0f} s of processor time")
    return 1 if false or missed or held else 0


def watch(service: Service) -> tuple[str, float]:
    """One window: what was decided by whom, and when; `go` at the end."""
    from deploy_gate.watch import decision, metrics
    from deploy_gate.watch.loop import GRACE

    watched = lines()
    due = {one.id: one.rule.delay for one in watched}
    held = ("", 0.0)
    for at in range(SLICE, round(WINDOW + GRACE) + 1, SLICE):
        if at > WINDOW and not decision.in_doubt(metrics.seen(watched)):
            break
        service.live(at - SLICE)
        answers = dict(service.looks(at))
        for one in watched:
            # The clock of this model ticks in steps of fifteen seconds: what is due more often is asked once in each.
            if one.probe and due[one.id] <= at:
                due[one.id] = max(due[one.id] + one.rule.every, at)
                metrics.take([one], one.probe, answers[one.probe], at)
        decided = decision.decide(metrics.seen(watched))
        if decided.by is not None and decided.act == "back":
            return f"back: {decided.by.metric.id}: {decided.by.why}", at
        if decided.by is not None and not held[0]:
            held = (f"hold: {decided.by.metric.id}: {decided.by.why}", at)
    end = decision.verdict(metrics.seen(watched, over=True))
    return held if held[0] else (str(end.word) if end.word == "go" else f"{end.word}: {end.by}: {end.why}", WINDOW)


def lines() -> list[Metric]:
    """The bundled checklist's triggers and the lines they go by."""
    from deploy_gate.watch.metrics import Metric, Role
    from deploy_gate.watch.rule import Rule

    known = _checklist()
    shared = {"c-latency": "t-latency"}
    found = []
    for name, trigger in known.triggers.items():
        if not trigger.planned:
            of = tuple(one for one in trigger.of if one in (*JOURNEYS, "products"))
            probe = "" if of else shared.get(name, name)
            role = Role(trigger.band)
            found.append(Metric(name, name, role, Rule.of(trigger.watch), probe, of, trigger.witness or ""))
    for name in ("health", *JOURNEYS, "products"):
        item = known.items[name]
        if item.watch is None:
            raise AssertionError(name)
        found.append(Metric(name, name, Role.CONSIDER, Rule.of(item.watch), name))
    return found


@cache
def _checklist() -> Checklist:
    from deploy_gate.checklist import loading

    return loading.load(None).checklist


if __name__ == "__main__":
    sys.exit(main())
