"""Starting the guard, and what has to come back after a reboot: the flag, the slots, the timers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from host import slots
from host.guarding import seen
from host.heal import heal
from host.machine import Machine
from host.processes import environment, is_alive
from host.trouble import UNKNOWN, Trouble

_PATIENCE = 10.0


def restore(machine: Machine) -> dict[str, Any]:
    """Bring flag and slots back to what the state says. Timers are in the state: nothing is to be done for them.

    First what users need (the flag, the live slot), then what was cut short: that may take long, or fail.
    """
    machine.urgent = True
    kept: Exception | None = None
    with machine.work.taken(machine.settings.limits.lock):
        moved = _flag(machine)
        first = machine.load().live
        started = [first] if _start(machine, first) else []
        try:
            heal(machine)
        except (Trouble, OSError) as fault:
            kept = fault
        moved = _flag(machine) or moved
        live = machine.load().live
        started += [name for name in (live, machine.settings.other(live)) if name != first and _start(machine, name)]
    if kept is not None:
        raise kept
    return {"live": live, "flag": "restored" if moved else "as it was", "started": started}


def _flag(machine: Machine) -> bool:
    """Put the flag where the state says; where it stands and a step is under way, the step is asked (`heal`)."""
    with machine.lock.taken(machine.settings.limits.lock):
        state = machine.load()
        found = machine.pointer.read()
        if found == state.live or (found and state.step is not None):
            return False
        machine.pointer.point(state.live)
        machine.log("restored", flag=state.live, found=found)
    machine.say(f"the flag was {found or 'gone'}: it is on {state.live} again")
    return True


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
    with machine.log_file("guard").open("ab") as out:
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


def unit(program: Path, config: Path, application: str) -> str:
    """A systemd unit: restored at boot, started again whenever it ends."""
    command = f"/usr/bin/python3 -I {program} --config {config}"
    return f"""[Unit]
Description=guard of the slots of {application}
After=network-online.target docker.service
Wants=network-online.target

[Service]
ExecStartPre=-{command} guard restore
ExecStart={command} guard run
Restart=always
RestartSec=1
KillMode=process
TimeoutStartSec=300

[Install]
WantedBy=multi-user.target
"""


def hook(program: Path, config: Path) -> str:
    """Where there is no systemd: a line for `crontab -e`."""
    return f"@reboot /usr/bin/python3 -I {program} --config {config} guard boot\n"
