"""Confirm and hold: what a workflow or a person says about a release that was switched to. The guard never does."""

from __future__ import annotations

from typing import Any

from host import lease
from host.clock import Deadline
from host.machine import Machine
from host.state import CONFIRM, GUARD, HOLD, State, Watch
from host.steps import no_rollback, note
from host.trouble import BUSY, FELL_BACK, Trouble


def confirm(machine: Machine, release: str, *, token: str) -> dict[str, Any]:
    """The release is good: the timer stops, the guard watches on for a while, the old slot stays warm."""
    with machine.lock.taken(machine.settings.limits.lock):
        state = machine.load()
        watch = _watched(machine, state, release, token)
        if watch is None:
            machine.say(f"{release[:12]} is confirmed already")
            return {"release": release, "changed": False}
        before, watch.phase, watch.reason = watch.phase, GUARD, ""
        watch.deadline = Deadline.after(machine.clock, watch.guard_for).as_json()
        state.known = [*(one for one in state.known if one != release), release][-50:]
        note(machine, state, "confirm", release=release, phase=before)  # phase hold: a person's answer
    machine.say(f"{release[:12]} is confirmed; the guard watches it for {watch.guard_for:.0f} s more")
    return {"release": release, "changed": True, "guard_for": watch.guard_for}


def hold(machine: Machine, release: str, *, seconds: float, reason: str, token: str) -> dict[str, Any]:
    """Wait for a person so long; without an answer the guard rolls back."""
    with machine.lock.taken(machine.settings.limits.lock):
        state = machine.load()
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
            FELL_BACK if left else BUSY,
        )
    no_rollback(machine, state)
    if token:
        lease.check(machine, state, token)
    watch = state.watch
    if watch is None or watch.phase == GUARD:
        return None
    # Where there is no way back, nothing is lost by a late word, and without it the watch would never end.
    late = Deadline.of(watch.deadline).passed(machine.clock) and not state.one_way()
    if watch.phase not in (CONFIRM, HOLD) or late:
        raise Trouble(
            f"{release[:12]} cannot be confirmed now ({watch.phase})",
            "the switch is still being proven, or the time to confirm is over and the guard is switching back",
            "see `slots status`; switch again if the release was good and only the confirm was late",
            BUSY,
        )
    return watch
