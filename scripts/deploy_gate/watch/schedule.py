"""Who is due. A check never runs beside itself, however long it takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from deploy_gate.engine.executor import Job


@dataclass(slots=True)
class Probe:
    """One check with its inputs; `next` is when it is due, in seconds since the watch began."""

    job: Job
    every: float
    next: float = 0.0
    looks: int = 0

    @property
    def key(self) -> str:
        """Its name among the others."""
        return self.job.key


@dataclass(slots=True)
class Schedule:
    """All of them, and which are running."""

    probes: list[Probe]
    busy: set[str] = field(default_factory=set)

    def due(self, now: float, *, again: bool = True) -> Iterable[Job]:
        """Those to start, which count as running from now on; not `again`: those alone that were never looked at."""
        wanted = [one for one in self.probes if again or not one.looks]
        found = [one for one in wanted if one.next <= now and one.key not in self.busy]
        for probe in found:
            # From the start of the last look, yet what is late does not catch up.
            probe.next = now + probe.every
            self.busy.add(probe.key)
        return [one.job for one in found]

    def ended(self, key: str) -> None:
        """One has answered."""
        self.busy.discard(key)
        for probe in self.probes:
            probe.looks += probe.key == key

    @property
    def all_looked(self) -> bool:
        """Whether each has been taken at least once, and none is under way."""
        return not self.busy and all(one.looks for one in self.probes)
