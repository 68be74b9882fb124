"""nginx's access log as it is kept by logrotate: the file itself and those it was before, read from a moment on."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

from host.trouble import UNKNOWN, WRONG, Trouble

CHUNK = 1 << 20
_MOST_FILES = 60
_SECONDS = 60
_MARGIN = 60.0  # lines are written when a request ends, and nginx's own buffer keeps them back for a while
_TIME = re.compile(rb'"time":\s*"?(\d{9,11}(?:\.\d+)?)')
Record = dict[str, Any]


class Reading:
    """Records since a moment, oldest file first; `bad` lines were none of ours, `last` is the newest moment seen."""

    def __init__(self, path: Path, since: float) -> None:
        """Nothing is opened yet; `since` is seconds since 1970."""
        self.path, self.since = path, since
        self.lines = self.bad = self.size = 0
        self.files: list[str] = []
        self.until = time.monotonic() + _SECONDS

    def batches(self) -> Iterator[list[Record]]:
        """Lists of records, some of them from before `since`."""
        with ExitStack() as kept:
            for name, stream, packed in opened(self.path, self.since, kept):
                self.files.append(name)
                if not packed:
                    seek(stream, self.since - _MARGIN)
                yield from self._records(stream)

    def _records(self, stream: IO[bytes]) -> Iterator[list[Record]]:
        rest = b""
        while chunk := self._read(stream):
            if time.monotonic() > self.until:
                raise Trouble(
                    f"{self.path} could not be read from then on within {_SECONDS} s",
                    "the window is too long for this much traffic, or the disk is slow",
                    "ask for a shorter window",
                    UNKNOWN,
                )
            self.size += len(chunk)
            whole, line_end, rest = (rest + chunk).rpartition(b"\n")
            if line_end:
                records, bad = parsed(whole.split(b"\n"))
                self.lines, self.bad = self.lines + len(records) + bad, self.bad + bad
                yield records
            elif len(rest) > CHUNK:
                rest = b""
        # What has no line end yet is being written right now.

    def _read(self, stream: IO[bytes]) -> bytes:
        try:
            return stream.read(CHUNK)
        except (EOFError, zlib.error, gzip.BadGzipFile):  # is being packed right now, or was cut off
            return b""


def parsed(lines: list[bytes]) -> tuple[list[Record], int]:
    """The records of these lines, and how many were none."""
    with suppress(ValueError, RecursionError):
        # All at once is three times as quick as one by one.
        found = json.loads(b"[" + b",".join(lines) + b"]")
        if len(found) == len(lines) and all(type(one) is dict for one in found):
            return list(found), 0
    records = [one for one in map(_record, lines) if one is not None]
    return records, len(lines) - len(records)


def _record(line: bytes) -> Record | None:
    try:
        found = json.loads(line.decode(errors="replace"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def opened(path: Path, since: float, kept: ExitStack) -> list[tuple[str, IO[bytes], bool]]:
    """The files that hold lines since then, oldest first: name, stream, whether packed.

    Newest first while opening, so that a rotation between two of them shows one twice (and is seen by its inode), and
    never hides one.
    """
    found: list[tuple[float, str, IO[bytes], bool]] = []
    seen: set[tuple[int, int]] = set()
    current, names = _open(path, kept), rotated(path)
    if current is None and not names:
        raise Trouble(
            f"{path} is not there",
            "nginx writes another file (access.log of the host program's configuration), or nothing yet",
            "compare it with access_log in nginx's configuration, and reload nginx",
            WRONG,
        )
    # In the moment between a rename and the signal to nginx only the one with the new name is there.
    listed = [(path.name, current)] if current is not None else []
    for name in names:
        status = _status(path.with_name(name))
        if status is not None and status.st_mtime >= since:
            stream = _open(path.with_name(name), kept)
            listed += [(name, stream)] if stream is not None else []
    for name, stream in listed:
        status = os.fstat(stream.fileno())
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        packed = name.endswith(".gz")
        unpacked: IO[bytes] = io.BufferedReader(gzip.GzipFile(fileobj=stream)) if packed else stream
        found.append((status.st_mtime, name, unpacked, packed))
    # The file that is written now is the newest, whatever the clock did.
    found.sort(key=lambda one: (one[1] == path.name, one[0]))
    return [(name, stream, packed) for _, name, stream, packed in found]


def rotated(path: Path) -> list[str]:
    """`access.log.1`, `access.log.2.gz`, `access.log-20270131.gz`; where both are there, the one that is not packed."""
    ours = re.compile(re.escape(path.name) + r"[.-][0-9][0-9-]{0,20}(\.gz)?")
    try:
        names = {name for name in os.listdir(path.parent) if ours.fullmatch(name)}  # noqa: PTH208 - names alone
    except OSError:
        return []
    kept = sorted(name for name in names if not (name.endswith(".gz") and name[:-3] in names))
    return kept[:_MOST_FILES]


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _open(path: Path, kept: ExitStack) -> IO[bytes] | None:
    try:
        return kept.enter_context(path.open("rb"))
    except FileNotFoundError:
        return None
    except PermissionError as fault:
        raise Trouble(
            f"{path} may not be read by this user",
            "nginx's logs belong to root, readable by the group adm",
            "`usermod -aG adm USER` for the user who logs in, then log in anew",
            UNKNOWN,
        ) from fault


def seek(stream: IO[bytes], since: float) -> None:
    """To a line end before the first line of that moment: by halves, as a log of gigabytes is in order."""
    low, high = 0, stream.seek(0, os.SEEK_END)
    while high - low > CHUNK // 4:
        middle = (low + high) // 2
        stream.seek(middle)
        stream.readline(CHUNK)
        found = next((match for match in (_TIME.search(stream.readline(CHUNK)) for _ in range(50)) if match), None)
        if found and float(found[1]) < since:
            low = middle
        else:
            high = middle
    stream.seek(low)
    if low:
        stream.readline(CHUNK)
