"""The watch without servers: what looks say together, what follows, who is due, and how it is told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from support import ROOT, Actions, Repository

from deploy_gate.catalog import Catalog
from deploy_gate.checklist import loading
from deploy_gate.checklist.model import Phase
from deploy_gate.engine import plan
from deploy_gate.engine.executor import Job
from deploy_gate.engine.verdict import Word
from deploy_gate.facts import marker, site
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Result, Status, error, failed, passed
from deploy_gate.rollout.back import Back
from deploy_gate.rollout.servers import Login
from deploy_gate.watch import binding, chart, decision, lookback, making, metrics, record, summary
from deploy_gate.watch.binding import Watched
from deploy_gate.watch.decision import Act
from deploy_gate.watch.hostlook import HOST
from deploy_gate.watch.loop import GRACE, Loop
from deploy_gate.watch.metrics import Metric, Role, Seen
from deploy_gate.watch.rule import Kind, Look, Rule, State, Track
from deploy_gate.watch.schedule import Probe, Schedule
from deploy_gate.watch.timeline import Moment, Times

KINDS = {"g": Kind.GOOD, "b": Kind.BAD, "?": Kind.NONE}


def track(looks: str) -> Track:
    found = Track()
    for at, sign in enumerate(looks):
        found.add(Look(at, KINDS[sign], f"look {at}"))
    return found


@pytest.mark.parametrize(
    ("looks", "rule", "during", "at_the_end"),
    [
        ("", Rule(), State.INCONCLUSIVE, State.INCONCLUSIVE),
        ("g", Rule(), State.FINE, State.FINE),
        ("ggb", Rule(), State.INCONCLUSIVE, State.INCONCLUSIVE),
        ("ggbb", Rule(), State.INCONCLUSIVE, State.INCONCLUSIVE),
        ("ggbbb", Rule(), State.FAILING, State.FAILING),
        ("bbgbb", Rule(), State.INCONCLUSIVE, State.INCONCLUSIVE),
        ("bbbg", Rule(), State.FINE, State.FINE),
        ("b", Rule(failure_limit=1), State.FAILING, State.FAILING),
        # A look that could not tell neither counts as bad nor makes well.
        ("b?b?b", Rule(), State.FAILING, State.FAILING),
        ("b?b", Rule(), State.INCONCLUSIVE, State.INCONCLUSIVE),
        ("g????", Rule(), State.FINE, State.FINE),
        ("g?????", Rule(), State.NO_DATA, State.NO_DATA),
        ("?????g", Rule(), State.FINE, State.FINE),
        ("??", Rule(), State.INCONCLUSIVE, State.NO_DATA),
        ("??", Rule(on_no_data="pass"), State.INCONCLUSIVE, State.FINE),
        ("??", Rule(on_no_data="fail"), State.INCONCLUSIVE, State.FAILING),
        ("g?????", Rule(on_no_data="fail"), State.FAILING, State.FAILING),
        ("g?????", Rule(on_no_data="pass"), State.FINE, State.FINE),
        ("gg", Rule(min_looks=3), State.INCONCLUSIVE, State.INCONCLUSIVE),
        ("ggg", Rule(min_looks=3), State.FINE, State.FINE),
    ],
)
def test_what_looks_say_together(looks: str, rule: Rule, during: State, at_the_end: State) -> None:
    assert (track(looks).state(rule), track(looks).state(rule, over=True)) == (during, at_the_end)


def test_since_when_it_is_bad() -> None:
    assert track("gbgb?b").bad_since == 3


BANDED = failed("band consider: p95", "decide", evidence=[{"band": "consider"}, {"class": "read", "band": "critical"}])
OURS = failed("read is critical", "see", evidence=[{"class": "read", "band": "critical"}])


@pytest.mark.parametrize(
    ("result", "role", "expected"),
    [
        (passed("well"), Role.IMMEDIATE, Kind.GOOD),
        (error("refused", "x"), Role.IMMEDIATE, Kind.NONE),
        (failed("no", "x"), Role.IMMEDIATE, Kind.BAD),
        (BANDED, Role.IMMEDIATE, Kind.GOOD),
        (BANDED, Role.CONSIDER, Kind.BAD),
        (OURS, Role.IMMEDIATE, Kind.BAD),
    ],
)
def test_a_band_below_the_triggers_own_is_not_its_fault(result: Result, role: Role, expected: Kind) -> None:
    assert metrics.kind(result, role) is expected


def metric(name: str, looks: str = "g", role: Role = Role.CONSIDER, **more: Any) -> Metric:
    return Metric(name, name.upper(), role, Rule(failure_limit=2), track=track(looks), **more)


def states(*found: Metric) -> dict[str, State]:
    return {one.metric.id: one.state for one in metrics.seen(found, over=True)}


@pytest.mark.parametrize(
    ("order", "log_in", "expected"),
    [
        ("g", "g", State.FINE),
        ("bb", "g", State.FAILING),
        ("g", "??", State.NO_DATA),
        ("bb", "??", State.FAILING),
        ("b", "g", State.INCONCLUSIVE),
    ],
)
def test_a_trigger_goes_by_its_lines(order: str, log_in: str, expected: State) -> None:
    critical = Metric("t-critical", "T", Role.IMMEDIATE, of=("order", "log-in"))
    assert states(critical, metric("order", order), metric("log-in", log_in))["t-critical"] is expected


@pytest.mark.parametrize(
    ("slot", "front", "expected"),
    [
        ("bb", "bb", State.FAILING),
        ("bb", "?????", State.FAILING),  # nobody answers there any more
        ("bb", "g", State.INCONCLUSIVE),
        ("bb", "b", State.INCONCLUSIVE),
        ("g", "bb", State.FINE),
    ],
)
def test_what_one_side_alone_sees_decides_nothing(slot: str, front: str, expected: State) -> None:
    health = metric("t-health", slot, Role.IMMEDIATE, witness="health")
    assert states(health, metric("health", front))["t-health"] is expected
    assert states(metric("t-health", "bb", Role.IMMEDIATE, witness="gone"))["t-health"] is State.INCONCLUSIVE


@pytest.mark.parametrize(
    ("found", "act", "word", "by"),
    [
        ([metric("a"), metric("b")], Act.NOTHING, Word.GO, ""),
        ([metric("a", "bb"), metric("t", "bb", Role.IMMEDIATE)], Act.BACK, Word.NO_GO, "t"),
        ([metric("a", "bb"), metric("t", "b", Role.IMMEDIATE)], Act.HOLD, Word.COULD_NOT_TELL, "a"),
        ([metric("a"), metric("t", "??", Role.IMMEDIATE)], Act.NOTHING, Word.COULD_NOT_TELL, "t"),
        ([metric("a"), metric("third", "bb", Role.ASIDE)], Act.NOTHING, Word.GO, ""),
        ([metric("third", "g", Role.ASIDE)], Act.NOTHING, Word.COULD_NOT_TELL, ""),
        ([metric("a", ""), metric("b", "", unset="not set up: host")], Act.NOTHING, Word.COULD_NOT_TELL, ""),
        ([metric("a"), metric("b", "", unset="not set up: host")], Act.NOTHING, Word.COULD_NOT_TELL, "b"),
    ],
)
def test_what_follows(found: list[Metric], act: Act, word: Word, by: str) -> None:
    assert decision.decide(metrics.seen(found)).act is act
    verdict = decision.verdict(metrics.seen(found, over=True))
    assert (verdict.word, verdict.by) == (word, by)


def job(key: str) -> Job:
    return Job(key, lambda: passed("well"), 5, {})


def test_nobody_runs_beside_himself_and_nobody_catches_up() -> None:
    schedule = Schedule([Probe(job("quick"), 10), Probe(job("slow"), 10), Probe(job("late"), 10, next=5)])

    def due(now: float) -> list[str]:
        return [one.key for one in schedule.due(now)]

    assert due(0) == ["quick", "slow"]
    assert due(0) == []
    assert not schedule.all_looked
    schedule.ended("quick")
    assert due(9) == ["late"]
    assert due(10) == ["quick"]
    assert due(31) == []
    schedule.ended("slow")
    schedule.ended("late")
    assert due(31) == ["slow", "late"]
    schedule.ended("slow")
    assert due(32) == []
    assert [one.key for one in schedule.due(100, again=False)] == []


# --- the loop, with a clock of its own and hands that only write down


@dataclass
class Hands:
    said: list[str] = field(default_factory=list)

    def back(self, why: str, since: float) -> Back:
        self.said.append(f"back after {since:g}: {why}")
        return Back([])

    def hold(self, why: str) -> str:
        self.said.append(f"hold: {why}")
        return ""

    def tell(self, stage: str, text: str) -> str:
        self.said.append(f"{stage}: {text}")
        return ""


@dataclass
class Played:
    """A watch whose checks answer by a script, one sign for each look; the last sign stays."""

    script: dict[str, str]
    found: list[Metric]
    window: float = 60
    every: float = 10
    now: float = 0
    hands: Hands = field(default_factory=Hands)

    def run(self) -> Loop:
        probes = [Probe(job(name), self.every) for name in self.script]
        loop = Loop(Watched(self.found, probes), self.window, self.hands, clock=lambda: self.now)
        given = dict.fromkeys(self.script, 0)
        while (jobs := loop.feed()) is not None:
            for one in jobs:
                signs = self.script[one.key]
                sign = signs[min(given[one.key], len(signs) - 1)]
                given[one.key] += 1
                answer = {"g": passed("well"), "b": failed("ill", "mend"), "?": error("refused", "ask")}[sign]
                loop.hear(one.key, answer)
            self.now += 1
            assert self.now < 1000
        loop.last_word()
        return loop


def fresh(name: str, role: Role, **more: Any) -> Metric:
    return Metric(name, name, role, Rule(failure_limit=2), probe=name, **more)


def test_an_immediate_trigger_is_acted_on_at_once_and_told_afterwards() -> None:
    played = Played({"t": "ggb"}, [fresh("t", Role.IMMEDIATE)])
    loop = played.run()
    assert played.hands.said[0] == "back after 11: t: ill (2 times in a row)"
    assert played.hands.said[1:] == ["rolled-back: t: ill (2 times in a row); "]
    # Well at 10, seen at 20, decided at 31 (a second look at 30, judged a second later); its clock stood still meanwhile.
    assert (loop.times.detect, loop.times.decide, loop.times.restore) == (10, 11, 0)
    assert [one.what for one in loop.timeline.moments] == ["seen", "seen", "decided", "done"]
    assert played.now < 60


def test_one_to_consider_holds_once_and_worse_may_follow() -> None:
    played = Played({"c": "bb", "t": "gggbb"}, [fresh("c", Role.CONSIDER), fresh("t", Role.IMMEDIATE)])
    loop = played.run()
    assert [one for one in played.hands.said if one.startswith("hold")] == ["hold: c: ill (2 times in a row)"]
    assert loop.held == "c"
    assert loop.back is not None
    # Of what was done last.
    assert (loop.times.detect, loop.times.decide, loop.times.restore) == (10, 11, 0)


def test_a_probe_that_is_broken_rolls_nothing_back() -> None:
    played = Played({"t": "?", "a": "g"}, [fresh("t", Role.IMMEDIATE), fresh("a", Role.CONSIDER)])
    loop = played.run()
    assert (loop.back, loop.held) == (None, "")
    verdict = decision.verdict(loop.seen(over=True))
    assert (verdict.word, verdict.by) == (Word.COULD_NOT_TELL, "t")
    assert played.hands.said == ["running: t is no data: refused"]


def test_a_bad_look_at_the_very_end_is_looked_at_again() -> None:
    played = Played({"a": "gggggbg"}, [fresh("a", Role.CONSIDER)])
    loop = played.run()
    assert 60 < played.now < 60 + GRACE
    assert decision.verdict(loop.seen(over=True)).word is Word.GO
    played = Played({"a": "gggggb?"}, [fresh("a", Role.CONSIDER)])
    assert decision.verdict(played.run().seen(over=True)).word is Word.COULD_NOT_TELL
    assert played.now < 60 + GRACE + 10


def test_a_look_that_is_always_under_way_does_not_prolong_it() -> None:
    now = 0.0
    loop = Loop(
        Watched([fresh("a", Role.CONSIDER)], [Probe(job(name), 1) for name in "ab"]), 60, Hands(), clock=lambda: now
    )
    begun: dict[str, float] = {}
    # Each takes two seconds, and they take turns.
    while (jobs := loop.feed()) is not None:
        begun |= {one.key: now if now or one.key == "a" else 1.0 for one in jobs}
        now += 1
        for key in [key for key, at in begun.items() if now >= at + 2]:
            del begun[key]
            loop.hear(key, passed("well"))
        assert now < 70


def test_what_one_side_sees_does_not_prolong_it() -> None:
    found = [fresh("t", Role.IMMEDIATE, witness="health"), fresh("health", Role.CONSIDER)]
    played = Played({"t": "b", "health": "g"}, found)
    loop = played.run()
    assert played.now < 70
    verdict = decision.verdict(loop.seen(over=True))
    assert (verdict.word, verdict.by, loop.back, loop.held) == (Word.COULD_NOT_TELL, "t", None, "")


def test_somebody_else_took_it_out() -> None:
    gone = failed("gone", "see", evidence=[{"gone": "rolled back by guard"}])
    loop = Loop(Watched([fresh(HOST, Role.ASIDE)], [Probe(job(HOST), 10)]), 60, Hands(), clock=lambda: 1.0)
    assert [one.key for one in loop.feed() or ()] == [HOST]
    loop.hear(HOST, gone)
    assert loop.feed() is None
    assert loop.standing.gone == "rolled back by guard"


def test_alerts_are_told_once() -> None:
    hands = Hands()
    loop = Loop(Watched(), 60, hands)
    for _ in range(3):
        loop.look_at_host(passed("live", evidence=[{"alert": "disk"}, {"alert": "disk"}, {"phase": "confirm"}]))
    assert hands.said == ["running: disk"]
    assert loop.standing.phase == "confirm"


def test_a_timer_that_is_shorter_than_the_watch_is_told_once() -> None:
    hands = Hands()
    loop = Loop(Watched(), 900, hands, clock=lambda: 0.0)
    for left in (1200.0, 300.0, 290.0):
        loop.look_at_host(passed("live", evidence=[{"phase": "confirm", "left": left}]))
    assert hands.said == [
        "running: a server goes back by itself in 5 min, before this watch ends: raise `confirm-within`"
    ]


# --- from the file


HEAD = """\
version: 1
sections: {q: {part: P, title: T}}
environments: {production: {url: "https://shop.example"}}
items:
  order: {section: q, title: O, check: plain, phases: [verify], watch: {every: 1m, failure-limit: 2}}
  third: {section: q, title: O, check: same, phases: [verify], severity: warn, watch: {}}
  cpu: {section: q, title: C, check: plain, phases: [monitor], watch: {}, with: {text: c}}
  known: {section: q, title: K, check: plain, phases: [verify], watch: {}, with: {text: k}, waived: {why: w, by: a, until: 2999-01-01}}
  once: {section: q, title: R, check: plain, phases: [verify]}
  off: {section: q, title: R, check: plain, phases: [verify], not-applicable: "no such", watch: {}}
