"""What a killed command left behind: found by a mark in its environment, not by a number that is used again.

A command is killed together with this program. What it had started itself is not, and may take the slot over later.
Every command of a step carries the step's mark, a random word, and so does whatever it starts, in groups and sessions
of its own too. A number that meanwhile belongs to another process is never hit: that one has another environment.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

VARIABLE = "SLOTS_STEP"
_LONGEST = 1 << 20
_PATIENCE = 2.0
_PAUSE = 0.02


def end_marked(mark: str) -> list[int]:
    """Kill what carries the mark, and the sessions it began; the numbers of those that could not be ended."""
    if not mark:
        return []
    wanted, until = f"{VARIABLE}={mark}".encode(), time.monotonic() + _PATIENCE
    while True:  # again and again: one that is being started is not in the first look
        found = [number for number in _numbers() if _carries(number, wanted)]
        if not found or time.monotonic() >= until:
            return found
        # What has another environment by now (env -i, a program that writes its title there) is still in the session.
        sessions = {_session(number) for number in found} - {os.getsid(0), -1}
        for number in _numbers():
            _end(number, wanted, sessions)
        time.sleep(_PAUSE)


def _end(number: int, wanted: bytes, sessions: set[int]) -> None:
    """Kill one that belongs to it, by a handle that is taken before it is looked at; one of another user stays."""
    with suppress(OSError):
        handle = os.pidfd_open(number)
        try:
            if _session(number) in sessions or _carries(number, wanted):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)


def _numbers() -> Iterator[int]:
    own = os.getpid()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != own:
            yield int(entry.name)


def _carries(number: int, wanted: bytes) -> bool:
    """Whether its environment holds the mark; a dead one has none, one of another user is not shown."""
    with suppress(OSError), Path(f"/proc/{number}/environ").open("rb") as stream:
        return wanted in stream.read(_LONGEST).split(b"\0")
    return False


def _session(number: int) -> int:
    # Field 6 of proc_pid_stat(5); the name before may hold anything.
    with suppress(OSError, IndexError, ValueError):
        return int(Path(f"/proc/{number}/stat").read_bytes().rpartition(b")")[2].split()[3])
    return -1
