"""Back to the release before: named by what it leaves, done once whoever asks, never waiting for a lease."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Any

from host import points, slots
from host.clock import Deadline
from host.leftovers import end_marked
from host.lock import ROLLBACK
from host.machine import Machine
from host.processes import Ended
from host.proof import prove
from host.state import GUARD, State, Step
from host.steps import COLD, begin, owner_is_gone, settle, still_mine, supersede
from host.trouble import FALL_BACK_FAILED, WRONG, Trouble

_KEPT = 20
_PATIENCE = 3.0


def roll_back(
    machine: Machine,
    leaves: str,
    *,
    by: str,
    reason: str,
    since: float | None = None,
    force: bool = False,
    timer: bool = False,
) -> dict[str, Any]:
    """Leave release `leaves`. `since` is when the trouble began, on the boot clock, for the measure *detect*.

    A `timer` has no say any more when the confirm came in the last moment.
    """
    machine.urgent = True
    begun = machine.clock.boot()
    detect = max(0.0, begun - since) if since is not None else 0.0
    with machine.lock.taken(_PATIENCE, doing=ROLLBACK, longest=machine.settings.limits.sla):
        state = machine.load()
        done = _done_already(machine, state, leaves)
        if done is None and timer and (state.watch is None or state.watch.phase == GUARD):
            done = {"changed": False, "live": state.live, "release": state.release(), "already": None}
        if done is not None:
            return done
        _check(state, leaves, force=force)
        under_way, data = state.step, _data(state, leaves, by=by, reason=reason, detect=detect)
        waiting = under_way is not None and under_way.name == COLD and not owner_is_gone(machine, under_way.owner)
        step = under_way if under_way is not None and waiting else _take_over(machine, state, data)
        decided = machine.clock.boot()
        if step.name == "rollback":
            _point(machine, state, step)
    if waiting:
        return _other_does_it(machine, step, leaves)
    if step.name == COLD:
        decided = finish_cold(machine, step)
    return _measured(machine, step, detect, decided - begun, decided)


def _done_already(machine: Machine, state: State, leaves: str) -> dict[str, Any] | None:
    """Nothing to do: that release is not live."""
    if state.release() == leaves:
        return None
    told = state.last_left(leaves)
    if told is None and leaves not in state.known and not state.slot_of(leaves):
        raise Trouble(
            f"{leaves[:12]} is not known on this host; live is {state.release()}",
            "a typing mistake, or the release of another host",
            f"run `slots rollback --from {state.release()}` if that is the one to leave",
            WRONG,
        )
    if told:
        machine.say(f"{leaves[:12]} was already rolled back by {told['by']} at {told['at']}: {told['reason']}")
    else:
        machine.say(f"{leaves[:12]} is not live, nothing was changed; live is {state.release()[:12]}")
    return {"changed": False, "live": state.live, "release": state.release(), "already": told}


def _check(state: State, leaves: str, *, force: bool) -> None:
    """Refuse only what cannot work."""
    if not state.previous:
        raise Trouble(
            f"there is no release before {leaves[:12]}",
            "it is the first one on this host, or the one that was returned to last",
            "prepare and switch to a release that is good: `slots prepare RELEASE`, then `slots switch RELEASE`",
        )
    if state.one_way() and not force:
        raise Trouble(
            f"the release before ({state.previous[:12]}) does not know the live schema: {state.back.get('why')}",
            "a migration of this release removed or changed what the old code needs",
            "downgrade the schema first, then roll back with --force"
            if state.back["verdict"] == "downgrade-first"
            else "ship a correction forward; --force switches in spite of it",
        )


def _data(state: State, leaves: str, *, by: str, reason: str, detect: float) -> dict[str, Any]:
    other = next(name for name in state.slots if name != state.live)
    return {
        "leaves": leaves,
        "from": state.live,
        "to": other,
        "release": state.previous,
        "by": by,
        "reason": reason,
        "detect": round(detect, 3),
        "phase": state.watch.phase if state.watch else "",  # hold: a person's answer, or none in time
    }


def _take_over(machine: Machine, state: State, data: dict[str, Any]) -> Step:
    """Past every lease and step: raise the number, end who is at work in the slot we need, begin."""
    state.fence += 1
    if state.lease is not None:
        machine.log("lease-void", holder=state.lease.holder, run=state.lease.run, why="rollback")
        state.lease = None
    step = state.step
    if step is not None and (step.name in {"start", "stop"} or owner_is_gone(machine, step.owner)):
        # It works in the slot that is needed now. A migration is left alone: it ends by itself, in one transaction.
        end_owner(machine, step)
        end_left(machine, step)
    supersede(machine, state)
    slot = state.slots[data["to"]]
    warm = slot.running and slot.release == data["release"] and not slot.condemned
    if warm and not slots.trouble(machine, data["to"], data["release"], ready=False):
        return begin(machine, state, "rollback", data)
    machine.say(f"{data['to']} is not warm: {data['release'][:12]} is started there first")
    return begin(machine, state, COLD, data)


def end_owner(machine: Machine, step: Step) -> None:
    """Kill who is at work on a step, unless that is ourselves; every step is made to survive it."""
    if not owner_is_gone(machine, step.owner):
        with suppress(OSError, ValueError):
            os.kill(int(step.owner.split(":")[1]), signal.SIGKILL)


def end_left(machine: Machine, step: Step) -> None:
    """Kill what the commands of a killed step left behind; but not the old release when it has the traffic already."""
    if step.name == COLD and _is_moved(machine, step):
        return
    left = end_marked(step.mark)
    if left:
        machine.say(f"{step.name} left processes that cannot be ended ({', '.join(map(str, left[:5]))}): see `ps -fp`")


def _is_moved(machine: Machine, step: Step) -> bool:
    """Whether a cold rollback was killed after its last step but one: traffic is there, and answered."""
    slot, release = step.data["to"], step.data["release"]
    return machine.pointer.read() == slot and not slots.trouble(machine, slot, release, ready=False)


def _point(machine: Machine, state: State, step: Step) -> None:
    try:
        machine.pointer.point(step.data["to"])
    except Trouble as fault:
        raise Trouble(
            fault.what,
            fault.means,
            f"{fault.do}; by hand: {machine.pointer.by_hand(step.data['to'])}",
            FALL_BACK_FAILED,
        ) from fault
    points.reached(f"{step.name}.acted")
    settle_rollback(machine, state, step)


def settle_rollback(machine: Machine, state: State, step: Step) -> None:
    """The state after the rename; also what `heal` does for a rollback that was killed."""
    data = step.data
    told = {"release": data["leaves"], "by": data["by"], "reason": data["reason"], "at": machine.clock.stamp()}
    state.left = [*state.left, {**told, "to": data["release"]}][-_KEPT:]
    state.slots[data["from"]].condemned = f"rolled back by {data['by']}: {data['reason']}"[:500]
    state.live, state.previous, state.watch, state.back = data["to"], "", None, {}
    state.switched = Deadline.after(machine.clock, machine.settings.limits.drain).as_json()
    settle(machine, state, step)


def finish_cold(machine: Machine, step: Step) -> float:
    """Start the old release in the idle slot, then switch; returns when the switch was decided."""
    slot, release = step.data["to"], step.data["release"]
    if _is_moved(machine, step):
        ended = Ended(0, 0.0, "")  # killed when all but the writing was done: users are not cut off once more
    else:
        stopped = slots.stop(machine, slot, release, step)
        if not stopped.good:
            machine.say(f"{slot} could not be stopped first: {stopped.why()}")
        points.reached("cold-rollback.stopped")
        ended = slots.start(machine, slot, release, step)
        points.reached("cold-rollback.started")
    waited = slots.wait(machine, slot, release, machine.settings.limits.start if ended.good else 0)
    with machine.lock.taken(_PATIENCE, doing=ROLLBACK, longest=machine.settings.limits.sla):
        state = still_mine(machine, step)
        kept = state.slots[slot]
        if waited.trouble:
            kept.release, kept.running = release, False
            settle(machine, state, step, "undone", why=waited.trouble)
            raise Trouble(
                f"{release[:12]} does not come up in {slot}: {waited.trouble}; {ended.why()}",
                "its image or files are gone, or what it needs (database, memory) is missing; traffic was not moved",
                f"see `slots logs {slot}`; then `slots rollback --from {step.data['leaves']}` again",
                FALL_BACK_FAILED,
            )
        kept.release, kept.running, kept.condemned = release, True, ""
        decided = machine.clock.boot()
        _point(machine, state, step)
    return decided


def _other_does_it(machine: Machine, step: Step, leaves: str) -> dict[str, Any]:
    """Somebody is starting the old release already: wait for that, in bounds; then end him and do it ourselves."""
    limits = machine.settings.limits
    until = machine.clock.boot() + max(limits.sla, limits.stop + limits.start + 10)  # longer than he has himself
    while machine.clock.boot() < until and not owner_is_gone(machine, step.owner):
        done = _done_already(machine, machine.load(), leaves)
        if done is not None:
            return done
        machine.clock.sleep(0.1)
    # Only him: what he started is ended under the lock, when it is sure that he did not finish in this moment.
    end_owner(machine, step)
    return roll_back(machine, leaves, by=machine.who, reason=f"continues: {step.data['reason']}")


def _measured(machine: Machine, step: Step, detect: float, decide: float, decided: float) -> dict[str, Any]:
    """Proof through the front door, and how long each part took."""
    slot, release = step.data["to"], step.data["release"]
    proof = prove(machine, slot, release)
    times = {"detect": detect, "decide": decide, "restore": machine.clock.boot() - decided}
    seconds = {name: round(value, 3) for name, value in times.items()}
    machine.log("rolled-back", of=step.seq, proof=proof.trouble or "good", seconds=seconds)
    if proof.trouble:
        raise Trouble(
            f"the flag is on {slot}, but the front door does not answer from there: {proof.trouble}",
            "nginx is down or does not read the flag, or the old release is ill too",
            f"`nginx -t`, restart nginx, see `slots logs {slot}` and `slots status`",
            FALL_BACK_FAILED,
        )
    told = "detect {detect:.1f} s, decide {decide:.2f} s, restore {restore:.2f} s".format(**times)
    machine.say(f"back on {release[:12]} in {slot}: {told}")
    return {"changed": True, "live": slot, "release": release, "left": step.data["leaves"], "seconds": seconds}
