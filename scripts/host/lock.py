"""One at a time: `flock` with a time limit. The kernel lets go of it when the holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from host.clock import Clock
from host.files import give
from host.processes import is_alive, myself
from host.trouble import BUSY, Trouble

ROLLBACK = "rollback"
_WIDTH = 96
_PAUSE = 0.02


class Lock:
    """A lock file; what stands in it says who holds it, for what, since when. The lock itself is the kernel's."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """The file is made when it is first taken, and stays."""
        self.path, self.clock = path, clock

    @contextmanager
    def taken(self, seconds: float, *, doing: str = "", longest: float | None = None) -> Iterator[None]:
        """Hold it, waiting so long at most; `doing` is what for.

        With `longest` a holder that does not let go in time is killed: everything here is made to survive that, and a
        rollback must not wait for somebody who hangs. Unless he is rolling back himself: that is waited for, so long.
        """
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            give(descriptor, self.path.parent)
            free = self._wait(descriptor, seconds) if longest is None else self._past(descriptor, seconds, longest)
            if not free:
                raise self._busy()
            told = f"{myself(self.clock)} {doing or '-'} {self.clock.boot():.3f}"
            os.pwrite(descriptor, told.ljust(_WIDTH).encode(), 0)
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

    def holder(self) -> tuple[str, str, str]:
        """Who took it last, as `processes.myself` names a process; what for; since when."""
        with suppress(OSError):
            words = self.path.read_bytes()[:_WIDTH].decode(errors="replace").split()
            return (words[0], words[1], words[2]) if len(words) == 3 else ("".join(words[:1]), "", "")
        return "", "", ""

    def _wait(self, descriptor: int, seconds: float) -> bool:
        until = self.clock.boot() + seconds
        while not _locked(descriptor):
            if self.clock.boot() >= until:
                return False
            self.clock.sleep(_PAUSE)
        return True

    def _past(self, descriptor: int, seconds: float, longest: float) -> bool:
        """Wait for each holder so long, then kill him; for a rollback until the end."""
        begun = since = self.clock.boot()
        holder = self.holder()
        while not _locked(descriptor):
            now, before, holder = self.clock.boot(), holder, self.holder()
            if now - begun >= max(longest, seconds):
                return False
            if holder != before:
                since = now  # another one by now: his time begins
            elif now - since >= seconds and holder[1] != ROLLBACK:
                if not self._end(holder[0]):
                    return False
                since = now
            self.clock.sleep(_PAUSE)
        return True

    def _end(self, holder: str) -> bool:
        """Whether waiting on makes sense: a process of another user cannot be killed."""
        if is_alive(holder, self.clock):
            try:
                os.kill(int(holder.split(":")[1]), signal.SIGKILL)
            except PermissionError:
                return False
            except (OSError, ValueError):
                return True
        return True

    def _busy(self) -> Trouble:
        holder, doing, _ = self.holder()
        process = holder.partition(":")[2].partition(":")[0] or "unknown"
        if doing == ROLLBACK:
            return Trouble(
                f"another rollback is at work (process {process}) and does not come to its end",
                "nginx or the disk hangs, or that process was stopped; a rollback is never killed by another one",
                f"`slots status` shows how far it is; if it hangs, `kill -9 {process}` and run this again: what it had "
                "begun is finished",
                BUSY,
            )
        return Trouble(
            f"another command is at work (process {process})",
            "two people, or a person and a workflow, want to change this host at once",
            "wait until it is done (`slots status`), then run this again; a rollback never waits for it",
            BUSY,
        )


def _locked(descriptor: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