triggers:
"""


@pytest.fixture
def made(repository: Repository, actions: Actions) -> Actions:
    repository.commit()
    inputs = "{text: {description: t, default: d}}"
    for name in ("plain", "same"):
        actions.add(name, "return passed(text)", inputs, "text: str")
    return actions


def bound(made: Actions, triggers: str, phase: str = "verify") -> Watched:
    Path("checklist.yml").write_text(HEAD + triggers)
    source = loading.load(Path("checklist.yml"))
    plans = [
        plan.make(source, made.catalog, phase=one, environment="production") for one in (Phase.VERIFY, Phase.MONITOR)
    ]
    return binding.bind(source.checklist, plans, phase, lambda entry: job(entry.id))


def test_what_is_watched(made: Actions) -> None:
    triggers = """\
  t-critical: {title: T, rule: r, band: immediate, check: plain, of: [order, off]}
  t-own: {title: T, rule: r, band: immediate, check: plain, with: {text: own}, watch: {every: 15s}, witness: order}
  c-own: {title: T, rule: r, band: consider, check: plain, with: {text: own}, watch: {every: 5s}}
  c-none: {title: T, rule: r, band: consider, check: plain, of: [off]}
  c-late: {title: T, rule: r, band: consider, check: later, planned: true}
  c-set-up: {title: T, rule: r, band: consider, check: plain, needs: [host]}
