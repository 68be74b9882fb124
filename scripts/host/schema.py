"""Can we go back? The live schema revision against what each release knows; and the migration itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from host import database, lease, points, slots
from host.heal import heal
from host.machine import Machine
from host.processes import Ended
from host.releases import manifest, require_known
from host.state import State, Step
from host.steps import begin, note, settle, still_mine
from host.trouble import UNKNOWN, Trouble
from host.watch import require_idle

_REVISION_SQL = "SELECT string_agg(version_num, ' ' ORDER BY version_num) FROM alembic_version"


def judge(old: list[str], new: dict[str, Any]) -> tuple[str, str]:
    """Verdict and why. `old` are the revisions the release before knows, `new` is the manifest of the one to come."""
    added = [one for one in new.get("revisions", []) if one not in old]
    if not added:
        return "switch-only", "no revision that the release before does not know"
    hard = [one for one in added if one not in new.get("expand", [])]
    if not hard:
        return "switch-only", f"{len(added)} new, all of them only add ({', '.join(added[:5])})"
    if all(one in new.get("reversible", []) for one in added):
        return (
            "downgrade-first",
            f"{', '.join(hard[:5])} removes or changes what the old code needs, and has a downgrade",
        )
    return "forward-only", f"{', '.join(hard[:5])} removes or changes what the old code needs"


def verdict(machine: Machine, old: str, new: str) -> dict[str, str]:
    """The same for two releases of this host; unknown when a manifest is missing or the database knows more."""
    before, after = manifest(machine, old), manifest(machine, new)
    if not after:
        return {"verdict": "unknown", "why": f"{new[:12]} was not received", "release": new}
    if not after.get("revisions"):
        return {"verdict": "switch-only", "why": "the release has no migrations", "release": new}
    if not before:
        return {"verdict": "unknown", "why": f"there is no manifest of the live release {old[:12]}", "release": new}
    found, why = judge(before.get("revisions", []), after)
    strange = [one for one in live(machine) if one not in after["revisions"]]
    if strange:
        found, why = "forward-only", f"the database is at {', '.join(strange)}, which {new[:12]} does not know"
    return {"verdict": found, "why": why, "release": new}


def live(machine: Machine) -> list[str]:
    """The revisions the database is at; empty when nothing is configured to ask."""
    commands = machine.settings.commands
    if commands.revision:
        state = machine.load()
        ended = slots.command(machine, "revision", state.live, state.release(), 60, answers=True)
        if not ended.good:
            raise Trouble(
                f"the live revision could not be read: {ended.why()}",
                "commands.revision is wrong, or the database does not answer",
                "run it by hand on this host",
                UNKNOWN,
            )
        return ended.said.split()
    return database.ask(machine, _REVISION_SQL).split() if commands.psql else []


def migrate(machine: Machine, release: str, *, token: str, acknowledged: bool) -> dict[str, Any]:
    """Run the new release's migrations, then ask whether the new slot is ready and the live one still is."""
    if not machine.settings.commands.migrate:
        machine.say("commands.migrate is not set: nothing was migrated")
        return {"release": release, "changed": False}
    require_known(machine, release)
    with machine.work.taken(machine.settings.limits.lock):
        heal(machine)
        state = machine.load()
        slot = _prepared(state, release)
        told = verdict(machine, state.release(), release)
        if told["verdict"] != "switch-only" and not acknowledged:
            raise Trouble(
                f"after this migration there is no way back by a switch ({told['verdict']}): {told['why']}",
                "a migration of this release removes or changes something",
                "ship the removal in a later release, or run this again with --acknowledged",
            )
        limit = database.read_back(machine) if machine.settings.commands.psql else "not set"
        ended = _run(machine, release, slot, told, token)
        ready = _proven(machine, machine.load(), release, slot)
    machine.say(f"migrated for {release[:12]} in {ended.seconds:.1f} s, lock_timeout {limit}; {told['verdict']}")
    return {"release": release, "changed": True, "seconds": round(ended.seconds, 2), "back": told, "ready": ready}


