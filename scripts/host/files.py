"""Files that are the old ones or the new ones, never half of both; and a reserve for the day the disk is full."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

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
        give(descriptor, path.parent)
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


def give(descriptor: int, folder: Path) -> None:
    """Let a new file belong to whoever owns its folder: one command as root must not shut its owner out."""
    if os.geteuid() != 0:
        return
    kept, new = folder.stat(), os.fstat(descriptor)
    if stat.S_ISREG(new.st_mode) and new.st_nlink != 1:
        return  # the same file under another name is not ours to give away
    if (new.st_uid, new.st_gid) != (kept.st_uid, kept.st_gid):
        os.fchown(descriptor, kept.st_uid, kept.st_gid)
    if kept.st_mode & 0o020:  # a folder that a group shares
        os.fchmod(descriptor, new.st_mode & 0o7777 | 0o060)


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Make a folder, with those above it; it belongs to whoever owns the one above."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=mode, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        give(descriptor, folder.parent)
    finally:
        os.close(descriptor)


def append_to(path: Path) -> BinaryIO:
    """Open a file to write at its end; a new one belongs to whoever owns the folder."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o666)
    try:
        give(descriptor, path.parent)
        return os.fdopen(descriptor, "ab")
    except OSError:
        os.close(descriptor)
        raise


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
