"""Starting the guard, and what has to come back after a reboot: the flag, the slots, the timers."""

from __future__ import annotations

import getpass
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from host import slots
from host.files import append_to
from host.guarding import seen
from host.heal import heal
from host.machine import Machine
from host.processes import environment, is_alive
from host.status import moved_by_hand
from host.trouble import UNKNOWN, Trouble, owner_of

_PATIENCE = 10.0
MOVED = "moved by hand"


def restore(machine: Machine) -> dict[str, Any]:
    """Bring flag and slots back to what the state says. Timers are in the state: nothing is to be done for them.

    First what users need (the flag, the live slot), then what was cut short: that may take long, or fail.
    A flag that a person moved (the last resort) is not overwritten while the slot that it names answers well.
    """
    machine.urgent = True
    kept: Exception | None = None
    with machine.work.taken(machine.settings.limits.lock):
        first = machine.pointer.read() or machine.load().live
        moved = _flag(machine)
        started = [first] if _start(machine, first) else []
        moved = _flag(machine, by_hand=True) or moved
        try:
            heal(machine)
        except (Trouble, OSError) as fault:
            kept = fault
        live = machine.load().live
        started += [name for name in (live, machine.settings.other(live)) if name != first and _start(machine, name)]
        if moved != MOVED:
            moved = _flag(machine, by_hand=True) or moved
    if kept is not None:
        raise kept
    return {"live": live, "flag": moved or "as it was", "started": started}


def _flag(machine: Machine, *, by_hand: bool = False) -> str:
    """Put a flag that is gone where the state says. Of one that stands elsewhere a step that is under way is asked
    (`heal`), then (`by_hand`) the slot that it names: somebody who moved it there knew why."""
    with machine.lock.taken(machine.settings.limits.lock):
        state = machine.load()
        found = machine.pointer.read()
        if found == state.live or (found and (state.step is not None or not by_hand)):
            return ""
        kept = state.slots[found].release if found else ""
        if kept and not slots.trouble(machine, found, kept, ready=True):
            told = moved_by_hand(machine, state, found)
            machine.log("alert", kind="flag", text=told)
            machine.say(told)
            return MOVED
        _put(machine, state.live, found)
        machine.log("restored", flag=state.live, found=found)
    machine.say(f"the flag was {found or 'gone'}: it is on {state.live} again")
    return "restored"


def _put(machine: Machine, slot: str, found: str) -> None:
    """In mode reload nginx may be down: then it reads the file when it starts, and the slots are started all the same.

    After a file that was lost it runs with the slot of before; it is told only of one that stood elsewhere.
    """
    machine.pointer.restore(slot)
    if found:
        try:
            machine.pointer.point(slot)
        except Trouble as fault:
            machine.say(f"nginx was not told that it is {slot}: {fault.what}; {fault.do}")


def _start(machine: Machine, slot: str) -> bool:
    """Start a slot that should run and does not answer; the live one first."""
    kept = machine.load().slots[slot]
    if not kept.running or not slots.trouble(machine, slot, kept.release, ready=False):
        return False
    ended = slots.start(machine, slot, kept.release)
    waited = slots.wait(machine, slot, kept.release, machine.settings.limits.start if ended.good else 0)
    machine.log("started", slot=slot, release=kept.release, trouble=waited.trouble, why="restore")
    told = f"did not come up: {waited.trouble}" if waited.trouble else f"started in {waited.seconds:.1f} s"
    machine.say(f"{kept.release[:12]} in {slot}: {told}")
    return True


def start_guard(machine: Machine, config: Path) -> dict[str, Any]:
    """Start the guard in a session of its own, so that it outlives the SSH connection."""
    if seen(machine)["alive"]:
        return {"started": False, "process": seen(machine)["process"]}
    with append_to(machine.log_file("guard")) as out:
        child = subprocess.Popen(
            [sys.executable, "-I", str(Path(sys.argv[0]).resolve()), "--config", str(config), "guard", "run"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment(),
            start_new_session=True,
            cwd="/",
        )
    until = machine.clock.boot() + _PATIENCE
    while machine.clock.boot() < until and child.poll() is None:
        found = seen(machine)
        if found["alive"]:
            return {"started": True, "process": found["process"]}
        machine.clock.sleep(0.05)
    raise Trouble(
        "the guard did not come up",
        "its configuration or its folder is wrong, or another one is just starting",
        f"see {machine.log_file('guard')}",
        UNKNOWN,
    )


def stop_guard(machine: Machine) -> dict[str, Any]:
    """End it and wait for that; a systemd unit would start it again at once."""
    process = str(seen(machine)["process"])
    if not is_alive(process, machine.clock):
        return {"stopped": False}
    os.kill(int(process.split(":")[1]), signal.SIGTERM)
    until = machine.clock.boot() + _PATIENCE
    while is_alive(process, machine.clock) and machine.clock.boot() < until:
        machine.clock.sleep(0.05)
    return {"stopped": not is_alive(process, machine.clock)}


def unit(machine: Machine, program: Path, config: Path) -> str:
    """A systemd unit: restored at boot, started again whenever it ends; as the user to whom the state belongs."""
    command = f"/usr/bin/python3 -I {program} --config {config}"
    return f"""[Unit]
Description=guard of the slots of {machine.settings.application}
After=network-online.target docker.service
Wants=network-online.target

[Service]
User={_owner(machine)}
ExecStartPre=-{command} guard restore
ExecStart={command} guard run
Restart=always
RestartSec=1
KillMode=process
TimeoutStartSec=300

[Install]
WantedBy=multi-user.target
"""


def hook(machine: Machine, program: Path, config: Path) -> str:
    """Where there is no systemd: a line for `crontab -e`."""
    line = f"@reboot /usr/bin/python3 -I {program} --config {config} guard boot\n"
    return f"{line}# in the crontab of the user to whom the state belongs: crontab -u {_owner(machine)} -e\n"


def _owner(machine: Machine) -> str:
    return owner_of(machine.home).lstrip("#") or getpass.getuser()
