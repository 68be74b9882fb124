"""The one process on the host: two looks every half second, the timers, and a rollback without asking anybody."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import FrameType

from host import slots
from host.clock import Deadline
from host.guarding import beat
from host.heal import heal, pending
from host.machine import Machine
from host.probe import front_look, slot_look
from host.processes import Aside
from host.rollback import roll_back
from host.sampler import Beside
from host.slots import filled
from host.state import GUARD, HOLD, PROVING, State, Watch
from host.status import moved_by_hand
from host.steps import note
from host.trouble import Trouble, is_rights, rights_trouble

_AGAIN = 5.0


class Guard:
    """What it remembers between two ticks; everything that matters is in the state file."""

    def __init__(self, machine: Machine, sampler: Sequence[str] = ()) -> None:
        """The machine's clock is the guard's; `sampler` is how the sampler is started."""
        self.machine = machine
        self.beside = Beside(sampler)
        self.bad = 0
        self.since: float | None = None
        self.alerted: dict[str, float] = {}
        self.not_before = 0.0
        self.over = False
        self.telling = Aside(10)

    def run(self) -> None:
        """Until it is told to end. A second guard of the same host ends at once."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        with self.machine.guard_lock.taken(0):
            try:
                while not self.over:
                    self._once()
            finally:
                self.beside.end()

    def _once(self) -> None:
        begun = self.machine.clock.boot()
        self.tick()
        self.beside.tend(begun)
        left = self.machine.settings.guard.interval - (self.machine.clock.boot() - begun)
        if left > 0 and not self.over:
            self.machine.clock.sleep(left)

    def _end(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.over = True

    def tick(self) -> None:
        """One round; nothing may end the guard."""
        self.machine.urgent = True
        try:
            self.telling.tend()
            with suppress(OSError):
                beat(self.machine)
            self._round()
        except Trouble as fault:
            self._failed(f"{fault.what}; {fault.do}")
        except OSError as fault:
            told = rights_trouble(fault) if is_rights(fault) else None
            self._failed(f"{told.means}; {told.do}" if told else str(fault))
        except Exception as fault:  # noqa: BLE001 - whatever it is: without the guard nobody switches back
            self._failed(f"a fault of this program, please report it: {type(fault).__name__}: {str(fault)[:300]}")

    def _failed(self, text: str) -> None:
        """Tell it, and try again in a moment; telling must not fail either."""
        self.not_before = self.machine.clock.boot() + _AGAIN
        with suppress(Exception):
            self.alert("guard", text)

    def _round(self) -> None:
        machine = self.machine
        state = machine.load()
        self._flag(state)
        if machine.clock.boot() < self.not_before:
            return
        if pending(machine, state):
            self._heal()
            return
        watch = state.watch
        if watch is None:
            self.bad, self.since = 0, None
        elif Deadline.of(watch.deadline).passed(machine.clock):
            self._time_is_over(watch)
        elif watch.phase != PROVING:
            self._look(state, watch)

    def _heal(self) -> None:
        if not self.machine.work.is_free():
            return  # somebody else is at it
        with self.machine.work.taken(0):
            heal(self.machine)
        self._tell()

    def _time_is_over(self, watch: Watch) -> None:
        if watch.phase == GUARD:
            with self.machine.lock.taken(self.machine.settings.limits.lock):
                state = self.machine.load()
                if state.watch is not None and state.watch.phase == GUARD and state.watch.release == watch.release:
                    state.watch = None
                    note(self.machine, state, "guard-ended", release=watch.release)
            return
        why = "nobody answered the hold in time" if watch.phase == HOLD else "no confirm came in time"
        late = -Deadline.of(watch.deadline).remaining(self.machine.clock)
        self._back(watch.release, why, self.machine.clock.boot() - max(late, 0.0), timer=True)

    def _look(self, state: State, watch: Watch) -> None:
        """Both at once, so that a hang costs one time limit; where the front door is good the slot has no say."""
        settings = self.machine.settings
        with ThreadPoolExecutor(1) as beside:
            asked = beside.submit(slot_look, settings.slots[watch.slot], settings.health.ready, settings.health)
            front = front_look(settings.front, settings.health)
            look = asked.result()
        trouble = front.trouble(watch.slot, watch.release)
        if not trouble:
            self.bad, self.since = 0, None
            return
        own = look.trouble("", watch.release)
        if not own:
            self.bad, self.since = 0, None
            self.alert("inconclusive", f"the front door is bad ({trouble}), {watch.slot} itself is well: no rollback")
            return
        self.bad += 1
        if self.since is None:
            self.since = self.machine.clock.boot() - max(front.seconds, look.seconds)
        if self.bad >= settings.guard.looks:
            self._judge(state, watch, f"front door: {trouble}; {watch.slot}: {own}; {self.bad} times in a row")

    def _judge(self, state: State, watch: Watch, why: str) -> None:
        """Back, unless the old slot is ill in the same way: then the cause is not the release."""
        other = self.machine.settings.other(watch.slot)
        kept = state.slots[other]
        if kept.running and kept.release == state.previous:
            ill = slots.trouble(self.machine, other, kept.release, ready=True)
            alive = not slots.trouble(self.machine, other, kept.release, ready=False)
            if ill and alive:
                self.alert("both", f"{why}; the old slot is not ready either ({ill}): a rollback would cure nothing")
                return
        self._back(watch.release, why, self.since)

    def _back(self, release: str, why: str, since: float | None, *, timer: bool = False) -> None:
        done = roll_back(self.machine, release, by="guard", reason=why, since=since, timer=timer)
        self.bad, self.since = 0, None
        self._tell()
        if done["changed"]:
            self.alert("rollback", f"rolled back {release[:12]}: {why}")

    def _flag(self, state: State) -> None:
        """A flag on the wrong slot is told; one that is gone is put back. Neither stops the round."""
        now = self.machine.pointer.read()
        if state.step is not None or now == state.live:
            return
        if now:
            if self.machine.load().live == state.live:
                self.alert("flag", moved_by_hand(self.machine, state, now))
        elif self.machine.settings.nginx.mode == "flag" and state.live == self.machine.settings.second:
            try:
                self._put_back()
            except (Trouble, OSError) as fault:
                self.alert("flag", f"the flag of {state.live}, which is live, is gone and cannot be put back: {fault}")

    def _put_back(self) -> None:
        machine = self.machine
        with machine.lock.taken(machine.settings.limits.lock):
            state = machine.load()
            if state.step is not None or machine.pointer.read() or state.live != machine.settings.second:
                return
            machine.pointer.point(state.live)
            machine.log("restored", flag=state.live, found="")
        self.alert("flag", f"the flag of {state.live}, which is live, was gone: it was put back")

    def _tell(self) -> None:
        for text in self.machine.said:
            print(text, flush=True)
        self.machine.said.clear()

    def alert(self, kind: str, text: str) -> None:
        """To the journal, the log and the configured command; the same kind once a minute at most."""
        now = self.machine.clock.boot()
        if now - self.alerted.get(kind, -1e9) < 60:
            return
        self.alerted[kind] = now
        print(f"alert: {kind}: {text}", flush=True)
        with suppress(Trouble, OSError):
            self.machine.log("alert", kind=kind, text=text)
        argv = self.machine.settings.commands.alert
        if argv:
            with suppress(OSError):
                # Not waited for: the person is told while the rollback goes on.
                self.telling.start(filled(argv, {"message": text}), self.machine.log_file("alert"))
