"""Files that are the old ones or the new ones, never half of both; and a reserve for the day the disk is full."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

RESERVE = "reserve"
RESERVE_BYTES = 256 * 1024
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def write_whole(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replace a file: written beside it, on the disk, renamed, and the rename on the disk too.

    The name beside it is always the same, so that a killed writer leaves at most one file behind.
    """
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    try:
        os.fchmod(descriptor, mode)
        write_all(descriptor, data)
        os.fsync(descriptor)
    except OSError as fault:
        with suppress(OSError):
            beside.unlink()
        raise OSError(fault.errno, fault.strerror, str(path)) from fault
    finally:
        os.close(descriptor)
    beside.replace(path)
    sync_folder(path.parent)


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte, whatever a single write takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_folder(folder: Path) -> None:
    """Put what was created, renamed or removed in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def keep_reserve(home: Path) -> bool:
    """Hold some disk space back, so that a rollback can be recorded on a full disk; False when there is none."""
    path = home / RESERVE
    with suppress(OSError):
        if path.stat().st_size == RESERVE_BYTES:
            return True
    try:
        # Not sparse: the blocks have to be there when they are needed.
        write_whole(path, os.urandom(4096) * (RESERVE_BYTES // 4096))
    except OSError:
        return False
    return True


def spend_reserve(home: Path, fault: OSError) -> bool:
    """Give the reserve up when `fault` says that the disk is full; True when trying again makes sense."""
    if fault.errno not in _NO_ROOM:
        return False
    try:
        (home / RESERVE).unlink()
    except OSError:
        return False
    return True


def read_bounded(path: Path, limit: int) -> bytes:
    """The first `limit` bytes of a file."""
    with path.open("rb") as stream:
        return stream.read(limit)


def tail_of(path: Path, limit: int = 64 * 1024) -> str:
    """The last bytes of a text file, whole lines; an empty text when there is none."""
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - limit))
            return stream.read(limit).decode(errors="replace")
    except OSError:
        return ""
