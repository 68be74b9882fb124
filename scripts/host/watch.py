"""Confirm and hold: what a workflow or a person says about a release that was switched to. The guard never does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from host import lease
from host.clock import Deadline
from host.guarding import seen
from host.machine import Machine
from host.rollback import roll_back
from host.state import GUARD, HOLD, PROVING, State, Watch
from host.steps import no_rollback, note
from host.trouble import BUSY, FELL_BACK, REFUSED, Trouble


class _Late(Exception):
    """The word came after its time."""


@contextmanager
def _in_time(machine: Machine, release: str) -> Iterator[State]:
    """The state under the lock; a word that is late is told outside of it, where a rollback can take it."""
    try:
        with machine.lock.taken(machine.settings.limits.lock):
            yield machine.load()
    except _Late:
        raise _too_late(machine, release) from None


def confirm(machine: Machine, release: str, *, token: str, reason: str = "") -> dict[str, Any]:
    """The release is good: the timer stops, the guard watches on for a while, the old slot stays warm."""
    with _in_time(machine, release) as state:
        watch = _watched(machine, state, release, token)
        if watch is None:
            machine.say(f"{release[:12]} is confirmed already")
            return {"release": release, "changed": False}
        before, watch.phase, watch.reason = watch.phase, GUARD, ""
        watch.deadline = Deadline.after(machine.clock, watch.guard_for).as_json()
        state.known = [*(one for one in state.known if one != release), release][-50:]
        why = {"reason": reason[:500]} if reason else {}
        note(machine, state, "confirm", release=release, phase=before, **why)  # phase hold: a person's answer
    machine.say(f"{release[:12]} is confirmed; the guard watches it for {watch.guard_for:.0f} s more")
    return {"release": release, "changed": True, "guard_for": watch.guard_for}


def hold(machine: Machine, release: str, *, seconds: float, reason: str, token: str) -> dict[str, Any]:
    """Wait for a person so long; without an answer the guard rolls back."""
    with _in_time(machine, release) as state:
        watch = _watched(machine, state, release, token)
        if watch is None:
            raise Trouble(
                f"{release[:12]} is confirmed already",
                "the hold came after the confirm",
                f"`slots rollback --from {release}` if it is not good after all",
            )
        before, watch.phase, watch.reason = watch.phase, HOLD, reason[:500]
        watch.deadline = Deadline.after(machine.clock, seconds).as_json()
        note(machine, state, "hold", release=release, phase=before, seconds=seconds, reason=reason)
    machine.say(f"held for {seconds:.0f} s: `slots confirm {release}` or `slots rollback --from {release}`")
    return {"release": release, "seconds": seconds}


def require_closed(state: State) -> None:
    """Trouble while a deployment is neither confirmed nor rolled back."""
    if state.watch is not None and state.watch.phase != GUARD:
        raise Trouble(
            f"{state.watch.release[:12]} is not confirmed yet ({state.watch.phase})",
            "the deployment before is still being watched; its way back is the slot that is wanted now",
            f"`slots confirm {state.watch.release}` or `slots rollback --from {state.watch.release}` first",
        )


def require_idle(state: State, slot: str, release: str = "") -> None:
    """Trouble when a slot that was looked at before the lock is not the idle one any more, or holds another release."""
    kept = state.slots[slot]
    if slot != state.live and (not release or (kept.release == release and kept.running and not kept.condemned)):
        return
    now = "live" if slot == state.live else f"holding {kept.release[:12] or 'nothing'} ({kept.condemned or 'changed'})"
    raise Trouble(
        f"{slot} is {now} by now; nothing was changed",
        "a rollback came in between: the guard, a workflow or a person pulled the brake",
        "`slots status` shows what is live; look again whether there is anything to do",
        BUSY,
    )


def _watched(machine: Machine, state: State, release: str, token: str) -> Watch | None:
    """The watch of that release; None when it is over or past the confirm."""
    if state.release() != release:
        left = state.last_left(release)
        told = f"was rolled back by {left['by']} at {left['at']}" if left else "is not live"
        raise Trouble(
            f"{release[:12]} {told}; live is {state.release()[:12]}",
            str(left["reason"]) if left else "another release was switched to meanwhile",
            "do not report this deployment as a success; `slots journal` shows what happened",
            FELL_BACK if left else REFUSED,
        )
    no_rollback(machine, state)
    watch = state.watch
    if watch is None or watch.phase == GUARD:
        return None  # nothing is to be changed: whoever asks again, because the answer was lost, has no lease any more
    if token:
        lease.check(machine, state, token)
    if watch.phase == PROVING:
        raise Trouble(
            f"the switch to {release[:12]} is still being proven",
            "another command is at it, or it was killed and is about to be undone",
            "see `slots status`; confirm when the switch says that it is done",
            BUSY,
        )
    # Where there is no way back, nothing is lost by a late word, and without it the watch would never end.
    if Deadline.of(watch.deadline).passed(machine.clock) and not state.one_way():
        raise _Late
    return watch


def _too_late(machine: Machine, release: str) -> Trouble:
    """What was promised at the switch holds: without a word in time the host goes back. Without a guard, we do it."""
    over = f"the time to confirm {release[:12]} is over, and the guard"
    if seen(machine)["alive"]:
        do = "see `slots status`; switch again if the release was good and only the confirm was late"
        return Trouble(f"{over} is switching back", "the watch took longer than `--confirm-within`", do, BUSY)
    why = "no confirm came in time, and the guard does not run"
    back = roll_back(machine, release, by=machine.who, reason=why, timer=True)
    done = "this command switched back to" if back["changed"] else "nothing was changed, live is"
    return Trouble(
        f"{over} does not run: {done} {back['release'][:12]}",
        "the guard was stopped or killed after the switch, so nobody kept the time",
        "run `slots guard start` (or `systemctl start` its unit), then switch again if only the confirm was late",
        FELL_BACK,
    )
