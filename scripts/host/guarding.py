"""Whether the guard is alive: without it nobody would heal this host when a workflow dies."""

from __future__ import annotations

import json
import os
from typing import Any

from host.files import give, read_bounded, write_all
from host.machine import Machine
from host.processes import is_alive, myself
from host.trouble import Trouble


def beat(machine: Machine) -> None:
    """Say that the guard lives; a file that need not survive anything."""
    path = machine.home / "guard.json"
    text = json.dumps({"process": myself(machine.clock), "beat": machine.clock.boot()})
    beside = path.with_name(".guard.json.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    try:
        give(descriptor, path.parent)
        write_all(descriptor, text.encode())
    finally:
        os.close(descriptor)
    beside.replace(path)


def seen(machine: Machine) -> dict[str, Any]:
    """What the guard said last: alive, its process, seconds ago."""
    try:
        data = json.loads(read_bounded(machine.home / "guard.json", 4096))
        process, last = str(data["process"]), float(data["beat"])
    except (OSError, ValueError, KeyError, TypeError):
        return {"alive": False, "process": "", "seconds_ago": None}
    ago = machine.clock.boot() - last
    alive = is_alive(process, machine.clock) and 0 <= ago <= max(machine.settings.guard.beat, 0.1)
    return {"alive": alive, "process": process, "seconds_ago": round(ago, 2)}


def require_guard(machine: Machine) -> None:
    """Trouble when it is not there."""
    found = seen(machine)
    if not found["alive"]:
        raise Trouble(
            "the guard does not run on this host",
            "it was never installed (`slots guard unit`), or it was stopped",
            "run `slots guard start` (or `systemctl start` its unit), then run this again; without it nobody would "
            "switch back when the workflow dies",
        )
