"""What kind of dump a file or an object is, and what can be told of it without restoring it."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from deploy_gate.facts import pgdump, pgdump_end
from deploy_gate.facts.pgdump import Archive, Broken, Short
from deploy_gate.facts.pgdump_end import Source
from deploy_gate.result import CouldNotTell
from deploy_gate.units import show_size

HEAD = 64 * 1024
_TAIL = 4096
_SECTOR = 512
_UNPACKED = 200
"""How many times its own size a compressed dump may become: real ones stay far below, a bomb does not."""
_CLOSED = {
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
    b"PK\x03\x04": "zip",
    b"age-encryption.org/": "age (encrypted)",
    b"-----BEGIN ": "PGP or PEM (encrypted)",
    b"\x85": "PGP (encrypted)",
    b"\x8c": "PGP (encrypted)",
}
_SQL = re.compile(rb"--\r?\n-- PostgreSQL database (cluster )?dump\r?\n--\r?\n")
_SERVER = re.compile(rb"^-- Dumped from database version ([^\r\n]{1,80})", re.MULTILINE)
_DATABASE = re.compile(
    rb'^\\connect (?:-reuse-previous=on "dbname=\'([^\'"\r\n]{1,63})\'"|([^\s"]{1,63}))', re.MULTILINE
)
_KEY = re.compile(rb"^\\restrict (\w+)\r?$", re.MULTILINE)
_COMPLETE = rb"\n-- PostgreSQL database %sdump complete\r?\n--\r?\n\r?\n%s\Z"
_ROWS = re.compile(rb"^(?:COPY |INSERT INTO )", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Dump:
    """What was told. None stands for what this format does not tell; `made` is local time where it was made."""

    format: str
    proof: str
    database: str | None = None
    made: datetime | None = None
    server: str = ""
    tables: int | None = None


def inspect(source: Source) -> Dump:
    """Look inside; Broken when the dump is damaged or not whole, CouldNotTell when it cannot be looked into."""
    head = source.read(0, min(HEAD, source.size))
    if head.startswith(pgdump.MAGIC):
        archive = _archive(source, head, 0)
        if archive.format != pgdump.CUSTOM:
            fix = "store one file a backup (pg_dump --format=custom)"
            raise CouldNotTell("it is one file of a dump in directory format, the others were not looked at", fix)
        return _of(archive, "custom format", pgdump_end.custom(archive, source))
    if head.startswith(b"toc.dat\0") and head[_SECTOR : _SECTOR + 5] == pgdump.MAGIC:
        return _of(_archive(source, head, _SECTOR), "tar format", pgdump_end.tar(source))
    if head.startswith(b"\x1f\x8b"):
        return _gzip(source)
    if _SQL.match(head):
        whole = source.read(0, source.size) if source.size <= source.limit else None
        tail = source.read(max(source.size - _TAIL, 0), _TAIL)
        return _script("SQL", head, tail, None if whole is None else len(_ROWS.findall(whole)))
    raise _unknown(head)


def _of(archive: Archive, name: str, proof: str) -> Dump:
    return Dump(name, proof, archive.database, archive.made, archive.server, len(archive.tables))


def _archive(source: Source, head: bytes, start: int) -> Archive:
    """The archive that begins there: more and more is read until its table of contents is complete."""
    data = head[start:]
    while True:
        try:
            return pgdump.read(data)
        except Short:
            if len(data) >= source.size - start:
                raise Broken("it breaks off inside its table of contents") from None
            if len(data) >= source.limit:
                found = f"its table of contents is longer than {show_size(source.limit)}"
                raise CouldNotTell(found, "raise read-limit") from None
        data = source.read(start, min(len(data) * 8, source.limit, source.size - start))


def _script(name: str, head: bytes, tail: bytes, statements: int | None) -> Dump:
    kind = _SQL.match(head)
    cluster = b"cluster " if kind and kind[1] else b""
    key = _KEY.search(head)
    last = rb"\\unrestrict %s\r?\n\r?\n" % key[1] if key and not cluster else b""
    if not re.search(_COMPLETE % (cluster, last), tail):
        raise Broken("it breaks off: the line with which pg_dump ends is missing")
    if statements == 0:
        raise Broken("it holds no rows: no COPY and no INSERT")
    server, database = _SERVER.search(head), _DATABASE.search(head)
    named = (database[1] or database[2]).decode(errors="replace") if database and not cluster else None
    version = server[1].decode(errors="replace") if server else ""
    return Dump(name, "its last line is that of a whole dump", named, None, version, None)


def _gzip(source: Source) -> Dump:
    if source.size > source.limit:
        found = "it is compressed by gzip, which tells nothing before all of it is read, and read-limit is "
        fix = "raise read-limit, or store pg_dump's custom format, whose end can be looked at alone"
        raise CouldNotTell(found + show_size(source.limit), fix)
    head, tail, statements, before = b"", b"", 0, b"\n"
    for piece in _unpacked(source.read(0, source.size), source.size * _UNPACKED):
        head += piece[: HEAD - len(head)]
        # The line that the last piece cut is looked at again, as far as it matters.
        lines = before + piece
        statements += len(re.findall(rb"\n(?:COPY |INSERT INTO )", lines))
        before = lines[-12:] if not re.search(rb"\n(?:COPY |INSERT INTO )", lines[-12:]) else b""
        tail = (tail + piece)[-_TAIL:]
    if _SQL.match(head):
        return _script("SQL in gzip", head, tail, statements)
    if head.startswith(pgdump.MAGIC):
        fix = "store the custom format as it is: it is compressed already"
        raise CouldNotTell("it is a dump in custom format inside gzip, whose end cannot be looked at alone", fix)
    raise _unknown(head)


def _unpacked(data: bytes, most: int) -> Iterator[bytes]:
    """The content of all members; Broken where it is cut or damaged."""
    total = 0
    try:
        while data:
            member = zlib.decompressobj(wbits=31)
            while not member.eof:
                piece = member.decompress(data, 1 << 20)
                data = member.unconsumed_tail
                total += len(piece)
                if total > most:
                    raise Broken("it unpacks to far more than any dump would")
                if not piece and not data and not member.eof:
                    raise Broken("it breaks off inside its gzip stream")
                yield piece
            data = member.unused_data.lstrip(b"\0")
    except zlib.error:
        raise Broken("its gzip stream is damaged") from None


def _unknown(head: bytes) -> CouldNotTell:
    name = next((name for magic, name in _CLOSED.items() if head.startswith(magic)), "")
    if name:
        fix = "store pg_dump's custom format (compressed already), or prove this backup by restoring it"
        return CouldNotTell(f"it cannot be looked inside of the format {name}", fix)
    fix = "see what the backup job stores: it should be a dump by pg_dump"
    return CouldNotTell("it is no format that pg_dump writes, so it cannot be looked inside", fix)
