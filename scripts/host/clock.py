"""Time that survives a jump of the clock, and deadlines that survive a reboot."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock:
    """The machine's clocks; tests inject their own."""

    def wall(self) -> float:
        """Seconds since 1970; can jump."""
        return time.time()

    def boot(self) -> float:
        """Seconds since the machine started; never jumps, counts while suspended, starts anew after a reboot."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def boot_id(self) -> str:
        """Which start of the machine this is."""
        try:
            return _BOOT_ID.read_text().strip()
        except OSError:
            return "unknown"

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def stamp(self) -> str:
        """The wall clock for people and journals."""
        return datetime.fromtimestamp(self.wall(), timezone.utc).isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class Deadline:
    """A moment to come: by the boot clock while the machine runs, by the wall clock after a reboot."""

    seconds: float
    boot_id: str
    boot: float
    wall: float

    @classmethod
    def after(cls, clock: Clock, seconds: float) -> Deadline:
        """The moment `seconds` from now."""
        return cls(seconds, clock.boot_id(), clock.boot() + seconds, clock.wall() + seconds)

    @classmethod
    def of(cls, data: dict[str, Any]) -> Deadline:
        """From what `as_json` wrote."""
        return cls(float(data["seconds"]), str(data["boot_id"]), float(data["boot"]), float(data["wall"]))

    def as_json(self) -> dict[str, Any]:
        """For the state file."""
        return asdict(self)

    def remaining(self, clock: Clock) -> float:
        """Seconds left, negative when it has passed.

        After a reboot the wall clock may be behind, or stand in 1970: this was set before the machine started, so at
        least the time since then has gone by, whatever the wall clock says.
        """
        if self.boot_id == clock.boot_id():
            return self.boot - clock.boot()
        return min(self.wall - clock.wall(), self.seconds - clock.boot())

    def elapsed(self, clock: Clock) -> float:
        """Seconds since it was set."""
        return self.seconds - self.remaining(clock)

    def passed(self, clock: Clock) -> bool:
        """Whether it is over."""
        return self.remaining(clock) <= 0
