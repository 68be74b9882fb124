"""Answers kept for the length of a job, so that a question is asked once, and asked again only as "has it changed?".

Every check is a process of its own, hence files. They carry a mark that only a holder of the token can make: code that
runs in the same job without it can spoil the folder, and cannot put words into GitHub's mouth.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import hmac
import json
import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from deploy_gate.github.transport import MAX_BODY, Answer

YOUNG = 30.0
"""Seconds for which an answer counts as just given, for checks of the same gate run."""
PAGE = 100
"""Entries of a page, as lists are asked for."""
_KEPT = ("date", "etag", "link")
_BOUND = 2 * MAX_BODY


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer of before; `current` when another check of this very run has just got it."""

    answer: Answer
    current: bool


class Cache:
    """The folder of one token; without a job's own folder for temporary files it keeps nothing."""

    def __init__(self, token: str) -> None:
        """Makes the folder where there can be one."""
        self.key = hashlib.sha256(b"deploy-gate cache\0" + token.encode()).digest()
        self.folder = _folder(os.environ.get("RUNNER_TEMP", ""))

    @contextmanager
    def held(self, url: str) -> Iterator[Path | None]:
        """The file for an address, locked: whoever else wants the same waits, and then finds it."""
        if self.folder is None:
            yield None
            return
        name = hmac.new(self.key, url.encode(), hashlib.sha256).hexdigest()
        descriptor = -1
        with suppress(OSError):
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self.folder / f"{name}.lock", flags, 0o600)
        if descriptor < 0:
            yield None
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield self.folder / f"{name}.json"
        finally:
            os.close(descriptor)

    def read(self, path: Path | None, url: str) -> Kept | None:
        """What is kept for an address; None when there is nothing, or somebody else wrote it."""
        if path is None:
            return None
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as stream:
                mark, _, raw = stream.read(_BOUND).partition(b"\n")
            if not hmac.compare_digest(mark, self._mark(raw)):
                return None
            data = json.loads(raw)
            if data["url"] != url:
                return None
            answer = Answer(200, data["headers"], base64.b64decode(data["body"]))
            # The same boot's clock, which nobody sets.
            young = 0 <= time.monotonic() - data["at"] < YOUNG
            return Kept(answer, young and data["run"] == _run())
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, path: Path | None, url: str, answer: Answer) -> None:
        """Keep an answer, wholly or not at all."""
        if path is None:
            return
        headers = {name: value for name, value in answer.headers.items() if name in _KEPT}
        body = base64.b64encode(answer.body).decode()
        data = {"url": url, "at": time.monotonic(), "run": _run(), "headers": headers, "body": body}
        raw = json.dumps(data).encode()
        part = path.with_suffix(".part")
        with suppress(OSError):
            part.unlink(missing_ok=True)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(self._mark(raw) + b"\n" + raw)
            part.rename(path)

    def _mark(self, raw: bytes) -> bytes:
        return hmac.new(self.key, raw, hashlib.sha256).hexdigest().encode()


def _folder(parent: str) -> Path | None:
    if not Path(parent).is_absolute():
        return None
    folder = Path(parent, "deploy-gate-github")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    return folder if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() else None


def _run() -> str:
    """Who started this process: all checks of one gate run have the same parent, and no other run has it."""
    parent = os.getppid()
    try:
        fields = Path(f"/proc/{parent}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return ""
    return f"{parent}-{fields[19].decode()}" if len(fields) > 19 else ""


def headers(kept: Kept | None) -> Mapping[str, str]:
    """What turns a question into "has it changed?"; nothing where the answer could hide what came since."""
    etag = kept.answer.headers.get("etag", "") if kept else ""
    return {"If-None-Match": etag} if kept and etag and not _full_end(kept.answer) else {}


def _full_end(answer: Answer) -> bool:
    """A list's last page that is full: what came since stands on the next one, and leaves this one as it was."""
    if 'rel="next"' in answer.headers.get("link", ""):
        return False
    try:
        listed = json.loads(answer.body)
    except (ValueError, RecursionError):
        return False
    return isinstance(listed, list) and bool(listed) and len(listed) % PAGE == 0
