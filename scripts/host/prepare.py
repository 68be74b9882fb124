"""The idle slot gets the new release; the live one is not touched."""

from __future__ import annotations

from typing import Any

from host import lease, points, slots
from host.heal import finish_stop, heal, put_back
from host.machine import Machine
from host.releases import require_known
from host.state import Slot, State, Step
from host.steps import begin, settle, still_mine
from host.trouble import REFUSED, Trouble
from host.watch import require_closed, require_idle


def prepare(machine: Machine, release: str, *, token: str) -> dict[str, Any]:
    """Start `release` in the idle slot and wait until it is alive and names itself."""
    with machine.work.taken(machine.settings.limits.lock):
        heal(machine)
        require_known(machine, release)
        state = machine.load()
        slot = machine.settings.other(state.live)
        if _is_there(machine, state, slot, release):
            machine.say(f"{release[:12]} runs in {slot} already")
            return {"slot": slot, "release": release, "changed": False}
        step = _begin(machine, slot, release, token)
        return _start(machine, step)


def stop_idle(machine: Machine, *, token: str) -> dict[str, Any]:
    """Stop the idle slot after a bounded wait; a rollback is cold from then on."""
    with machine.work.taken(machine.settings.limits.lock):
        heal(machine)
        state = machine.load()
        slot = machine.settings.other(state.live)
        require_closed(state)
        slots.drain(machine, state, slot)
        with machine.lock.taken(machine.settings.limits.lock):
            state = machine.load()
            lease.check(machine, state, token)
            require_idle(state, slot)
            require_closed(state)
            step = begin(machine, state, "stop", {"slot": slot, "release": state.slots[slot].release})
        finish_stop(machine, step)
    return {"slot": slot, "changed": True}


def _is_there(machine: Machine, state: State, slot: str, release: str) -> bool:
    kept = state.slots[slot]
    same = kept.release == release and kept.running and not kept.condemned
    return same and not slots.trouble(machine, slot, release, ready=False)


def _begin(machine: Machine, slot: str, release: str, token: str) -> Step:
    with machine.lock.taken(machine.settings.limits.lock):
        state = machine.load()
        lease.check(machine, state, token)
        if state.release() == release:
            raise Trouble(
                f"{release[:12]} is live in {state.live}",
                "the same release was asked for again",
                "nothing is to be done; to start it anew, restart its slot",
            )
        require_closed(state)
        require_idle(state, slot)
        kept = state.slots[slot]
        _check_cold(machine, kept)
        before = kept.release if kept.running else ""
        data = {"slot": slot, "release": release, "before": before, "condemned": kept.condemned}
        # From here on nothing is sure about this slot, until the step is settled.
        state.slots[slot] = Slot(start_seconds=kept.start_seconds)
        return begin(machine, state, "start", data)


def _check_cold(machine: Machine, kept: Slot) -> None:
    """While the new release is prepared, a rollback is cold: refused when that would take too long."""
    sla = machine.settings.limits.sla
    if kept.running and kept.start_seconds > sla:
        raise Trouble(
            f"a rollback would take about {kept.start_seconds:.0f} s while the new release is prepared, the limit is "
            f"{sla:.0f} s",
            "the release before took that long to start, and its slot is needed now",
            "make the start quicker, or raise limits.sla in the configuration",
        )


def _start(machine: Machine, step: Step) -> dict[str, Any]:
    slot, release, before = step.data["slot"], step.data["release"], step.data["before"]
    slots.drain(machine, machine.load(), slot)
    stopped = slots.stop(machine, slot, before or release, step)
    points.reached("start.stopped")
    # Its log begins here, not when it was alive: what it wrote meanwhile is looked through too.
    since = machine.clock.stamp()
    ended = slots.start(machine, slot, release, step) if stopped.good else stopped
    points.reached("start.started")
    waited = slots.wait(machine, slot, release, machine.settings.limits.start if ended.good else 0)
    points.reached("start.waited")
    if waited.trouble:
        raise _undone(machine, step, waited, ended.why() if not ended.good else "")
    with machine.lock.taken(machine.settings.limits.lock):
        state = still_mine(machine, step)
        state.slots[slot] = Slot(release, running=True, start_seconds=waited.seconds, since=since)
        settle(machine, state, step, seconds=round(waited.seconds, 2))
    machine.say(f"{release[:12]} is alive in {slot} after {waited.seconds:.1f} s")
    seconds = round(waited.seconds, 3)
    return {"slot": slot, "release": release, "changed": True, "seconds": seconds, "history": waited.history}


def _undone(machine: Machine, step: Step, waited: slots.Waited, ended: str) -> Trouble:
    slot, release = step.data["slot"], step.data["release"]
    words = slots.last_words(machine, slot, release)
    put_back(machine, step, waited.trouble)
    history = "; ".join(waited.history[-6:])
    return Trouble(
        f"{release[:12]} did not come up in {slot} within {waited.seconds:.0f} s: {ended or waited.trouble}\n"
        f"health: {history or 'not asked'}\nlast log lines:\n{words}",
        "the release crashes at its start (settings, database), or another release answers on its port",
        "correct it and deploy again; the slot was put back, the live one was not touched",
        REFUSED,
    )