def _prepared(state: State, release: str) -> str:
    slot = state.slot_of(release)
    if not slot or slot == state.live or not state.slots[slot].running:
        raise Trouble(
            f"{release[:12]} is not prepared",
            "the order is: receive, prepare, migrate, switch",
            f"run `slots prepare {release}` first",
        )
    return slot


def _run(machine: Machine, release: str, slot: str, told: dict[str, str], token: str) -> Ended:
    with machine.lock.taken(machine.settings.limits.lock):
        state = machine.load()
        lease.check(machine, state, token)
        require_idle(state, slot, release)
        # From its first statement on the way back is what the verdict says, also when the migration is killed.
        # Until the switch the release that is live must go back over both: the worse of its own verdict and this one.
        worse = told if _badness(told) > _badness(state.back) else state.back
        state.back = {**worse, "next": told}
        step = begin(machine, state, "migrate", {"release": release, "slot": slot, "verdict": told["verdict"]})
    ended = _under_lock(machine, slot, release, step)
    points.reached("migrate.acted")
    with machine.lock.taken(machine.settings.limits.lock):
        state = still_mine(machine, step)
        state.slots[slot].migrated = ended.good
        event = "unknown" if ended.code is None else "undone"
        settle(machine, state, step, "done" if ended.good else event, ended=ended.code)
    if ended.code is None:
        raise _cut_short(machine, ended, machine.log_file(f"{slot}-migrate"))
    if not ended.good:
        raise Trouble(
            f"the migration {ended.why()}",
            "a statement failed or waited longer than lock_timeout for a lock; its transaction was undone",
            f"see {machine.log_file(f'{slot}-migrate')}; the live release was not touched",
        )
    return ended


def _cut_short(machine: Machine, ended: Ended, log: Path) -> Trouble:
    """Out of time: what was killed is the command here, and only the database knows how far it is."""
    known = [_told(lambda: f"the database is at {', '.join(live(machine)) or 'no revision that could be asked for'}")]
    if machine.settings.commands.psql:
        known.append(_told(lambda: database.at_work(machine)))
    return Trouble(
        f"the migration {ended.why()}",
        f"only the command on this host was stopped; the database may still be at it: {'; '.join(known)}",
        f"see {log} and pg_stat_activity, and wait until its session is gone (or end it there); then compare the "
        "revision, and run this again or raise limits.command. The live release was not touched",
    )


def _told(look: Callable[[], str]) -> str:
    try:
        return look()
    except Trouble as fault:
        return fault.what


def _badness(back: dict[str, Any]) -> int:
    order = ("switch-only", "unknown", "downgrade-first", "forward-only")
    verdict = back.get("verdict", "switch-only")
    return order.index(verdict) if verdict in order else len(order)


def _under_lock(machine: Machine, slot: str, release: str, step: Step) -> Ended:
    bounds = {**database.bounds(machine), **slots.marked(step)}
    if not machine.settings.commands.psql:
        return slots.command(machine, "migrate", slot, release, more=bounds)
    with database.advisory_lock(machine):
        return slots.command(machine, "migrate", slot, release, more=bounds)


def _proven(machine: Machine, state: State, release: str, slot: str) -> dict[str, Any]:
    """The new slot is ready, and the live one still works on the new schema (N-1)."""
    waited = slots.wait(machine, slot, release, machine.settings.limits.ready, ready=True)
    if waited.trouble:
        raise Trouble(
            f"{slot} is alive, but not ready after the migration: {waited.trouble}",
            "something it needs is down, or the schema is not what it expects",
            f"see `slots logs {slot}`; the live slot was not touched",
        )
    found = slots.trouble(machine, state.live, state.release(), ready=True)
    if not found and machine.settings.commands.smoke:
        ended = slots.command(machine, "smoke", state.live, state.release(), 120)
        found = "" if ended.good else ended.why()
    with machine.lock.taken(machine.settings.limits.lock):
        state = machine.load()
        note(machine, state, "n-1", release=state.release(), trouble=found)
    if found:
        raise Trouble(
            f"the live release does not work on the new schema: {found}",
            "the migration took away something that the old code needs",
            f"downgrade the schema now; `slots logs {state.live}` shows the errors",
        )
    return {"seconds": round(waited.seconds, 2), "smoke": bool(machine.settings.commands.smoke)}
