"""Every change is a step: the intent in the journal, the step in the state, the effect, the new state, the journal.

Whenever the process is killed, what is on the disk tells how far it came: no step (the effect had not begun, or is
over), or the step with all that is needed to finish or to undo it (`heal`).
"""

from __future__ import annotations

import secrets
from typing import Any

from host import points
from host.machine import Machine
from host.processes import is_alive, myself
from host.state import State, Step
from host.trouble import BUSY, Trouble

COLD = "cold-rollback"
_REMEMBERED = 40


def begin(machine: Machine, state: State, name: str, data: dict[str, Any]) -> Step:
    """Write down what is about to happen; under the state lock."""
    no_rollback(machine, state)
    seq, digest = machine.log("intent", step=name, data=data)
    points.reached(f"{name}.intent")
    step = Step(seq, name, myself(machine.clock), state.fence, data, secrets.token_hex(12))
    state.step, state.head = step, [seq, digest]
    machine.save(state)
    points.reached(f"{name}.begun")
    return step


def settle(machine: Machine, state: State, step: Step, event: str = "done", **told: Any) -> None:
    """Write down that it happened (or was undone), with the state as it is now; under the state lock."""
    state.step = None
    _remember(state, step.seq)
    machine.save(state)
    points.reached(f"{step.name}.saved")
    machine.log(event, of=step.seq, step=step.name, **told)
    points.reached(f"{step.name}.done")


def note(machine: Machine, state: State, name: str, **data: Any) -> None:
    """A change of the state alone, already made in `state`; under the state lock."""
    seq, digest = machine.log("intent", step=name, data=data)
    points.reached(f"{name}.intent")
    state.head = [seq, digest]
    _remember(state, seq)
    machine.save(state)
    points.reached(f"{name}.saved")
    machine.log("done", of=seq, step=name)
    points.reached(f"{name}.done")


def supersede(machine: Machine, state: State) -> Step | None:
    """Take the place of a step that is under way; its owner finds out when it wants to settle."""
    step = state.step
    if step is not None:
        machine.log("superseded", of=step.seq, step=step.name)
        state.step = None
        _remember(state, step.seq)
    return step


def no_rollback(machine: Machine, state: State) -> None:
    """Trouble while a rollback is starting the old release: a new step, or a new number, would stop it."""
    step = state.step
    if step is not None and step.name == COLD and not owner_is_gone(machine, step.owner):
        raise Trouble(
            f"a rollback from {step.data['leaves'][:12]} is under way",
            "the old release is being started; it was not warm",
            "wait for it (`slots status`), then look again whether there is anything to deploy",
            BUSY,
        )


def still_mine(machine: Machine, step: Step) -> State:
    """The state of now, when the step in it is still ours; Trouble when a rollback took its place."""
    state = machine.load()
    if state.step is None or state.step.seq != step.seq or state.fence != step.fence:
        raise Trouble(
            f"{step.name} was overtaken: the fencing number went from {step.fence} to {state.fence}",
            "the guard, a workflow or a person rolled back, or took the lease, while this was under way",
            "nothing more is to be done here; `slots status` shows what is live",
            BUSY,
        )
    return state


def owner_is_gone(machine: Machine, owner: str) -> bool:
    """Whether the process that began something was killed; or is this one, which asks only when it has nothing at work.

    The guard lives on after an error: what it could not finish then is to be healed like any other step.
    """
    return owner == myself(machine.clock) or not is_alive(owner, machine.clock)


def dangling(machine: Machine, state: State) -> list[tuple[int, str, bool]]:
    """Intents of the journal without an end: number, name, and whether the state says that they were settled."""
    ended: set[int] = set()
    found: list[tuple[int, str]] = []
    for entry in machine.journal.tail(3 * _REMEMBERED):
        if entry.get("event") == "intent" and isinstance(entry.get("seq"), int):
            found.append((entry["seq"], str(entry.get("step"))))
        elif isinstance(entry.get("of"), int):
            ended.add(entry["of"])
    open_step = state.step.seq if state.step else 0
    return [(seq, name, seq in state.settled) for seq, name in found if seq not in ended and seq != open_step]


def _remember(state: State, seq: int) -> None:
    state.settled = [*state.settled, seq][-_REMEMBERED:]
