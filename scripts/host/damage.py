"""When the state cannot be read: what still can be told (flag, slots, journal), and the way on."""

from __future__ import annotations

import shlex
from typing import Any

from host import slots
from host.machine import Machine
from host.probe import front_look
from host.trouble import UNKNOWN, Damaged, Trouble


def explained(machine: Machine, fault: Damaged) -> Trouble:
    """The trouble with what is live by every other witness, and with the commands that set the state up anew."""
    told = last_live(machine)
    looks = {name: slots.look(machine, name, ready=False) for name in machine.settings.slots}
    front = front_look(machine.settings.front, machine.settings.health)
    flag = machine.pointer.read()
    live = flag or told.get("live") or front.slot or machine.settings.first
    release = looks[live].release or (told.get("release", "") if told.get("live") == live else "")
    seen = [f"{name} answers: {look.release[:12] or look.error or look.status}" for name, look in looks.items()]
    witnesses = [
        f"flag: {flag or 'gone'}",
        f"front door: {front.slot or front.error or 'no slot named'}",
        *seen,
        f"journal: {told['release'][:12]} in {told['live']} since {told['at']}" if told else "journal: nothing",
    ]
    path = machine.store.path
    move = f"mv {shlex.quote(str(path))} {shlex.quote(f'{path}.damaged')}; " if path.exists() else ""
    do = (
        f"traffic is not touched by this; `slots journal` can be read. `{move}slots init --live {live} --release "
        f"{release or 'RELEASE'}`, then `slots status`; there is a way back by a switch again after the next deployment"
    )
    return Trouble(f"{fault.what} ({'; '.join(witnesses)})", fault.means, do, UNKNOWN)


def last_live(machine: Machine) -> dict[str, str]:
    """What the journal says was live last: slot, release, since when; empty when it says nothing."""
    begun: dict[Any, dict[str, str]] = {}
    live: dict[str, str] = {}
    for entry in machine.journal.entries():
        data = entry.get("data")
        if entry.get("event") == "initialised":
            live = _known(machine, entry.get("live"), entry.get("release"), entry.get("at"))
        elif entry.get("event") == "intent" and isinstance(data, dict) and "to" in data:
            begun[entry.get("seq")] = _known(machine, data["to"], data.get("release"), entry.get("at"))
        elif entry.get("event") == "done" and entry.get("of") in begun:
            live = begun.pop(entry["of"]) or live
    return live


def _known(machine: Machine, slot: object, release: object, at: object) -> dict[str, str]:
    return {"live": str(slot), "release": str(release), "at": str(at)} if slot in machine.settings.slots else {}
