"""What is live, what is warm, what is under way, and what does not fit together; looks only."""

from __future__ import annotations

from typing import Any

from host import lease, slots
from host.clock import Deadline
from host.guarding import seen
from host.machine import Machine
from host.probe import front_look
from host.state import PROVING, State
from host.steps import dangling, owner_is_gone


def status(machine: Machine, *, looks: bool = True) -> dict[str, Any]:
    """Everything a person wants to know first; with `looks` the slots and the front door are asked."""
    state = machine.load()
    told: dict[str, Any] = {
        "application": machine.settings.application,
        "live": state.live,
        "release": state.release(),
        "flag": machine.pointer.read(),
        "rollback": _way_back(machine, state),
        "slots": {name: _slot(machine, state, name, looks=looks) for name in state.slots},
        "watch": _watch(machine, state),
        "lease": lease.shown(machine, state.lease),
        "guard": seen(machine),
        "step": None,
        "fence": state.fence,
        "left": state.left[-3:],
    }
    if state.step is not None:
        gone = owner_is_gone(machine, state.step.owner)
        told["step"] = {"name": state.step.name, "seq": state.step.seq, "killed": gone}
    if looks:
        look = front_look(machine.settings.front, machine.settings.health)
        trouble = look.trouble(state.live, state.release())
        told["front"] = {"trouble": trouble, "slot": look.slot, "release": look.release, "status": look.status}
    told["findings"] = _findings(machine, state, told)
    return told


def _slot(machine: Machine, state: State, name: str, *, looks: bool) -> dict[str, Any]:
    kept = state.slots[name]
    told: dict[str, Any] = {"port": machine.settings.slots[name], **vars(kept)}
    if looks and kept.running:
        for word, ready in (("alive", False), ("ready", True)):
            look = slots.look(machine, name, ready=ready)
            told[word] = look.trouble(name if look.slot else "", kept.release) or "yes"
            told[f"{word}_seconds"], told["names"] = round(look.seconds, 4), look.release
    return told


def _way_back(machine: Machine, state: State) -> dict[str, Any]:
    if not state.previous:
        return {"possible": False, "kind": "none", "release": "", "about_seconds": None}
    kept = state.slots[machine.settings.other(state.live)]
    warm = kept.running and kept.release == state.previous
    verdict = state.back.get("verdict", "switch-only")
    return {
        "possible": verdict == "switch-only",
        "kind": "warm" if warm else "cold",
        "release": state.previous,
        "about_seconds": 0.1 if warm else round(kept.start_seconds + 1, 1),
        "schema": verdict,
    }


def _watch(machine: Machine, state: State) -> dict[str, Any] | None:
    watch = state.watch
    if watch is None:
        return None
    left = Deadline.of(watch.deadline).remaining(machine.clock)
    told = {"phase": watch.phase, "release": watch.release, "seconds_left": round(left, 1), "by": watch.by}
    return {**told, "reason": watch.reason}


def _findings(machine: Machine, state: State, told: dict[str, Any]) -> list[str]:
    found = []
    if told["flag"] != state.live:
        gone = f"the flag names nothing, the state {state.live}: it was lost; `slots guard restore` puts it back"
        found.append(moved_by_hand(machine, state, told["flag"]) if told["flag"] else gone)
    if told["step"] and told["step"]["killed"]:
        found.append(
            f"{told['step']['name']} was killed half way; the next command, or the guard, finishes or undoes it"
        )
    if state.watch is not None and state.watch.phase == PROVING and owner_is_gone(machine, state.watch.owner):
        found.append("a switch was killed before it was proven; the next command, or the guard, switches back")
    if state.watch is not None and not told["guard"]["alive"]:
        found.append("the guard does not run: nobody switches back when the workflow dies (`slots guard start`)")
    for seq, name, settled in dangling(machine, state):
        found.append(f"journal line {seq} ({name}) has no end; it was {'done' if settled else 'not begun'}")
    front = told.get("front")
    if front and front["trouble"]:
        found.append(f"front door: {front['trouble']}")
    return found


def moved_by_hand(machine: Machine, state: State, found: str) -> str:
    """What to do about a flag on another slot than the live one of the state; nothing is adopted by itself."""
    return (
        f"the flag names {found}, the state {state.live}: moved by hand? nothing was overwritten; "
        f"`slots rollback --from {state.release()}` or `slots switch RELEASE` make the state follow, "
        f"`{machine.pointer.by_hand(state.live)}` takes the traffic back to {state.live}"
    )


def lines(told: dict[str, Any]) -> list[str]:
    """For a terminal."""
    back = told["rollback"]
    way = f"{back['kind']}, to {back['release'][:12]}, about {back['about_seconds']} s" if back["release"] else "none"
    if not back["possible"] and back["release"]:
        way += f", not by a switch alone: {back['schema']}"
    found = [f"{told['application']}: {told['release']} is live in {told['live']}", f"way back: {way}"]
    for name, slot in told["slots"].items():
        state = "running" if slot["running"] else "stopped"
        health = f", alive: {slot['alive']}, ready: {slot['ready']}" if "alive" in slot else ""
        bad = f", condemned: {slot['condemned']}" if slot["condemned"] else ""
        found.append(f"{name}: {state} {slot['release'][:12]} on {slot['port']}{health}{bad}")
    if told["watch"]:
        why = f" ({told['watch']['reason']})" if told["watch"]["reason"] else ""
        found.append("watch: {phase} of {release:.12}, {seconds_left} s left".format(**told["watch"]) + why)
    if told["lease"]:
        found.append("lease: {holder} ({reason}; {run}), active: {active}".format(**told["lease"]))
    found.append(f"guard: {'alive' if told['guard']['alive'] else 'NOT alive'}")
    return found + [f"finding: {text}" for text in told["findings"]]
