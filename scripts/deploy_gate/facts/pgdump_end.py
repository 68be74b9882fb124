"""Whether an archive of pg_dump is whole, told by its last bytes: a dump that broke off must not pass for a backup.

Custom format: every block of data is its type, its entry's number, chunks with their length before them, and a length
of zero. Written to a file, pg_dump fills the places of the blocks into the table of contents when all is done; written
to a pipe it cannot, but the blocks still stand in the order of the table of contents.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from deploy_gate.facts.pgdump import Archive, Broken, Cursor, Entry, Short
from deploy_gate.result import CouldNotTell, brief
from deploy_gate.units import counted, show_size

_ROWS, _LARGE_OBJECTS = 1, 3
_WINDOW = 1 << 20
_SECTOR = 512
_LAST_MEMBER = b"restore.sql\0"


class Source(Protocol):
    """Where a dump lies. At most `limit` bytes of it may be read at once."""

    size: int
    limit: int

    def read(self, offset: int, length: int) -> bytes:
        """That many bytes from there, fewer only at the end."""
        ...


def custom(archive: Archive, source: Source) -> str:
    """What proves that a custom-format archive is whole; Broken when it is not, CouldNotTell beyond the limit."""
    data = archive.data
    if not data:
        if source.size != archive.end:
            raise Broken(f"{source.size - archive.end} bytes after its table of contents belong to nothing")
        return "it ends with its table of contents"
    if source.size <= archive.end:
        raise Broken("it ends after its table of contents, without any data")
    if source.size - archive.end <= source.limit:
        return _every_block(archive, source)
    told = [one.offset for one in data if one.offset is not None and one.offset >= 0]
    if not told:
        return _streamed(archive, source, data[-1])
    if len(told) != len(data) or min(told) != archive.end or len(set(told)) != len(told):
        raise Broken("its table of contents does not fit its data")
    last = max(data, key=lambda one: one.offset or 0)
    if max(told) >= source.size:
        raise Broken(f"it ends before the data of {brief(last.name)}")
    return _last_block(archive, source, last, max(told))


def _every_block(archive: Archive, source: Source) -> str:
    cursor = Cursor(source.read(archive.end, source.limit), 0, archive.integer)
    wanted = [one.id for one in archive.data]
    names = {one.id: one.name for one in archive.data}
    seen: list[int] = []
    while cursor.at < len(cursor.data):
        try:
            seen.append(_block(cursor))
        except Short:
            broken = brief(names.get(wanted[len(seen)], "") if len(seen) < len(wanted) else "")
            raise Broken(f"it breaks off inside the data of {broken or 'an unknown entry'}") from None
    missing = [names[one] for one in wanted if one not in seen]
    if missing:
        raise Broken(f"it ends before the data of {brief(missing[0])}" + _more(len(missing) - 1))
    if sorted(seen) != sorted(wanted):
        raise Broken("it holds data that its table of contents does not name")
    return f"all {counted(len(seen), 'block')} of data walked through"


def _more(count: int) -> str:
    return f" and {count} more" if count else ""


def _block(cursor: Cursor) -> int:
    """Step over one block; the number of the entry it belongs to."""
    kind, identity = cursor.byte(), cursor.number()
    if kind == _ROWS:
        _chunks(cursor)
    elif kind == _LARGE_OBJECTS:
        while cursor.number():
            _chunks(cursor)
    else:
        raise Broken("a block of data has an unknown type")
    return identity


def _chunks(cursor: Cursor) -> None:
    while length := cursor.number():
        if length < 0:
            raise Broken("a chunk of data has a negative length")
        cursor.at += length
        if cursor.at > len(cursor.data):
            raise Short


def _last_block(archive: Archive, source: Source, last: Entry, start: int) -> str:
    if source.size - start <= source.limit:
        _exactly(Cursor(source.read(start, source.size - start), 0, archive.integer), last)
        return "every block of data has its place, and the last one is whole"
    width = archive.integer + 1
    closing = 2 * width if _type(last) == _LARGE_OBJECTS else width
    for tail in _tails(source):
        end = len(tail) - closing
        if any(tail[end:]):
            raise Broken(f"it breaks off inside the data of {brief(last.name)}")
        if _chunk_before(tail, end, width):
            return "every block of data has its place, and the end is that of a whole one"
    raise Broken(f"it breaks off inside the data of {brief(last.name)}")


def _exactly(cursor: Cursor, last: Entry) -> None:
    try:
        right = _block(cursor) == last.id and cursor.at == len(cursor.data)
    except Short:
        right = False
    if not right:
        raise Broken(f"it breaks off inside the data of {brief(last.name)}")


def _chunk_before(tail: bytes, end: int, width: int) -> bool:
    """Whether some length before `end` reaches to `end` exactly: so much chance is not in any data."""
    at = tail.rfind(b"\0", 0, max(end - width, 0))
    while at >= 0:
        if int.from_bytes(tail[at + 1 : at + width], "little") == end - at - width:
            return True
        at = tail.rfind(b"\0", 0, at)
    return False


def _streamed(archive: Archive, source: Source, last: Entry) -> str:
    sign = bytes([_type(last), 0]) + last.id.to_bytes(archive.integer, "little")
    for tail in _tails(source):
        at = tail.rfind(sign)
        while at >= 0:
            try:
                _exactly(Cursor(tail, at, archive.integer), last)
            except Broken:
                at = tail.rfind(sign, 0, at)
            else:
                return f"the last block of data ({brief(last.name)}) is there and whole"
        if not any(tail[-archive.integer - 1 :]):
            continue
        raise Broken("it breaks off inside its data")
    found = f"the dump was written to a pipe, and the data of its last table ({brief(last.name)}) does not begin"
    found += f" within its last {show_size(source.limit)}, so nobody knows whether it is whole"
    fix = "write the dump to a file and upload that (pg_dump --file), or raise read-limit"
    raise CouldNotTell(found, fix)


def _type(entry: Entry) -> int:
    return _LARGE_OBJECTS if entry.kind == "BLOBS" else _ROWS


def _tails(source: Source) -> Iterator[bytes]:
    """The end of the dump, more and more of it, up to the limit."""
    length = min(_WINDOW, source.limit)
    while True:
        yield source.read(max(source.size - length, 0), length)
        if length >= min(source.limit, source.size):
            return
        length = min(length * 8, source.limit)


def tar(source: Source) -> str:
    """The same for the tar format, whose last file is a script for psql, with two empty sectors after it."""
    if source.size % _SECTOR:
        raise Broken("it breaks off: its length is not that of a tar file")
    for tail in _tails(source):
        if any(tail[-2 * _SECTOR :]):
            raise Broken("it breaks off: the end mark of a tar file is missing")
        start = source.size - len(tail)
        at = tail.rfind(_LAST_MEMBER)
        while at >= 0:
            if (start + at) % _SECTOR == 0 and _member_ends(tail, at):
                return "its last file is there and whole"
            at = tail.rfind(_LAST_MEMBER, 0, at)
    raise Broken("it breaks off: the file that pg_dump writes last is missing")


def _member_ends(tail: bytes, at: int) -> bool:
    try:
        size = int(tail[at + 124 : at + 135], 8)
    except ValueError:
        return False
    return at + _SECTOR * (1 + -(-size // _SECTOR) + 2) == len(tail)
