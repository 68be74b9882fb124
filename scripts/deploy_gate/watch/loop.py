"""The watch itself: looks at their intervals, what they say judged at once, one act at most of each kind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from deploy_gate.engine.executor import Job
from deploy_gate.result import Result
from deploy_gate.rollout.back import Back
from deploy_gate.units import show_duration
from deploy_gate.watch import decision, metrics
from deploy_gate.watch.binding import Watched
from deploy_gate.watch.decision import Act, Decision
from deploy_gate.watch.hostlook import HOST, Standing, standing
from deploy_gate.watch.metrics import Seen
from deploy_gate.watch.rule import State
from deploy_gate.watch.schedule import Schedule
from deploy_gate.watch.timeline import Timeline, Times

GRACE = 300.0
"""So long may a bad look that is too fresh to be judged prolong the watch."""


class Hands(Protocol):
    """What acts on the servers, and tells people."""

    def back(self, why: str, since: float) -> Back:
        """Roll back everywhere; `since` is seconds since the trouble was first seen."""

    def hold(self, why: str) -> str:
        """Have the servers wait for a person; why they do not, or an empty text."""

    def tell(self, stage: str, text: str) -> str:
        """Tell the team; why it was not told, or an empty text."""


@dataclass(slots=True)
class Loop:
    """One watch. `feed` is asked for what is due, `hear` is told what came of it."""

    watched: Watched
    window: float
    hands: Hands
    clock: Callable[[], float] = time.monotonic
    timeline: Timeline = field(default_factory=Timeline)
    times: Times = field(default_factory=Times)
    back: Back | None = None
    held: str = ""
    """The metric that made it wait for a person."""
    not_held: str = ""
    standing: Standing = field(default_factory=Standing)
    told: dict[str, State] = field(default_factory=dict)
    warned: bool = False
    began: float = 0.0
    schedule: Schedule = field(init=False)

    def __post_init__(self) -> None:
        """The clock starts."""
        self.schedule, self.began = Schedule(self.watched.probes), self.clock()

    @property
    def now(self) -> float:
        """Seconds since it began."""
        return self.clock() - self.began

    def feed(self) -> Iterable[Job] | None:
        """What is due; None when the watch is over."""
        self.judge()
        if self.over():
            return None
        # Where looks take longer than their interval, one is always under way: past the end none begins anew.
        return self.schedule.due(self.now, again=self.now < self.window or decision.in_doubt(self.seen()))

    def hear(self, key: str, result: Result | None) -> None:
        """A look began (nothing to do), or is over."""
        if result is None:
            return
        self.schedule.ended(key)
        if key == HOST:
            self.look_at_host(result)
        metrics.take(self.watched.metrics, key, result, self.now)

    def look_at_host(self, result: Result) -> None:
        """What the servers say of the release, and what alerts came to them."""
        found = standing(result)
        fresh = [one for one in dict.fromkeys(found.alerts) if one not in self.standing.alerts]
        if not self.warned and found.left is not None and found.left < self.window - self.now:
            self.warned = True
            left = show_duration(found.left)
            fresh.append(f"a server goes back by itself in {left}, before this watch ends: raise `confirm-within`")
        known = (*self.standing.alerts, *fresh)
        self.standing = Standing(found.gone, found.phase or self.standing.phase, known, found.left)
        for text in fresh:
            self.timeline.add(self.now, "told", HOST, text)
            self.tell("running", text)

    def over(self) -> bool:
        """Somebody took it out, or we did; or the time is over and nothing is left open."""
        if self.back is not None or self.standing.gone:
            return True
        if self.now < self.window:
            return False
        late = self.now >= self.window + GRACE
        return late or (self.schedule.all_looked and not decision.in_doubt(self.seen()))

    def seen(self, *, over: bool = False) -> list[Seen]:
        """Every metric, as of now."""
        return metrics.seen(self.watched.metrics, over=over)

    def judge(self) -> None:
        """Tell what has changed, and act when that is due."""
        if self.back is not None or self.standing.gone:
            return
        found = self.seen()
        news = self.note(found)
        decided = decision.decide(found)
        if decided.act is Act.BACK:
            # No message may keep it waiting, and none that comes later may say that all is under way.
            self.roll_back(decided)
            return
        if decided.act is Act.HOLD and not self.held:
            self.wait_for_person(decided)
        for text in news:
            self.tell("running", text)

    def note(self, found: list[Seen]) -> list[str]:
        """A line for each metric that is another than before (what is merely not known yet is none); what to tell."""
        news = []
        for one in found:
            name, before = one.metric.id, self.told.get(one.metric.id, State.FINE)
            fresh = one.state is State.INCONCLUSIVE and not one.metric.track.bad_run and not one.metric.witness
            if one.state is before or fresh:
                continue
            self.told[name] = one.state
            self.timeline.add(self.now, "seen", name, f"{one.state}: {one.why}")
            if one.state in (State.NO_DATA, State.FAILING) or one.metric.witness:
                news.append(f"{name} is {one.state}: {one.why}")
        return news

    def tell(self, stage: str, text: str) -> None:
        """To the team; that it failed is told here."""
        if trouble := self.hands.tell(stage, text):
            self.timeline.add(self.now, "told", "", f"nobody was told: {trouble}")

    def roll_back(self, decided: Decision) -> None:
        """At once; whoever is to be told is told afterwards."""
        if decided.by is None:
            return
        name, why, begun = decided.by.metric.id, decided.by.why, self.now
        self.times.decided(decided.by, begun)
        self.timeline.add(begun, "decided", name, f"roll back: {why}")
        self.back = self.hands.back(f"{name}: {why}", begun - decided.by.since)
        done = self.now
        self.times.restore = round(done - begun, 3)
        self.timeline.add(done, "done", name, self.back.told)
        self.tell("rolled-back" if self.back.good else "failed", f"{name}: {why}; {self.back.told}")

    def wait_for_person(self, decided: Decision) -> None:
        """Once; it goes on looking, since worse may come."""
        if decided.by is None:
            return
        name, why = decided.by.metric.id, decided.by.why
        self.held = name
        self.times.decided(decided.by, self.now)
        self.timeline.add(self.now, "decided", name, f"hold: {why}")
        self.not_held = self.hands.hold(f"{name}: {why}")
        self.timeline.add(self.now, "done", name, self.not_held or "held: a person is to confirm it, or it goes back")
        self.tell("running", f"{name}: {why}; {self.not_held or 'held for a person'}")

    def last_word(self) -> None:
        """Now that no more looks come: what only then is failing may still have to be taken out."""
        decided = decision.decide(self.seen(over=True))
        if decided.act is Act.BACK and self.back is None and not self.standing.gone:
            self.roll_back(decided)

    def begin(self) -> None:
        """The first line."""
        many = f"{len(self.watched.metrics)} lines and triggers by {len(self.watched.probes)} checks"
        self.timeline.add(0, "began", "", f"{many}, for {show_duration(self.window)}")
