"""What a process started."""

from __future__ import annotations

import time
from pathlib import Path


def children(pid: int) -> list[tuple[int, str]]:
    """Ids and names of the processes that a process started."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = entry.read_text().rpartition(")")
        except OSError:
            continue
        if int(rest.split()[1]) == pid:
            found.append((int(entry.parent.name), name.partition("(")[2]))
    return found


def begun(pid: int) -> list[tuple[int, str]]:
    """The same, once each is the program that it was started to be: until then it is a copy of its parent."""
    ends = time.monotonic() + 30
    while True:
        found = children(pid)
        if not any(_command(child) == _command(pid) for child, _ in found):
            return found
        assert time.monotonic() < ends, found


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
