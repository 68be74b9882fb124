"""One object of a bucket, looked at by its head and by ranges: few requests, and never the wrong object."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from deploy_gate.facts import s3
from deploy_gate.facts.deadline import within
from deploy_gate.facts.s3 import Bucket
from deploy_gate.facts.s3_trouble import explained
from deploy_gate.result import CouldNotTell, brief

MAX_REQUESTS = 16
_PIECE = 1 << 20
_CHECKSUMS = ("ChecksumSHA256", "ChecksumSHA1", "ChecksumCRC32", "ChecksumCRC32C", "ChecksumCRC64NVME")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Head:
    """What the server says of an object. `checksums` are those stored with it, by algorithm, as it spells them."""

    size: int
    modified: datetime
    etag: str
    storage: str
    encryption: str
    restored: bool
    locked_until: datetime | None
    checksums: dict[str, str]


class Digest(Protocol):
    """A sum over bytes that come one after the other."""

    def update(self, data: bytes, /) -> None:
        """Take these in."""
        ...

    def digest(self) -> bytes:
        """The sum of all so far."""
        ...


class _Crc32:
    def __init__(self) -> None:
        self.value = 0

    def update(self, data: bytes, /) -> None:
        self.value = zlib.crc32(data, self.value)

    def digest(self) -> bytes:
        return self.value.to_bytes(4, "big")


class Object:
    """An object by its key; a source of bytes for `dumpfile`, which reads at most `limit` of them at once.

    An object that is small enough is read once and kept. It must stay the same for as long as it is looked at.
    """

    def __init__(self, bucket: Bucket, key: str, limit: int) -> None:
        self.bucket, self.key, self.limit, self.requests = bucket, key, limit, 0
        self.head = self._look()
        self.size = self.head.size
        self.whole: bytes | None = None

    def _look(self) -> Head:
        answer = self._ask("head_object", ChecksumMode="ENABLED")
        sums = {name.removeprefix("Checksum"): str(answer[name]) for name in _CHECKSUMS if name in answer}
        return Head(
            size=int(answer.get("ContentLength", 0)),
            modified=answer["LastModified"],
            etag=str(answer.get("ETag", "")),
            storage=str(answer.get("StorageClass", "STANDARD")),
            encryption=str(answer.get("ServerSideEncryption", "")),
            restored='ongoing-request="false"' in str(answer.get("Restore", "")),
            locked_until=answer.get("ObjectLockRetainUntilDate") if answer.get("ObjectLockMode") else None,
            checksums=sums,
        )

    @property
    def versioned(self) -> bool:
        """Whether the bucket keeps what is overwritten or deleted."""
        return self._bucket("get_bucket_versioning").get("Status") == "Enabled"

    def read(self, offset: int, length: int) -> bytes:
        """That many bytes from there, fewer only at the end."""
        length = max(min(length, self.size - offset), 0)
        if self.whole is None and self.size <= self.limit:
            self.whole = self._range(0, self.size) if self.size else b""
        if self.whole is not None:
            return self.whole[offset : offset + length]
        return self._range(offset, length) if length else b""

    def _range(self, offset: int, length: int) -> bytes:
        def fetch(answer: dict[str, Any]) -> bytes:
            content: bytes = answer["Body"].read(length + 1)
            return content

        content: bytes = self._ask(
            "get_object", fetch, Range=f"bytes={offset}-{offset + length - 1}", IfMatch=self.head.etag
        )
        self._complete(len(content), length)
        return content

    def _complete(self, came: int, asked: int) -> None:
        if came != asked:
            found = f"{brief(self.bucket.where, 160)} sent {came} of {asked} bytes that it was asked for"
            raise CouldNotTell(found, "see whether this server knows range requests, then run again")

    def save(self, path: Path, seconds: float) -> list[str]:
        """Store it as a file that only we may read; names of the checksums that were compared and are right."""
        digests = self._digests()

        def write(answer: dict[str, Any]) -> int:
            total = 0
            for piece in _pieces(answer["Body"]):
                _written(path, piece, new=not total)
                total += len(piece)
                for digest, _ in digests.values():
                    digest.update(piece)
            return total

        try:
            self._complete(self._ask("get_object", write, seconds=seconds, IfMatch=self.head.etag), self.size)
            return self._compared(digests)
        except CouldNotTell:
            # Nobody shall take half of it for a backup.
            path.unlink(missing_ok=True)
            raise

    def verified(self) -> list[str]:
        """Names of the checksums that were compared over all of it; none when it was not read as a whole."""
        if self.whole is None:
            return []
        digests = self._digests()
        for digest, _ in digests.values():
            digest.update(self.whole)
        return self._compared(digests)

    def _digests(self) -> dict[str, tuple[Digest, bytes]]:
        """What can be computed here, each with what it should be; sums over parts ("-3") are none of the whole."""
        made: dict[str, Callable[[], Digest]] = {"SHA256": hashlib.sha256, "CRC32": _Crc32}
        made["SHA1"] = lambda: hashlib.sha1(usedforsecurity=False)
        wanted = {name: text for name, text in self.head.checksums.items() if name in made and "-" not in text}
        found = {name: (made[name](), _decoded(text)) for name, text in wanted.items()}
        etag = self.head.etag.strip('"')
        # The MD5 of the content, unless it came in parts or is encrypted by a key of KMS.
        if len(etag) == 32 and self.head.encryption in {"", "AES256"}:
            found["MD5"] = (hashlib.md5(usedforsecurity=False), bytes.fromhex(etag))
        return found

    def _compared(self, digests: dict[str, tuple[Digest, bytes]]) -> list[str]:
        for name, (digest, stored) in digests.items():
            if digest.digest() != stored:
                found = f"what was read has another {name} than the server stored with it"
                raise CouldNotTell(found, "run again; if it stays, the backup is damaged: make a new one")
        return sorted(digests)

    def _ask(
        self, operation: str, use: Callable[[dict[str, Any]], T] | None = None, seconds: float = s3.WHOLE, **given: str
    ) -> Any:
        call = self._call(operation, Key=self.key, **{name: text for name, text in given.items() if text})
        return self._within(seconds, (lambda: use(call())) if use else call)

    def _bucket(self, operation: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._within(s3.WHOLE, self._call(operation))
        return answer

    def _call(self, operation: str, **given: str) -> Callable[[], Any]:
        self.requests += 1
        if self.requests > MAX_REQUESTS:
            raise CouldNotTell(f"more than {MAX_REQUESTS} requests were needed", "raise read-limit")
        owner = {"ExpectedBucketOwner": self.bucket.owner} if self.bucket.owner else {}
        return lambda: getattr(self.bucket.client, operation)(Bucket=self.bucket.name, **given, **owner)

    def _within(self, seconds: float, work: Callable[[], T]) -> T:
        try:
            return within(seconds, work)
        except CouldNotTell:
            raise
        except TimeoutError:
            found = f"{brief(self.bucket.where, 160)} did not answer in full within {seconds:g} s"
            raise CouldNotTell(found, "see whether the server is well, then run again") from None
        except Exception as fault:  # noqa: BLE001 - the library raises some hundred kinds, told apart by name
            raise explained(fault, self.bucket.name, self.bucket.where, self.bucket.owner) from None


def _written(path: Path, piece: bytes, *, new: bool) -> None:
    try:
        if new:
            path.unlink(missing_ok=True)
            path.touch(0o600, exist_ok=False)
        with path.open("ab") as stream:
            stream.write(piece)
    except OSError as fault:
        found = f"{brief(str(path), 160)} cannot be written: {fault.strerror}"
        raise CouldNotTell(found, "correct the input download, or make room on the disk") from None


def _pieces(body: Any) -> Iterator[bytes]:
    while piece := body.read(_PIECE):
        yield piece


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""
