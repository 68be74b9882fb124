"""What each command of the command line calls that only looks; each imports what it needs, as in `commands`."""

from __future__ import annotations

import argparse
from collections import deque
from typing import Any

from host.clock import Deadline
from host.machine import Machine
from host.trouble import REFUSED, UNKNOWN, WRONG, Damaged, Trouble


def run_status(machine: Machine, chosen: argparse.Namespace) -> dict[str, Any]:
    from host import status

    return status.status(machine, looks=not chosen.quick)


def run_preflight(machine: Machine, chosen: argparse.Namespace) -> dict[str, Any]:
    from host import preflight

    told = preflight.preflight(machine, chosen.release or "")
    return {**told, "exit": 0 if told["good"] else REFUSED}


def run_layers(machine: Machine, chosen: argparse.Namespace) -> dict[str, Any]:
    from host import images

    del chosen
    return images.layers(machine)


def run_logs(machine: Machine, chosen: argparse.Namespace) -> dict[str, Any]:
    from host import slotlogs, slots

    if chosen.slot not in machine.settings.slots:
        raise Trouble(f"{chosen.slot} is no slot", "a typing mistake", ", ".join(machine.settings.slots), WRONG)
    if chosen.match:
        return slotlogs.look(machine, chosen.slot, since=chosen.since, match=chosen.match, allow=chosen.allow)
    return {"text": slots.last_words(machine, chosen.slot, machine.load().slots[chosen.slot].release)}


def run_traffic(machine: Machine, chosen: argparse.Namespace) -> dict[str, Any]:
    from host import traffic

    return traffic.traffic(
        machine,
        since=chosen.since,
        until=chosen.until,
        baseline=chosen.baseline,
        classes=chosen.classes,
        markers=chosen.marker,
    )


def run_samples(machine: Machine, chosen: argparse.Namespace) -> dict[str, Any]:
    from host import sampler

    switched = machine.load().switched
    ago = round(Deadline.of(switched).elapsed(machine.clock), 1) if switched else None
    return {**sampler.samples(machine, chosen.since, chosen.until), "switched_ago": ago}


def run_resources(machine: Machine, chosen: argparse.Namespace) -> dict[str, Any]:
    from host import sampler

    return sampler.resources(machine, min(chosen.seconds, 60), chosen.over)


def run_journal(machine: Machine, chosen: argparse.Namespace) -> dict[str, Any]:
    from host import remembered

    number, digest, damaged, ledger = 0, "", "", {}
    try:
        state = machine.load()
        (number, digest), ledger = state.head, remembered.told(state.ledger)
    except Damaged as fault:  # the journal is what is needed then
        damaged = f"{fault.what}: whether the newest lines are missing cannot be told"
        machine.say(damaged)
    if chosen.what == "verify":
        found = [*machine.journal.faults(int(number), str(digest)), *([damaged] if damaged else [])]
        return {"faults": found, "exit": UNKNOWN if found else 0, "entries": [], "ledger": ledger.get("ledger", "")}
    if chosen.step:
        kept = (one for one in machine.journal.entries() if one.get("step") == chosen.step)
        return {"entries": list(deque(kept, max(chosen.lines, 1)))}
    return {"entries": machine.journal.tail(chosen.lines)}
