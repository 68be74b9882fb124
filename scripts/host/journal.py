"""What was done on this host, line by line: append-only, each line holding the hash of the one before."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from host.clock import Clock
from host.files import give, sync_folder, write_all

FIRST = "0" * 64
_LONGEST = 2000
_TAIL = 256 * 1024
_PATIENCE = 2.0


class Journal:
    """One file of JSON lines."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """The file need not be there yet."""
        self.path, self.clock = path, clock

    def append(self, event: str, **fields: Any) -> tuple[int, str]:
        """Add a line and put it on the disk; its number and hash. A torn last line is cut off first, and told."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            give(descriptor, self.path.parent)
            self._alone(descriptor)
            torn = _cut_torn(descriptor)
            number, last = _head(descriptor)
            if torn:
                entry = {"event": "repaired", "torn": hashlib.sha256(torn).hexdigest(), "bytes": len(torn)}
                number, last = self._write(descriptor, number + 1, last, entry)
            number, last = self._write(descriptor, number + 1, last, {"event": event, **fields})
        finally:
            os.close(descriptor)
        if number == 1:
            sync_folder(self.path.parent)
        return number, last

    def _alone(self, descriptor: int) -> None:
        """Not every line is written under the state lock. A rollback does not wait for ever for one that hangs."""
        until = self.clock.boot() + _PATIENCE
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            if self.clock.boot() >= until:
                return
            self.clock.sleep(0.005)

    def _write(self, descriptor: int, number: int, last: str, fields: dict[str, Any]) -> tuple[int, str]:
        entry = {"seq": number, "at": self.clock.stamp(), **_bounded(fields), "prev": last}
        line = json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
        before = os.fstat(descriptor).st_size
        try:
            write_all(descriptor, line)
            os.fsync(descriptor)
        except OSError as fault:
            # A full disk takes a part of the line: without it the next reader finds a whole file.
            os.ftruncate(descriptor, before)
            raise OSError(fault.errno, fault.strerror, str(self.path)) from fault
        return number, hashlib.sha256(line).hexdigest()

    def entries(self) -> Iterator[dict[str, Any]]:
        """Every line that can be read, oldest first."""
        if not self.path.exists():
            return
        with self.path.open("rb") as stream:
            for line in stream:
                entry = _parsed(line)
                if entry is not None:
                    yield entry

    def tail(self, count: int) -> list[dict[str, Any]]:
        """The last lines that can be read, oldest first."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - _TAIL))
            lines = stream.read().split(b"\n")
        found = [entry for line in lines[-count - 2 :] if (entry := _parsed(line)) is not None]
        return found[-count:]

    def faults(self, number: int = 0, digest: str = FIRST) -> list[str]:
        """What is wrong with the chain; `number` and `digest` name a line that must be in it (from the state file)."""
        found: list[str] = []
        last, expected, anchored = FIRST, 1, number == 0
        if self.path.exists():
            with self.path.open("rb") as stream:
                for place, line in enumerate(stream, 1):
                    found += _line_faults(place, line, expected, last)
                    last, expected = hashlib.sha256(line).hexdigest(), expected + 1
                    anchored = anchored or (expected - 1 == number and last == digest)
        if not anchored:
            found.append(f"line {number}, which the state file remembers, is not there or is another one")
        return found[:50]


def _line_faults(place: int, line: bytes, expected: int, last: str) -> list[str]:
    entry = _parsed(line)
    if entry is None or not line.endswith(b"\n"):
        return [f"line {place} cannot be read"]
    found = []
    if entry.get("seq") != expected:
        found.append(f"line {place} has number {entry.get('seq')}, {expected} was expected")
    if entry.get("prev") != last:
        found.append(f"line {place} does not follow from the line before it: one of them was changed")
    return found


def _cut_torn(descriptor: int) -> bytes:
    """Cut off a last line that has no end (power was lost while it was written); return what was cut."""
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, _TAIL, max(0, size - _TAIL))
    torn = tail[tail.rfind(b"\n") + 1 :]
    if torn:
        os.ftruncate(descriptor, size - len(torn))
    return torn


def _head(descriptor: int) -> tuple[int, str]:
    """Number and hash of the last line. Where it cannot be read, lines are counted; its bytes are chained on."""
    size = os.fstat(descriptor).st_size
    if not size:
        return 0, FIRST
    tail = os.pread(descriptor, _TAIL, max(0, size - _TAIL))
    line = tail[tail.rfind(b"\n", 0, len(tail) - 1) + 1 :]
    entry = _parsed(line) or {}
    number = entry.get("seq")
    if not isinstance(number, int):
        number = sum(chunk.count(b"\n") for chunk in _chunks(descriptor))
    return number, hashlib.sha256(line).hexdigest()


def _chunks(descriptor: int) -> Iterator[bytes]:
    offset = 0
    while chunk := os.pread(descriptor, 1 << 20, offset):
        offset += len(chunk)
        yield chunk


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def _bounded(value: Any) -> Any:
    """No text longer than a line of a report: what comes from outside must not fill the disk."""
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…"
    if isinstance(value, dict):
        return {str(key): _bounded(one) for key, one in list(value.items())[:50]}
    if isinstance(value, (list, tuple)):
        return [_bounded(one) for one in value[:50]]
    return value
