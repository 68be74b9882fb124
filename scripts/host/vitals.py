"""How busy this machine is, from /proc: processor, memory, disks. Shares are percent."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from host.clock import Clock
from host.trouble import UNKNOWN, Trouble

_PROC = Path("/proc")
_BLOCK = Path("/sys/block")
_NO_DISK = re.compile(r"(loop|ram|zram|fd|sr|nbd)\d")


@dataclass(frozen=True)
class Counters:
    """What only grows; `disks` are the milliseconds that each was busy, None where the kernel does not say."""

    boot: float
    busy: int
    total: int
    disks: dict[str, int] | None


def counters(clock: Clock, proc: Path = _PROC) -> Counters:
    """As of now; Trouble where /proc does not say."""
    try:
        words = (proc / "stat").read_text().split("\n", 1)[0].split()[1:9]
        user, nice, system, idle, waiting, *rest = (int(word) for word in words)
    except (OSError, ValueError) as fault:
        raise _unknown(proc / "stat", fault) from fault
    busy = user + nice + system + sum(rest)
    return Counters(clock.boot(), busy, busy + idle + waiting, _disks(proc))


def _disks(proc: Path) -> dict[str, int] | None:
    try:
        lines = [line.split() for line in (proc / "diskstats").read_text().splitlines()]
        whole = set(os.listdir(_BLOCK))  # noqa: PTH208 - names alone
    except OSError:
        return None
    found = {
        words[2]: int(words[12])
        for words in lines
        if len(words) > 12 and words[2] in whole and not _NO_DISK.match(words[2])
    }
    return found or None


def memory(proc: Path = _PROC) -> float:
    """Percent that no program could get any more of: what is only cached counts as free."""
    try:
        text = (proc / "meminfo").read_text()
        total, free = (
            int(re.findall(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)[0]) for name in ("MemTotal", "MemAvailable")
        )
        return round(100 * (1 - free / total), 2)
    except (OSError, IndexError, ZeroDivisionError) as fault:
        raise _unknown(proc / "meminfo", fault) from fault


def between(early: Counters, late: Counters) -> dict[str, float | None]:
    """Percent in between: of all processors together, and of the disk that was busiest; None: not known."""
    total, ms = late.total - early.total, (late.boot - early.boot) * 1000
    cpu = round(100 * (late.busy - early.busy) / total, 2) if total > 0 else None
    disk = None
    if early.disks and late.disks and ms > 0:
        grown = [late.disks[name] - early.disks[name] for name in late.disks if name in early.disks]
        disk = round(min(100 * max(grown) / ms, 100.0), 2) if grown else None
    return {"cpu": cpu, "disk": disk}


def look(clock: Clock, seconds: float) -> dict[str, Any]:
    """Two looks, so long apart."""
    early = counters(clock)
    clock.sleep(seconds)
    late = counters(clock)
    return {"seconds": round(late.boot - early.boot, 2), **between(early, late), "memory": memory()}


def _unknown(path: Path, fault: Exception) -> Trouble:
    return Trouble(f"{path} does not say: {fault}", "this is no Linux, or /proc is hidden", "mount /proc", UNKNOWN)
