"""After a `kill -9`: finish or undo what was under way, and say so. Runs before whatever changes something."""

from __future__ import annotations

from host import points, slots
from host.lock import ROLLBACK
from host.machine import Machine
from host.processes import myself
from host.proof import prove
from host.rollback import end_left, finish_cold, roll_back, settle_rollback
from host.state import CONFIRM, PROVING, Slot, State, Step, Watch
from host.steps import COLD, dangling, note, owner_is_gone, settle, still_mine
from host.trouble import Trouble


def heal(machine: Machine) -> None:
    """Bring state, journal and traffic together; under the work lock, so that nobody else does it too."""
    under_way = machine.load().step
    doing = ROLLBACK if under_way is not None and under_way.name in (ROLLBACK, COLD) else ""
    with machine.lock.taken(machine.settings.limits.lock, doing=doing):
        state = machine.load()
        _journal(machine, state)
        long = _short_step(machine, state)
    if long is not None:
        _long_step(machine, long)
    state = machine.load()
    watch = state.watch
    if watch is None or watch.phase != PROVING or not owner_is_gone(machine, watch.owner):
        return
    if state.one_way():
        _prove_again(machine, watch)
    else:
        machine.say(f"the switch to {watch.release[:12]} was killed before it was proven: back to the release before")
        roll_back(machine, watch.release, by=f"{machine.who} (after a crash)", reason="the switch was never proven")


def _prove_again(machine: Machine, watch: Watch) -> None:
    """The release before does not know the schema: the only way is forward, if the front door agrees."""
    proof = prove(machine, watch.slot, watch.release)
    if proof.trouble:
        raise Trouble(
            f"the switch to {watch.release[:12]} was killed before it was proven, and it is not well: {proof.trouble}",
            "its schema is live, which the release before does not know, so nothing was switched back",
            f"see `slots logs {watch.slot}`; `slots rollback --from {watch.release} --force` switches in spite of it",
        )
    with machine.lock.taken(machine.settings.limits.lock):
        state = machine.load()
        if state.watch is not None and state.watch.release == watch.release and state.watch.phase == PROVING:
            state.watch.phase = CONFIRM
            note(machine, state, "proven", release=watch.release, seconds=round(proof.seconds, 3))
    machine.say(f"the switch to {watch.release[:12]} was killed before it was proven: proven now, there is no way back")


def pending(machine: Machine, state: State) -> bool:
    """Whether there is something to heal."""
    watch = state.watch
    unproven = watch is not None and watch.phase == PROVING and owner_is_gone(machine, watch.owner)
    return unproven or (state.step is not None and owner_is_gone(machine, state.step.owner))


def _journal(machine: Machine, state: State) -> None:
    for seq, name, was_settled in dangling(machine, state):
        event = "done" if was_settled else "undone"
        machine.log(event, of=seq, step=name, healed=True)
        told = "was done, only the journal did not know" if was_settled else "was not begun"
        machine.say(f"a command was killed at {name} (journal line {seq}): it {told}")


def _short_step(machine: Machine, state: State) -> Step | None:
    """Settle what is one rename; a longer one becomes ours and is returned."""
    step = state.step
    if step is None or not owner_is_gone(machine, step.owner):
        return None
    end_left(machine, step)
    if step.name == "switch":
        machine.pointer.point(step.data["from"])
        settle(machine, state, step, "undone", healed=True)
        machine.say(f"a switch to {step.data['release'][:12]} was killed half way: undone, {step.data['from']} is live")
    elif step.name == "rollback":
        machine.pointer.point(step.data["to"])
        settle_rollback(machine, state, step)
        machine.say(f"a rollback from {step.data['leaves'][:12]} was killed half way: finished")
    elif step.name == "migrate":
        settle(machine, state, step, "undone", healed=True)
        machine.say(
            "a migration was killed: nobody knows how far it came; `slots migrate` again, it starts where it is"
        )
    else:
        # The number too: a new holder may have come since, and it is he who heals.
        step.owner, step.fence = myself(machine.clock), state.fence
        machine.log("adopted", step=step.name, seq_of=step.seq)
        machine.save(state)
        return step
    return None


def _long_step(machine: Machine, step: Step) -> None:
    if step.name == "start":
        machine.say(
            f"a preparation of {step.data['release'][:12]} was killed half way: {step.data['slot']} is put back"
        )
        put_back(machine, step, "its process was killed")
    elif step.name == "stop":
        finish_stop(machine, step)
        machine.say(f"a stop of {step.data['slot']} was killed half way: finished")
    elif step.name == COLD:
        finish_cold(machine, step)
        machine.say(f"a rollback from {step.data['leaves'][:12]} was killed half way: finished")


def finish_stop(machine: Machine, step: Step) -> None:
    """Stop the slot (again) and settle."""
    slot, release = step.data["slot"], step.data["release"]
    ended = slots.stop(machine, slot, release, step)
    points.reached("stop.acted")
    with machine.lock.taken(machine.settings.limits.lock):
        state = still_mine(machine, step)
        state.slots[slot].running = not ended.good
        settle(machine, state, step, "done" if ended.good else "undone", ended=ended.code)
    if not ended.good:
        raise Trouble(
            f"{slot} could not be stopped: {ended.why()}",
            "the stop command is wrong, or the release does not end on SIGTERM",
            f"see {machine.log_file(f'{slot}-stop')}, then run this again",
        )


def put_back(machine: Machine, step: Step, why: str) -> None:
    """Undo a preparation: stop what was started, start again what was warm there."""
    slot, before = step.data["slot"], step.data["before"]
    slots.stop(machine, slot, step.data["release"], step)
    end_left(machine, step)  # what the failed start left would take the port from the release that comes back
    points.reached("start.put-back")
    trouble, seconds = "", 0.0
    if before:
        ended = slots.start(machine, slot, before, step)
        waited = slots.wait(machine, slot, before, machine.settings.limits.start if ended.good else 0)
        trouble, seconds = waited.trouble, waited.seconds
    with machine.lock.taken(machine.settings.limits.lock):
        state = still_mine(machine, step)
        kept = Slot(before, bool(before) and not trouble, start_seconds=seconds, since=machine.clock.stamp())
        kept.condemned = step.data.get("condemned", "")
        state.slots[slot] = kept
        settle(machine, state, step, "undone", why=why[:500])
    if before:
        warm = "warm again" if not trouble else f"cold: it did not come back ({trouble})"
        machine.say(f"{before[:12]} in {slot} is {warm}")
