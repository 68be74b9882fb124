"""Traffic to the other slot: one rename, then proof through the front door, under the host's own timer."""

from __future__ import annotations

from typing import Any

from host import lease, points, slots
from host.clock import Deadline
from host.guarding import require_guard
from host.heal import heal
from host.machine import Machine
from host.processes import myself
from host.proof import prove
from host.rollback import roll_back
from host.state import CONFIRM, PROVING, State, Watch
from host.steps import begin, note, settle
from host.trouble import BUSY, FALL_BACK_FAILED, FELL_BACK, UNKNOWN, Trouble
from host.watch import require_closed, require_idle


def switch(machine: Machine, release: str, *, confirm_within: float, token: str, guard_for: float) -> dict[str, Any]:
    """Switch to a prepared release. Unless `confirm` comes in time, the guard switches back by itself."""
    with machine.work.taken(machine.settings.limits.lock):
        heal(machine)
        require_guard(machine)
        slot = _checked(machine, machine.load(), release)
        if not slot:
            machine.say(f"{release[:12]} is live already; nothing was changed")
            return {"live": machine.load().live, "release": release, "changed": False}
        require_closed(machine.load())
        moved = _move(machine, release, slot, confirm_within=confirm_within, token=token, guard_for=guard_for)
        try:
            return {**_prove(machine, release, slot), **moved}
        except Trouble as fault:
            # Traffic has moved: that somebody holds a lock now does not mean that nothing was changed.
            fault.code = UNKNOWN if fault.code == BUSY else fault.code
            raise


def _checked(machine: Machine, state: State, release: str) -> str:
    """The slot to switch to, when its release may have the traffic; empty when it has it already."""
    if state.release() == release:
        return ""
    slot = state.slot_of(release)
    kept = state.slots.get(slot)
    if kept is None or not kept.running:
        raise Trouble(
            f"{release[:12]} is in no slot",
            "it was not prepared, or its preparation failed and was undone",
            f"run `slots prepare {release}` first",
        )
    if kept.condemned:
        raise Trouble(
            f"{release[:12]} was taken out of production: {kept.condemned}",
            "it was live, and the guard, a workflow or a person rolled it back",
            f"correct it and deploy a new release, or `slots prepare {release}` again if it was not at fault",
        )
    waited = slots.wait(machine, slot, release, machine.settings.limits.ready, ready=True)
    if waited.trouble:
        raise Trouble(
            f"{slot} is not ready for traffic: {waited.trouble} ({'; '.join(waited.history[-3:])})",
            "the new release is dead, too slow, or another one runs in that slot",
            f"see `slots logs {slot}`; the live slot was not touched",
        )
    return slot


def _move(
    machine: Machine, release: str, slot: str, *, confirm_within: float, token: str, guard_for: float
) -> dict[str, Any]:
    begun = machine.clock.boot()
    with machine.lock.taken(machine.settings.limits.lock):
        state = machine.load()
        lease.check(machine, state, token)
        require_closed(state)
        require_idle(state, slot, release)
        data = {"release": release, "to": slot, "from": state.live, "from_release": state.release()}
        step = begin(machine, state, "switch", {**data, "confirm_within": confirm_within})
        try:
            machine.pointer.point(slot)
        except Trouble:
            # Not undone when it moved all the same: then the step stays, and the guard or the next command undoes it.
            if machine.pointer.read() != slot:
                settle(machine, state, step, "undone", why="nginx could not be told")
            raise
        moved = machine.clock.boot() - begun
        points.reached("switch.acted")
        state.previous, state.live = state.release(), slot
        told = state.back.get("next", state.back)
        state.back = told if told.get("release") == release else {}  # empty: nothing was migrated for this release
        state.switched = Deadline.after(machine.clock, machine.settings.limits.drain).as_json()
        deadline = Deadline.after(machine.clock, confirm_within).as_json()
        who = myself(machine.clock)
        state.watch = Watch(release, slot, PROVING, deadline, machine.who, guard_for, who)
        settle(machine, state, step)
    return {"seconds_to_move": round(moved, 4)}


def _prove(machine: Machine, release: str, slot: str) -> dict[str, Any]:
    proof = prove(machine, slot, release)
    points.reached("switch.proven")
    if not proof.trouble:
        with machine.lock.taken(machine.settings.limits.lock):
            state = machine.load()
            watch = state.watch
            if watch is None or watch.release != release or watch.phase != PROVING:
                raise _overtaken(state, release)
            watch.phase = CONFIRM
            note(machine, state, "proven", release=release, seconds=round(proof.seconds, 3))
        left = Deadline.of(watch.deadline).remaining(machine.clock)
        machine.say(f"{release[:12]} is live in {slot}; confirm within {left:.0f} s, else this host switches back")
        told = {"live": slot, "release": release, "changed": True, "confirm_within": round(left, 1)}
        return {**told, "first_answer": round(proof.first, 4), "proof": round(proof.seconds, 4)}
    found = f"the front door does not answer from {slot} with {release[:12]}: {proof.trouble}"
    try:
        back = roll_back(machine, release, by=f"{machine.who} (switch)", reason=found)
    except Trouble as fault:
        raise Trouble(f"{found}; then: {fault.what}", fault.means, fault.do, FALL_BACK_FAILED) from fault
    raise Trouble(
        f"{found}; traffic is back on {back['live']} ({back['release'][:12]})",
        "nginx does not read the flag (snippet not included, open_file_cache, folder not readable), or the new slot "
        "broke under its first requests",
        f"run `slots preflight`, see `slots logs {slot}`",
        FELL_BACK,
    )


def _overtaken(state: State, release: str) -> Trouble:
    left = state.last_left(release) or {}
    return Trouble(
        f"{release[:12]} was rolled back by {left.get('by', 'somebody')} while it was being proven",
        str(left.get("reason") or "the guard, a workflow or a person pulled the brake"),
        "nothing more is to be done here; `slots status` shows what is live",
        FELL_BACK,
    )
