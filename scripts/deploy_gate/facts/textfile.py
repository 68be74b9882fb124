"""Files that others wrote: read up to a known size, and quoted without disturbing a terminal or a log."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from deploy_gate.result import CouldNotTell, brief
from deploy_gate.units import show_size


def read(path: Path, limit: int) -> bytes | None:
    """The bytes of a regular file, None when there is none; CouldNotTell when unreadable or over `limit` bytes."""
    name = brief(str(path), 200)
    try:
        raw = read_regular(path, limit + 1)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as fault:
        raise CouldNotTell(f"{name} cannot be read: {reason(fault)}", "make it a readable file") from None
    if raw is None:
        raise CouldNotTell(f"{name} is not a regular file", "name a file")
    if len(raw) > limit:
        raise CouldNotTell(
            f"{name} is larger than {show_size(limit)}, the most that is read", "name the right file, or split it"
        )
    return raw


def read_regular(path: Path, most: int) -> bytes | None:
    """At most so many bytes of a regular file, None when it is of another kind; OSError as `open` raises it."""
    # A named pipe would block the opening for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read(most)


def reason(fault: OSError | ValueError) -> str:
    """What the system said, without the path it repeats."""
    return (fault.strerror if isinstance(fault, OSError) else None) or str(fault)
