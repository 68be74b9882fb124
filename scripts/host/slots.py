"""Starting, stopping and asking a slot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from host.clock import Deadline
from host.config import release_id
from host.files import read_bounded
from host.leftovers import VARIABLE
from host.machine import Machine
from host.masking import masked
from host.pointer import wait_until_idle
from host.probe import Look, slot_look
from host.processes import Ended, run
from host.state import State, Step

_PAUSE = 0.1


@dataclass(frozen=True)
class Waited:
    """How a wait for a slot ended: why it is not well (empty: it is), how long, and what it answered meanwhile."""

    trouble: str
    seconds: float
    history: list[str]


def filled(argv: Sequence[str], values: dict[str, str]) -> list[str]:
    """The words with their placeholders filled; other braces stay as they are."""
    words = []
    for word in argv:
        for name, value in values.items():
            word = word.replace("{" + name + "}", value)  # noqa: PLW2901 - one after the other
        words.append(word)
    return words


def command(
    machine: Machine,
    name: str,
    slot: str,
    release: str,
    seconds: float = 0,
    more: Mapping[str, str] | None = None,
    *,
    answers: bool = False,
) -> Ended:
    """Run one of the configured commands for a slot, with `more` in its environment; its output is kept.

    One that `answers` is read: what it prints on standard error is no part of the answer.
    """
    settings = machine.settings
    argv = getattr(settings.commands, name)
    # Of a log that is asked for by `{since}`, an error shows the last hour.
    since = str(int(machine.clock.wall()) - 3600)
    values = {"slot": slot, "port": str(settings.slots[slot]), "release": release, "since": since}
    env = {"SLOT": slot, "SLOT_PORT": values["port"], "RELEASE": release, **images(machine, release), **(more or {})}
    limit, log = seconds or settings.limits.command, machine.log_file(f"{slot}-{name}")
    errors = machine.log_file(f"{slot}-{name}-errors") if answers else None
    return run(filled(argv, values), limit, log, env, errors=errors)


def start(machine: Machine, slot: str, release: str, step: Step | None = None) -> Ended:
    """Start a release in a slot; returns when it was started, not when it is healthy."""
    return command(machine, "start", slot, release_id(release), more=marked(step))


def stop(machine: Machine, slot: str, release: str, step: Step | None = None) -> Ended:
    """Stop it gracefully, bounded."""
    return command(machine, "stop", slot, release, machine.settings.limits.stop, marked(step))


def marked(step: Step | None) -> dict[str, str]:
    """The environment by which what a step's command leaves behind is found, when the step has to be undone."""
    return {VARIABLE: step.mark} if step is not None and step.mark else {}


def drain(machine: Machine, state: State, slot: str) -> None:
    """Wait until nobody talks to a slot that traffic was taken from: the least time first, then open connections.

    The least time is for requests whose slot was chosen while their body was still coming: they have no connection yet.
    """
    if state.switched is not None:
        left = Deadline.of(state.switched).remaining(machine.clock)
        if left > 0:
            machine.clock.sleep(left)
    port, most = machine.settings.slots[slot], machine.settings.limits.drain_most
    if not wait_until_idle(port, machine.pointer, most):
        machine.say(f"{slot} still had open connections after {most:.0f} s: they are closed by its own graceful stop")


def look(machine: Machine, slot: str, *, ready: bool) -> Look:
    """Ask a slot on its own port whether it is alive, or ready."""
    health = machine.settings.health
    return slot_look(machine.settings.slots[slot], health.ready if ready else health.alive, health)


def trouble(machine: Machine, slot: str, release: str, *, ready: bool) -> str:
    """Why a slot is not alive (or not ready), or not of that release; empty when it is."""
    seen = look(machine, slot, ready=ready)
    return seen.trouble(slot if seen.slot else "", release)


def wait(machine: Machine, slot: str, release: str, seconds: float, *, ready: bool = False) -> Waited:
    """Look at a slot again and again until it is alive (or ready) and names the release."""
    begun, history = machine.clock.boot(), list[str]()
    while True:
        found = trouble(machine, slot, release, ready=ready)
        passed = machine.clock.boot() - begun
        if not found:
            return Waited("", passed, history)
        if not history or not history[-1].endswith(found):
            history.append(f"{passed:.1f} s: {found}")
        if passed >= seconds:
            return Waited(found, passed, history[-20:])
        machine.clock.sleep(_PAUSE)


def last_words(machine: Machine, slot: str, release: str) -> str:
    """The last log lines of a slot, for an error."""
    if machine.settings.commands.logs:
        said = command(machine, "logs", slot, release, 20).said
    else:
        path = machine.log_file(f"{slot}-start")
        said = path.read_bytes()[-65536:].decode(errors="replace") if path.exists() else ""
    # Masked before it is cut: half a secret looks like none.
    return masked("\n".join(said.strip().splitlines()[-20:]))[-4000:] or "it wrote nothing"


def images(machine: Machine, release: str) -> dict[str, str]:
    """`IMAGE_SERVICE=digest` for each image of the release's manifest."""
    found = digests(machine, release)
    return {f"IMAGE_{name.upper().replace('-', '_')}": digest for name, digest in found.items()}


def digests(machine: Machine, release: str) -> dict[str, str]:
    """The digest of each image of the release's manifest, by service."""
    path = machine.home / "releases" / release / "manifest.json"
    try:
        found = json.loads(read_bounded(path, 1 << 20)).get("images", {})
    except (OSError, ValueError, AttributeError):
        return {}
    return {str(name): str(digest) for name, digest in found.items()} if isinstance(found, dict) else {}
