"""Who may change this host, for how long; and the fencing number, which a rollback raises past everybody."""

from __future__ import annotations

import secrets
from typing import Any

from host.clock import Deadline
from host.machine import Machine
from host.state import Lease, State
from host.steps import no_rollback, note
from host.trouble import BUSY, WRONG, Trouble


def acquire(machine: Machine, *, holder: str, run: str, reason: str, seconds: float, manual: bool) -> dict[str, Any]:
    """Take the lease; one whose time ran out is taken over, and the journal says from whom."""
    with machine.lock.taken(machine.settings.limits.lock):
        state = machine.load()
        old = state.lease
        if old is not None and is_active(machine, old):
            raise _held(machine, old)
        no_rollback(machine, state)
        state.fence += 1
        lease = Lease(secrets.token_hex(16), holder, run, reason, manual, state.fence, {})
        lease.deadline = Deadline.after(machine.clock, seconds).as_json()
        state.lease = lease
        over = {"holder": old.holder, "run": old.run, "reason": old.reason} if old else None
        note(machine, state, "lease", holder=holder, run=run, reason=reason, manual=manual, taken_over=over)
    if old is not None:
        machine.say(f"took over the lease of {old.holder} ({old.run or 'no run'}): its time ran out")
    return {"lease": lease.token, "fence": lease.fence, "seconds": seconds}


def renew(machine: Machine, token: str, seconds: float) -> dict[str, Any]:
    """The heartbeat: so many seconds from now. Not journalled, it comes every few seconds."""
    if not token:
        raise Trouble(
            "which lease is to be renewed was not said",
            "SLOTS_LEASE is not set; without a token anybody could keep the lease of a run that is gone",
            "set SLOTS_LEASE to what `slots lease acquire` printed, or give it on standard input with `--lease -`",
            WRONG,
        )
    with machine.lock.taken(machine.settings.limits.lock):
        state = machine.load()
        check(machine, state, token)
        if state.lease is not None:
            state.lease.deadline = Deadline.after(machine.clock, seconds).as_json()
            machine.save(state)
    return {"seconds": seconds}


def release(machine: Machine, token: str) -> dict[str, Any]:
    """Give it back; doing so twice is no mistake."""
    with machine.lock.taken(machine.settings.limits.lock):
        state = machine.load()
        if state.lease is None or state.lease.token != token:
            machine.say("the lease was not held any more")
            return {"released": False}
        state.lease = None
        note(machine, state, "lease-release")
    return {"released": True}


def break_it(machine: Machine, reason: str) -> dict[str, Any]:
    """A person takes somebody else's lease away, and the journal says why."""
    with machine.lock.taken(machine.settings.limits.lock):
        state = machine.load()
        old = state.lease
        if old is None:
            return {"broken": False}
        no_rollback(machine, state)
        state.lease = None
        state.fence += 1
        note(machine, state, "lease-break", holder=old.holder, run=old.run, reason=reason)
    machine.say(f"the lease of {old.holder} is void; what it still has under way stops at its next step")
    return {"broken": True}


def is_active(machine: Machine, lease: Lease) -> bool:
    """Manual ones have no end."""
    return lease.manual or not Deadline.of(lease.deadline).passed(machine.clock)


def check(machine: Machine, state: State, token: str) -> None:
    """Whether somebody with this token (empty: without one) may change the host now."""
    lease = state.lease
    if not token:
        if lease is not None and is_active(machine, lease):
            raise _held(machine, lease)
        no_rollback(machine, state)
        return
    if lease is None or lease.token != token or lease.fence != state.fence:
        raise Trouble(
            f"this lease is not valid any more (fencing number {state.fence})",
            "its time ran out and somebody took it over, or a rollback raised the fencing number",
            "stop here; `slots status` and `slots journal` show who came in between and what is live",
            BUSY,
        )


def shown(machine: Machine, lease: Lease | None) -> dict[str, Any] | None:
    """For `status`; without the token."""
    if lease is None:
        return None
    left = None if lease.manual else round(Deadline.of(lease.deadline).remaining(machine.clock), 1)
    return {
        "holder": lease.holder,
        "run": lease.run,
        "reason": lease.reason,
        "manual": lease.manual,
        "fence": lease.fence,
        "seconds_left": left,
        "active": is_active(machine, lease),
    }


def _held(machine: Machine, lease: Lease) -> Trouble:
    left = Deadline.of(lease.deadline).remaining(machine.clock)
    until = "until it is given back" if lease.manual else f"for {left:.0f} s more"
    return Trouble(
        f"{lease.holder} holds this host {until} ({lease.reason or 'no reason given'}; {lease.run or 'no run'})",
        "another deployment is under way, or a person wants nobody to change anything now",
        "wait for it, or ask the holder; `slots lease break --reason WHY` if nobody is there any more. "
        "A rollback does not need the lease",
        BUSY,
    )