"""
    found = bound(made, triggers)
    assert {(one.id, one.role, one.probe, one.of) for one in found.metrics} == {
        ("t-critical", Role.IMMEDIATE, "", ("order",)),
        ("t-own", Role.IMMEDIATE, "t-own", ()),
        ("c-own", Role.CONSIDER, "t-own", ()),
        ("c-set-up", Role.CONSIDER, "", ()),
        ("order", Role.CONSIDER, "order", ()),
        ("third", Role.ASIDE, "third", ()),
        ("known", Role.ASIDE, "known", ()),
    }
    # The same check with the same inputs runs once, as often as the most eager wants it.
    assert {one.key: one.every for one in found.probes} == {"t-own": 5, "order": 60, "third": 30, "known": 30}
    assert [one.partition(":")[0] for one in found.left_out] == ["c-none", "c-late", "off"]
    [unset] = [one.unset for one in found.metrics if one.id == "c-set-up"]
    assert unset == (
        "not set up: host of the environment; set host in environments.production, or declare "
        "triggers.c-set-up.not-applicable with the reason"
    )
    assert found.decides
    later = {one.id: one.role for one in bound(made, triggers, "monitor").metrics}
    assert later["cpu"] is Role.CONSIDER
    assert later["order"] is Role.ASIDE  # a trigger goes by it, so it is looked at


@pytest.mark.parametrize(
    ("trigger", "told"),
    [
        ("t: {title: T, rule: r, band: immediate, check: plan}", "unknown check 'plan'; did you mean 'plain'?"),
        ("t: {title: T, rule: r, band: immediate, check: plain, with: {tex: x}}", "unknown input 'tex'"),
        (
            "t: {title: T, rule: r, band: immediate, check: plain, of: [ordr]}",
            "there is no item 'ordr'; did you mean 'order'?",
        ),
        ("t: {title: T, rule: r, band: immediate, check: plain, of: [once]}", "item 'once' is not watched"),
        ("t: {title: T, rule: r, band: immediate, check: plain, witness: once}", "item 'once' is not watched"),
        ("t: {title: T, rule: r, band: immediate, check: plain, planned: true}", "the check 'plain' is built"),
        ("order: {title: T, rule: r, band: immediate, check: plain}", "an item has that name too"),
        ("t: {title: T, rule: r, band: immediate, check: plain, watch: {every: 5}}", "watch.every"),
        ("t: {title: T, rule: r, band: immediate, check: plain, watch: {on-no-data: ok}}", "on-no-data is 'ok'"),
        ("t: {title: T, rule: r, band: immediate, check: plain, watch: {failure-limit: 0}}", "failure-limit"),
    ],
)
def test_a_typo_in_a_trigger_is_found_before_anything_runs(made: Actions, trigger: str, told: str) -> None:
    with pytest.raises(Misconfigured) as fault:
        bound(made, f"  {trigger}\n")
    [problem] = fault.value.problems
    assert told in problem.message
    assert (problem.path, problem.line) == ("checklist.yml", 12)


WHOLE = """\
version: 1
sections: {q: {part: P, title: T}}
environments: {production: {}}
items:
  health: {section: q, title: H, check: http-endpoint, phases: [verify], watch: {}, with: {url: "http://127.0.0.1:1/"}}
  code: {section: q, title: C, check: mypy-types, phases: [verify], watch: {}}
