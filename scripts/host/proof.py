"""The front door's answers: the file is not the truth, they are."""

from __future__ import annotations

from dataclasses import dataclass

from host.machine import Machine
from host.probe import front_look

_PAUSE = 0.02


@dataclass(frozen=True)
class Proof:
    """So many new connections in a row were answered by the intended slot and release, or why not."""

    trouble: str
    seconds: float
    first: float  # until the first answer of the intended slot; 0 when there was none


def prove(machine: Machine, slot: str, release: str) -> Proof:
    """Ask until enough answers in a row are right, or the time is over. A wrong one sets the count back to nothing."""
    front, begun = machine.settings.front, machine.clock.boot()
    row, first, trouble = 0, 0.0, "nothing was asked"
    while True:
        trouble = front_look(front, machine.settings.health).trouble(slot, release)
        passed = machine.clock.boot() - begun
        row = 0 if trouble else row + 1
        first = first or (passed if row else 0.0)
        if row >= front.looks:
            return Proof("", passed, first)
        if passed >= front.seconds:
            return Proof(trouble or "too few answers in time", passed, first)
        if trouble:
            machine.clock.sleep(_PAUSE)
