"""Header and table of contents of a pg_dump archive (custom and tar format, versions 1.12 to 1.16: servers 9.0 to 18).

Nothing but PostgreSQL's own source describes the format (src/bin/pg_dump: pg_backup_archiver.c, pg_backup_custom.c).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

MAGIC = b"PGDMP"
CUSTOM, TAR, DIRECTORY = 1, 3, 5  # a directory's table of contents says that it is a tar file's
OLDEST, NEWEST = (1, 12), (1, 16)
# Byte `dataState` of an entry in the custom format.
_UNSET, _SET = 1, 2
_MAX_ENTRIES, _MAX_TEXT, _MAX_DEPENDENCIES = 2_000_000, 64 * 1024 * 1024, 100_000
_METHODS = {0: "none", 1: "gzip", 2: "lz4", 3: "zstd"}


class Short(Exception):
    """The bytes at hand end before the table of contents does."""


class Broken(Exception):
    """What stands there is no archive of pg_dump, or a damaged one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the table of contents. `offset` is where its data begin: None without, -1 when it is not told."""

    id: int
    kind: str
    name: str
    offset: int | None


@dataclass(frozen=True, slots=True)
class Archive:
    """What the head of an archive tells. `end` is where its table of contents ends, `made` is local time."""

    version: tuple[int, int]
    integer: int
    format: int
    compression: str
    made: datetime | None
    database: str
    server: str
    entries: tuple[Entry, ...]
    end: int

    @property
    def data(self) -> list[Entry]:
        """The entries that have data in the archive, in the order in which pg_dump writes them."""
        return [one for one in self.entries if one.offset is not None]

    @property
    def tables(self) -> list[str]:
        """Names of the tables whose rows are in it."""
        return [one.name for one in self.entries if one.kind == "TABLE DATA"]


class Cursor:
    """Reads the archive's own integers and texts out of some bytes."""

    def __init__(self, data: bytes, at: int = 0, integer: int = 4) -> None:
        self.data, self.at, self.integer = data, at, integer

    def take(self, count: int) -> bytes:
        """The next bytes; Short when there are not that many."""
        if self.at + count > len(self.data):
            raise Short
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self) -> int:
        """One byte."""
        return self.take(1)[0]

    def number(self) -> int:
        """A sign, then the amount with its least byte first."""
        sign, amount = self.byte(), int.from_bytes(self.take(self.integer), "little")
        if sign > 1:
            raise Broken("a number with an impossible sign")
        return -amount if sign else amount

    def text(self) -> str | None:
        """A text with its length before it; a negative length stands for none."""
        length = self.number()
        if length > _MAX_TEXT:
            raise Broken("a text of impossible length")
        return None if length < 0 else self.take(length).decode(errors="replace")


def read(data: bytes) -> Archive:
    """The archive whose first bytes these are; Short when more are needed, Broken when it is none."""
    cursor = Cursor(data)
    if cursor.take(5) != MAGIC:
        raise Broken("it does not begin as an archive of pg_dump does")
    version = (cursor.byte(), cursor.byte())
    cursor.byte()
    if not OLDEST <= version <= NEWEST:
        raise Broken(f"its format has version {version[0]}.{version[1]}, known are 1.{OLDEST[1]} to 1.{NEWEST[1]}")
    cursor.integer, wide, kind = cursor.byte(), cursor.byte(), cursor.byte()
    if cursor.integer not in (4, 8) or wide not in (4, 8) or kind not in (CUSTOM, TAR, DIRECTORY):
        raise Broken("its header is damaged")
    compression = _compression(cursor, version)
    made, database = _made(cursor), cursor.text() or ""
    server, _ = cursor.text() or "", cursor.text()
    read_place = _offset(wide) if kind == CUSTOM else _file
    count = cursor.number()
    if not 0 <= count <= _MAX_ENTRIES:
        raise Broken("its table of contents has an impossible length")
    entries = tuple(_entry(cursor, version, read_place) for _ in range(count))
    return Archive(version, cursor.integer, kind, compression, made, database, server, entries, cursor.at)


def _compression(cursor: Cursor, version: tuple[int, int]) -> str:
    if version >= (1, 15):
        method = cursor.byte()
        if method not in _METHODS:
            raise Broken("it is compressed by an unknown method")
        return _METHODS[method]
    return "gzip" if cursor.number() else "none"


def _made(cursor: Cursor) -> datetime | None:
    second, minute, hour, day, month, year, _ = (cursor.number() for _ in range(7))
    try:
        # A leap second is second 60; months count from 0 and years from 1900, as in struct tm.
        return datetime(year + 1900, month + 1, day, hour, minute, min(second, 59))  # noqa: DTZ001 - it has no zone
    except (ValueError, OverflowError):
        return None


def _entry(cursor: Cursor, version: tuple[int, int], read_place: Callable[[Cursor], int | None]) -> Entry:
    identity, dumped = cursor.number(), cursor.number()
    cursor.text(), cursor.text()  # the catalog's own identifiers
    name, kind = cursor.text() or "", cursor.text() or ""
    cursor.number()  # section
    for _ in range(3):  # definition, drop and copy statement
        cursor.text()
    schema, _ = cursor.text(), cursor.text()
    if version >= (1, 14):
        cursor.text()  # access method
    if version >= (1, 16):
        cursor.number()  # kind of relation
    cursor.text(), cursor.text()  # owner, and whether rows have identifiers
    for _ in range(_MAX_DEPENDENCIES):
        if cursor.text() is None:
            break
    else:
        raise Broken("an entry depends on too many others")
    place = read_place(cursor)
    return Entry(identity, kind, f"{schema}.{name}" if schema else name, place if dumped else None)


def _offset(wide: int) -> Callable[[Cursor], int | None]:
    def place(cursor: Cursor) -> int | None:
        state, offset = cursor.byte(), int.from_bytes(cursor.take(wide), "little")
        if state == _SET:
            return offset
        return -1 if state == _UNSET else None

    return place


def _file(cursor: Cursor) -> int | None:
    # Tar and directory format name the file that holds the data.
    return -1 if cursor.text() else None
