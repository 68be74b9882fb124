"""A rehearsal on staging: switch and roll back under looks through the front door, timed, and kept in the journal."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from host import prepare, slots
from host.machine import Machine
from host.probe import front_look
from host.rollback import roll_back
from host.steps import note
from host.switch import switch
from host.trouble import Trouble
from host.watch import require_closed

_LOOKERS = 4
_REASON = "rehearsal"
_ENOUGH = 50  # looks before the switch, between switch and rollback, and after it


@dataclass
class Looks:
    """New connections through the front door, one after the other, until it is over; every failed one counts."""

    machine: Machine
    sent: int = 0
    failed: list[str] = field(default_factory=list)
    answered: dict[str, int] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Looks:
        """Begin."""
        self.threads = [threading.Thread(target=self._go) for _ in range(_LOOKERS)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for what is under way."""
        self.over.set()
        for thread in self.threads:
            thread.join()

    def more(self) -> None:
        """Wait until enough further looks are over; bounded, a front door that hangs fails by itself."""
        clock, wanted = self.machine.clock, self.sent + _ENOUGH
        until = clock.boot() + _ENOUGH * self.machine.settings.health.timeout
        while self.sent < wanted and clock.boot() < until:
            clock.sleep(0.01)

    def _go(self) -> None:
        settings = self.machine.settings
        while not self.over.wait(0.01):
            look = front_look(settings.front, settings.health)
            with self.lock:
                self.sent += 1
                self.answered[look.slot] = self.answered.get(look.slot, 0) + 1
                if not look.good:
                    self.failed.append(look.trouble("", ""))


def rehearse(machine: Machine, release: str, *, token: str) -> dict[str, Any]:
    """Prepare (if need be), switch, roll back; afterwards the release stands in the idle slot as if prepared."""
    clock = machine.clock
    require_closed(machine.load())
    prepare.prepare(machine, release, token=token)
    looks = Looks(machine)
    try:
        with looks:
            looks.more()
            begun = clock.boot()
            switch(machine, release, confirm_within=120, token=token, guard_for=1)
            switched = clock.boot()
            looks.more()
            decided = clock.boot()
            back = roll_back(machine, release, by=machine.who, reason=_REASON)
            over = clock.boot()
            looks.more()
    except Trouble as fault:
        # It is evidence, too: without this line the rehearsal before it would still be the newest.
        _record(machine, {**_counted(machine, release, looks), "passed": False, "trouble": fault.what})
        raise
    told = {
        **_counted(machine, release, looks),
        "old": back["release"],
        "switch_seconds": round(switched - begun, 3),
        "rollback_seconds": round(over - decided, 3),
        "sla": machine.settings.limits.sla,
    }
    told["passed"] = not looks.failed and looks.sent >= 3 * _ENOUGH and told["rollback_seconds"] <= told["sla"]
    _forgive(machine, release, told)
    if not told["passed"]:
        raise Trouble(
            f"{told['failed']} of {told['sent']} requests failed ({', '.join(sorted(set(looks.failed))[:3]) or '-'}), "
            f"rollback took {told['rollback_seconds']} s",
            "a slot is stopped too early, nginx reloads, or the front door is not only nginx",
            "`slots journal` has the rehearsal; `slots preflight`, then rehearse again",
        )
    machine.say("rehearsed: {failed} of {sent} requests failed, rollback {rollback_seconds} s".format(**told))
    return told


def _counted(machine: Machine, release: str, looks: Looks) -> dict[str, Any]:
    images = slots.digests(machine, release)
    return {"release": release, "images": images, "sent": looks.sent, "failed": len(looks.failed)}


def _record(machine: Machine, told: dict[str, Any]) -> None:
    with machine.lock.taken(machine.settings.limits.lock):
        note(machine, machine.load(), "rehearsal", **told)


def _forgive(machine: Machine, release: str, told: dict[str, Any]) -> None:
    """The release was not at fault; the line in the journal is what a gate reads later."""
    with machine.lock.taken(machine.settings.limits.lock):
        state = machine.load()
        slot = state.slot_of(release)
        if slot and not slots.trouble(machine, slot, release, ready=False):
            state.slots[slot].condemned = ""
        state.left = [one for one in state.left if not (one["release"] == release and one["reason"] == _REASON)]
        note(machine, state, "rehearsal", **told)
