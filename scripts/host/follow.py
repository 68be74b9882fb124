"""The access log as it grows, from a remembered place on; a rotation in between hides nothing."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from host.accesslog import parsed, rotated

_MOST = 8 * 1024 * 1024  # of one look; what is more is skipped, for a guard has other things to do

Place = list[int]
"""Device, inode, and how far it was read."""


class Follow:
    """One log, from the end of it on, or from a place that was remembered."""

    def __init__(self, path: Path, place: Place | None = None) -> None:
        """Nothing is opened yet."""
        self.path, self.remembered = path, place
        self.stream: IO[bytes] | None = None
        self.offset = self.skipped = 0

    def close(self) -> None:
        """Let the file go."""
        if self.stream is not None:
            self.stream.close()
            self.stream = None

    @property
    def place(self) -> Place | None:
        """Where it is, to be remembered."""
        if self.stream is None:
            return None
        status = os.fstat(self.stream.fileno())
        return [status.st_dev, status.st_ino, self.offset]

    def records(self) -> list[dict[str, Any]]:
        """What was written since the last look; OSError when it cannot be read."""
        if self.stream is None:
            self._open()
        if self.stream is None:
            return []
        found = self._rest()
        with suppress(FileNotFoundError):
            now = self.path.stat()
            before = os.fstat(self.stream.fileno())
            if (now.st_dev, now.st_ino) != (before.st_dev, before.st_ino):
                # nginx may have written to the old one until the signal: its rest first.
                found += self._rest()
                self.close()
                self.stream, self.offset = self.path.open("rb"), 0
                found += self._rest()
        return found

    def _open(self) -> None:
        wanted, self.remembered = self.remembered, None
        if wanted:
            for name in (self.path.name, *rotated(self.path)):
                with suppress(OSError):
                    stream = self.path.with_name(name).open("rb")
                    status = os.fstat(stream.fileno())
                    if [status.st_dev, status.st_ino] == wanted[:2]:
                        self.stream, self.offset = stream, wanted[2]
                        return
                    stream.close()
        with suppress(FileNotFoundError):
            self.stream = self.path.open("rb")
            self.offset = 0 if wanted else self.stream.seek(0, os.SEEK_END)

    def _rest(self) -> list[dict[str, Any]]:
        if self.stream is None:
            return []
        size = os.fstat(self.stream.fileno()).st_size
        if size < self.offset:  # was cut to nothing where it lay
            self.offset = 0
        if size - self.offset > _MOST:
            self.skipped += size - _MOST - self.offset
            self.offset = size - _MOST
        self.stream.seek(self.offset)
        whole, line_end, _ = self.stream.read(_MOST).rpartition(b"\n")
        self.offset += len(whole) + len(line_end)
        return parsed(whole.split(b"\n"))[0] if line_end else []
