"""Once on each host: folders, snippets, flag, and what is live now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from host import snippets
from host.config import release_id
from host.files import keep_reserve, make_folder
from host.machine import Machine
from host.state import Slot, State
from host.trouble import WRONG, Trouble, disk_trouble


def initialise(machine: Machine, live: str, release: str) -> dict[str, Any]:
    """Take over a host on which `release` runs in slot `live` (or will, when there is nothing yet)."""
    settings = machine.settings
    if live not in settings.slots:
        raise Trouble(
            f"{live!r} is no slot of this host",
            "a typing mistake",
            f"one of {', '.join(settings.slots)}",
            WRONG,
        )
    release_id(release)
    try:
        for folder in (machine.home, machine.home / "releases", machine.home / "logs"):
            make_folder(folder, 0o700)
        if settings.nginx.mode == "flag":
            make_folder(Path(settings.nginx.flags))
            Path(settings.nginx.flags).chmod(0o755)
    except OSError as fault:
        raise disk_trouble("the folders could not be made", fault) from fault
    with machine.lock.taken(settings.limits.lock):
        if machine.store.exists():
            raise Trouble(
                f"{machine.store.path} is there already",
                "this host was set up before",
                "nothing is to be done; `slots status` shows what is live",
            )
        keep_reserve(machine.home)
        slots = {name: Slot() for name in settings.slots}
        slots[live] = Slot(release, running=True, since=machine.clock.stamp())
        state = State(live, slots, known=[release])
        written = snippets.write(machine, state)
        if isinstance(machine.pointer.read(), str) and machine.pointer.read() != live:
            _first_flag(machine, live)
        machine.log("initialised", live=live, release=release)
        machine.save(state)
    machine.say(snippets.how_to(settings))
    return {"live": live, "release": release, "written": written}


def _first_flag(machine: Machine, live: str) -> None:
    # In mode reload the file was written with the snippets; nginx does not include it yet, so nothing is reloaded.
    if machine.settings.nginx.mode == "flag":
        machine.pointer.point(live)
