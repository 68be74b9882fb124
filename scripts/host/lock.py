"""One at a time: `flock` with a time limit. The kernel lets go of it when the holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from host.clock import Clock
from host.processes import is_alive, myself
from host.trouble import BUSY, Trouble

_WIDTH = 96
_PAUSE = 0.02


class Lock:
    """A lock file; what stands in it says who holds it, the lock itself is the kernel's."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """The file is made when it is first taken, and stays."""
        self.path, self.clock = path, clock

    @contextmanager
    def taken(self, seconds: float, *, end_holder: bool = False) -> Iterator[None]:
        """Hold it, waiting so long at most.

        With `end_holder` a holder that does not let go in time is killed: everything here is made to survive that, and
        a rollback must not wait for somebody who hangs. Children do not inherit the lock: Python closes its descriptor.
        """
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            if not self._wait(descriptor, seconds) and not (end_holder and self._end_holder(descriptor)):
                raise self._busy()
            os.pwrite(descriptor, myself(self.clock).ljust(_WIDTH).encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def is_free(self) -> bool:
        """Whether nobody holds it now."""
        try:
            with self.taken(0):
                return True
        except Trouble:
            return False

    def holder(self) -> str:
        """Who took it last, as `processes.myself` names a process."""
        with suppress(OSError):
            return self.path.read_bytes()[:_WIDTH].decode(errors="replace").strip()
        return ""

    def _wait(self, descriptor: int, seconds: float) -> bool:
        until = self.clock.boot() + seconds
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            if self.clock.boot() >= until:
                return False
            self.clock.sleep(_PAUSE)

    def _end_holder(self, descriptor: int) -> bool:
        holder = self.holder()
        if not is_alive(holder, self.clock):
            return self._wait(descriptor, 1)
        with suppress(OSError, ValueError):
            os.kill(int(holder.split(":")[1]), signal.SIGKILL)
        return self._wait(descriptor, 2)

    def _busy(self) -> Trouble:
        process = self.holder().partition(":")[2].partition(":")[0]
        return Trouble(
            f"another command is at work (process {process or 'unknown'})",
            "two people, or a person and a workflow, want to change this host at once",
            "wait until it is done (`slots status`), then run this again; a rollback never waits for it",
            BUSY,
        )
