"""A member of an image's archive as a stream: what kind it is, its digest, and a layer as the plain archive it is."""

from __future__ import annotations

import gzip
import hashlib
import re
from typing import IO, Protocol, cast

CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
# A frame of data, or one that is skipped, of which there are sixteen kinds.
_ZSTD = re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")
_WINDOW = 128 * 1024 * 1024
"""The most memory that a stream of zstd may ask for; its own levels need no more."""


class Readable(Protocol):
    """What is read here."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes, fewer only at the end."""


class Headed:
    """A stream whose first bytes were looked at and come again, and of which a digest is kept."""

    def __init__(self, file: Readable) -> None:
        self.file = file
        self.start = self.rest = file.read(512)
        self.ended = not self.start
        self._seen = hashlib.sha256(self.start)

    def read(self, size: int, /) -> bytes:
        """As of a file."""
        found, self.rest = self.rest[:size], self.rest[size:]
        if len(found) < size:
            more = self.file.read(size - len(found))
            self.ended = not more
            self._seen.update(more)
            found += more
        return found

    def is_text(self) -> bool:
        """Whether it begins like JSON, and is no archive whose first file has such a name."""
        return self.start.lstrip()[:1] in (b"{", b"[") and self.start[257:262] != b"ustar"

    def digest(self) -> str:
        """Of all of it: what is left is read first."""
        drain(self)
        return self._seen.hexdigest()

    def plain(self) -> IO[bytes]:
        """A layer without its compression; a fault in that is an OSError or an EOFError."""
        if self.start.startswith(_GZIP):
            return cast("IO[bytes]", gzip.GzipFile(fileobj=cast("IO[bytes]", self)))
        return cast("IO[bytes]", _Zstd(self) if _ZSTD.match(self.start) else self)


class _Zstd:
    def __init__(self, file: Headed) -> None:
        import zstandard

        unpack = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
        self.file, self.trouble = file, zstandard.ZstdError
        self.stream = unpack.stream_reader(cast("IO[bytes]", file), read_across_frames=True)

    def read(self, size: int, /) -> bytes:
        data = b""
        try:
            # Nothing comes of a frame that is skipped, and more may come after it.
            while not data and not self.file.ended:
                data = self.stream.read(size)
            return data or self.stream.read(size)
        except self.trouble as fault:
            raise OSError(str(fault)) from None


def drain(stream: Readable) -> None:
    """Read on to the end: what is compressed is known to be whole only there."""
    while stream.read(CHUNK):
        pass
