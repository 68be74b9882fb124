"""Both slots can run at once: room on the host, connections for two, and nothing twice that may run only once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy_gate.catalog import About
from deploy_gate.facts import onhost, slotfacts
from deploy_gate.facts.onhost import Place
from deploy_gate.facts.slotfacts import Line, Slot
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.ssh.client import Connection

ABOUT = About(secrets=onhost.SECRETS, reads=onhost.READS, timeout=120)
_MEASURES = ("memory", "disk", "connections")
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class Facts:
    """The slots, the lines of the preflight by name, and how many containers each of the wanted services has."""

    slots: list[Slot]
    lines: Mapping[str, Line]
    containers: Mapping[str, int] = field(default_factory=dict)


def check(
    *, host: str, host_keys: str, config: str, measured: list[str], both_running: bool, once: list[str]
) -> Result:
    """Ask the host program, and docker where something may run only once."""
    validate(host=host, config=config, measured=measured, once=once)
    with onhost.opened(Place(host, host_keys, config)) as there:
        slots = slotfacts.slots(there.good("status"))
        lines = slotfacts.lines(onhost.preflight(there))
        facts = Facts(slots, lines, _containers(there.connection, once))
    return judge(facts, measured, both_running=both_running)


def validate(*, host: str, config: str, measured: list[str], once: list[str], **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    onhost.validate(host, config)
    legal = ", ".join(_MEASURES)
    wrong = [f"input 'measured' names {brief(one)!r}, expected {legal}" for one in measured if one not in _MEASURES]
    wrong += [f"input 'once': {brief(one)!r} is no service" for one in once if not _SERVICE.fullmatch(one)]
    if not measured:
        wrong.append(f"input 'measured' is empty, expected at least one of {legal}")
    if wrong:
        raise Misconfigured(wrong)


def _containers(connection: Connection, once: list[str]) -> dict[str, int]:
    if not once:
        return {}
    form = '{{.Label "com.docker.compose.service"}}'
    said = connection.ask(["docker", "ps", "--no-trunc", "--format", form], timeout=30)
    counted = Counter(line.strip() for line in said.splitlines())
    return {one: counted[one] for one in once}


def judge(facts: Facts, measured: list[str], *, both_running: bool) -> Result:
    """Failed lines first; CouldNotTell for what was not measured; then the slots and what runs only once."""
    evidence: list[Evidence] = [{"message": slotfacts.shown(one)} for one in facts.lines.values()]
    if lines := slotfacts.settled(facts.lines, measured):
        fix = brief(lines[0].fix, 300) or "make room for two slots"
        return failed("; ".join(map(slotfacts.shown, lines)), fix, evidence=evidence)
    for slot in facts.slots:
        if slot.running and slot.alive != "yes":
            found = f"{slot.name} should run beside the other slot and does not: {brief(slot.alive, 200)}"
            return failed(found, f"see `slots logs {slot.name}` on the server", evidence=evidence)
    stopped = [one.name for one in facts.slots if not one.running]
    if stopped and both_running:
        found = f"{', '.join(stopped)} is stopped, both slots must run"
        return failed(found, "start it: `slots prepare RELEASE` on the server, or deploy", evidence=evidence)
    if twice := [one for one, count in facts.containers.items() if count > 1]:
        found = f"{brief(twice[0])} runs {facts.containers[twice[0]]} times, it may run once"
        fix = "move it out of the slots into a compose project of its own, or let it take a lock in the database"
        return failed(found, fix, evidence=evidence)
    if gone := [one for one, count in facts.containers.items() if not count]:
        fix = "start it, or correct `once`: it names services of the compose file"
        raise CouldNotTell(f"{brief(gone[0])} may run only once, and runs nowhere", fix, evidence)
    running = "both slots run" if not stopped else f"room for both slots, {stopped[0]} is stopped now"
    told = [running, *(slotfacts.shown(facts.lines[name]) for name in measured)]
    return passed("; ".join([*told, *(f"{one} runs once" for one in facts.containers)]), evidence=evidence)