triggers:
  t: {title: T, rule: r, band: immediate, check: slot-health, with: {host: a@erp.example, config: /s.json}, watch: {delay: 9m}}
"""


def test_what_the_checks_of_a_watch_see(repository: Repository) -> None:
    repository.write("checklist.yml", WHOLE)
    repository.commit()
    login = Login(["a@erp.example"], "erp.example ssh-ed25519 AAAA", "/s.json", "python3", False)
    question = making.Question(None, "production", "verify", "a" * 40)
    watched, _ = making.make(question, login)
    seen = {one.key: one.job.environment for one in watched.probes}
    assert set(seen) == {"t", "health", HOST}  # none that runs the repository's code, where secrets are
    assert {seen[key][site.WATCHING] for key in ("t", "health")} == {"1"}
    assert {seen[key][marker.VARIABLE] for key in ("t", "health")} == {marker.token()}
    assert seen["t"]["SSH_KNOWN_HOSTS"] == "erp.example ssh-ed25519 AAAA"
    back, _ = making.make(replace(question, once=3600.0), login)
    assert {one.key for one in back.probes} == {"t", "health", HOST, lookback.WINDOW}
    assert {(one.next, one.key) for one in back.probes} == {(0.0, one.key) for one in back.probes}
    assert {(one.rule.failure_limit, one.rule.delay) for one in back.metrics} == {(1, 0.0)}
    with pytest.raises(Misconfigured, match="your checklist has no environment 'prod'"):
        making.make(replace(question, environment="prod"), login)


# --- the hour that is over


def samples(bad: str, *, every: float = 5, ago: float = 2, release: str = "a" * 12) -> dict[str, Any]:
    """`bad` has a sign for each sample, x for one whose front door was ill; the last is `ago` seconds old."""
    first = 1000 - ago - every * (len(bad) - 1)
    kept = [
        {"at": first + every * number, "release": release, "front": {"status": 502 if sign == "x" else 200}}
        for number, sign in enumerate(bad)
    ]
    return {"now": 1000.0, "samples": [{"at": "x"}, 7, *kept], "switched_ago": len(bad) * every}


@pytest.mark.parametrize(
    ("bad", "status", "band", "told"),
    [
        ("." * 100, Status.PASSED, None, "0 of 100 samples bad in 8 min 15 s"),
        ("." * 50 + "x" * 20 + "." * 30, Status.WARNED, None, "20 of 100 samples bad in 8 min 15 s, 1 min 35 s on end"),
        ("." * 50 + "x" * 25 + "." * 25, Status.FAILED, "consider", "2 min on end, the limit is 2 min"),
        ("." * 75 + "x" * 25, Status.FAILED, "immediate", "2 min on end, the limit is 2 min"),
        ("x" * 25 + "." * 74 + "x", Status.FAILED, "consider", "2 min on end"),
    ],
)
def test_looking_back_at_the_guards_samples(bad: str, status: Status, band: str | None, told: str) -> None:
    result = lookback.judge([lookback.read("erp", samples(bad), "a" * 40, 3600)])
    assert (result.status, told in result.found) == (status, True), result
    assert [one.get("band") for one in result.evidence] == ([band] if band else [])


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({}, "0 samples of aaaaaaaaaaaa"),
        (samples("." * 100, release="b" * 12), "0 samples of aaaaaaaaaaaa"),
        (samples("." * 100, ago=121), "the newest sample is 2 min 1 s old"),
        (samples("." * 10, every=100), "only 9 min of 16 min were sampled"),
        # A guard that was started again a moment ago knows nothing of the hour before.
        ({**samples("." * 100), "switched_ago": 7200}, "only 8 min 15 s of 1 h were sampled"),
        ({**samples("." * 100), "switched_ago": None}, "only 8 min 15 s of 1 h were sampled"),
    ],
)
def test_where_nothing_was_sampled_nothing_is_well(told: dict[str, Any], why: str) -> None:
    with pytest.raises(CouldNotTell, match=why):
        lookback.read("erp", told, "a" * 40, 3600)


def test_a_gap_in_the_samples_is_neither_well_nor_ill() -> None:
    """The guard was off for ten minutes between two bad looks: nobody saw ten minutes of trouble, nor that there were none."""
    told = samples("." * 600 + "xx")
    for one in told["samples"][2:-1]:
        one["at"] -= 600
    told["switched_ago"] = 3600
    result = lookback.judge([lookback.read("erp", told, "a" * 40, 3600)])
    assert (result.status, result.found) == (
        Status.WARNED,
        "2 of 602 samples bad in 51 min, 1 min on end at most",
    )


@pytest.mark.parametrize("jump", [-1800.0, 1800.0])
def test_the_servers_clock_was_set_in_the_middle(jump: float) -> None:
    """How far two samples are apart tells the clock that never jumps."""
    told = samples("." * 50 + "x" * 25 + "." * 25)
    kept = told["samples"][2:]
    for number, one in enumerate(kept):
        one["boot"] = 5.0 * number
        one["at"] += jump if number < 60 else 0.0
    result = lookback.judge([lookback.read("erp", told, "a" * 40, 3600)])
    assert result.found == "25 of 100 samples bad in 8 min 15 s, 2 min on end, the limit is 2 min"
    # A reboot sets that one back: then the other tells.
    for number, one in enumerate(kept):
        one["boot"] = 5.0 * (number % 60)
        one["at"] -= jump if number < 60 else 0.0
    assert lookback.judge([lookback.read("erp", told, "a" * 40, 3600)]).found == result.found


# --- how it is told


def test_the_record_is_read_back_and_nothing_else_is(tmp_path: Path) -> None:
    path = tmp_path / "watch.json"
    line = record.line(Seen(metric("a", "gb"), State.FINE, "well"))
    kept = record.Watched(
        "a" * 40, "production", "verify", datetime(2026, 11, 25, tzinfo=UTC), 900, "go", "well", (line,)
    )
    record.save(path, kept, {"timeline": []})
    assert record.load(path) == kept
    whole = json.loads(path.read_text())
    changes: list[dict[str, Any]] = [
        {"schema": 2},
        {"verdict": "fine"},
        {"lines": [{}]},
        {"release": 7},
        {"ended": "now"},
    ]
    for change in changes:
        path.write_text(json.dumps({**whole, **change}))
        with pytest.raises(CouldNotTell, match="is not a record"):
            record.load(path)
    path.unlink()
    with pytest.raises(CouldNotTell, match="nobody watched"):
        record.load(path)


SAMPLES = [
    {"at": 100.0, "requests": 50, "errors": 0, "p95": 80, "front": {"status": 200}},
    {"at": 105.0, "requests": 0, "p95": None, "front": {"status": 200}},
    {"at": 110.0, "requests": 50, "errors": 5, "p95": 400, "front": {"status": 0}},
    {"at": "x"},
    7,
]


def test_the_picture() -> None:
    points = chart.points(SAMPLES, 100)
    assert [(one.at, one.p95, one.errors, one.health) for one in points] == [
        (0.0, 80, 0, 1),
        (5.0, None, None, 1),
        (10.0, 400, 10, 0),
    ]
    drawn = ET.fromstring(chart.svg(points, [(5, "<t&>")]))
    assert drawn.tag.endswith("svg")
    assert chart.signs([one.p95 for one in points]) == "▂·█"
    many = chart.points([{"at": float(number), "p95": 900 if number == 777 else 1} for number in range(5000)], 0)
    assert len(many) <= chart.MOST
    assert max(one.p95 or 0 for one in many) == 900
    assert ET.fromstring(chart.svg([])) is not None
    kept = chart.kept(many)
    assert (len(kept), kept[0]) == (60, {"at": "+0:00", "p95_ms": 1})
    assert [one["p95_ms"] for one in kept].count(900) == 1
    assert chart.kept([chart.Point(-75.2, None, 6.1, 0.0)]) == [
        {"at": "-1:15", "errors_share": 0.061, "health_share": 0}
    ]


def test_the_summary_shows_text_from_outside_as_text() -> None:
    ill = Seen(metric("t", "bb", Role.IMMEDIATE), State.FAILING, "<img src=x> | `x` @ada")
    verdict = decision.Verdict(Word.NO_GO, "t", ill.why)
    moments = [Moment(3.0, "seen", "t", "a | b"), Moment(4.0, "decided", "t", "roll back")]
    text = summary.text(verdict, "fell back", [ill], moments, Times(10, 0, 2.5), chart.points(SAMPLES, 100), ["x: y"])
    assert "<img" not in text
    assert "a \\| b" in text
    assert "detect 10.0 s, decide 0.0 s, restore 2.5 s, in all 12.5 s" in text
    assert text.startswith("## ❌ watch: no-go")
    assert "p95 ms" in text


# --- the bundled checklist


def test_every_trigger_is_watched_for_tsh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = loading.load(ROOT / "examples" / "tsh.yml")
    plans = [plan.make(source, Catalog(), phase=one, environment="production") for one in (Phase.VERIFY, Phase.MONITOR)]
    found = binding.bind(source.checklist, plans, "verify", lambda entry: job(entry.id))
    roles = {one.id: one.role for one in found.metrics if one.id in source.checklist.triggers}
    planned = {name for name, one in source.checklist.triggers.items() if one.planned}
    assert set(roles) == set(source.checklist.triggers) - planned
    assert {name for name, role in roles.items() if role is Role.IMMEDIATE} == {
        *("t-health", "t-errors", "t-db", "t-critical", "t-latency", "t-vulnerability")
    }
    assert [one.id for one in found.metrics if one.unset] == []
    # Rude checks are looked at once, never in the watch; nor do two lines run the same journey.
    rude = {"rate-limit", "access-control", "exposed-paths", "audit-log"}
    assert not rude & {
        source.checklist.items[one.key].check for one in found.probes if one.key in source.checklist.items
    }
    keys = [one.key for one in found.probes]
    assert len(keys) == len(set(keys))
    assert {one.probe for one in found.metrics if one.id in ("t-latency", "c-latency")} == {"t-latency"}
