"""What modules here share: programs asked with a limit, files read up to a limit, values that leave only as an HMAC."""

from __future__ import annotations

import hashlib
import hmac
import re
import shutil
import subprocess
from pathlib import Path

ABSENT = "not installed"
SECONDS = 15
MOST = 1024 * 1024
VERSION = re.compile(r"\d+(?:\.\d+){1,4}[\w.+~-]{0,40}")


class Unread(Exception):
    """This family cannot be read, and why."""


class Facts:
    """What was read, and what could not be."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.facts: dict[str, str] = {}
        self.opaque: dict[str, str] = {}
        self.unread: dict[str, str] = {}

    def hide(self, name: str, value: str) -> None:
        """Keep a value so that it can be compared and not be read; equal values of two names look different."""
        text = name.encode() + b"\0" + value.encode(errors="surrogateescape")
        self.opaque[name] = hmac.new(self.key, text, hashlib.sha256).hexdigest()[:32]


def run(*words: str) -> tuple[int, str]:
    """Exit code and both outputs of a program; Unread when it does not end or prints too much."""
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unread(f"{Path(words[0]).name} did not end within {SECONDS} s") from None
    if len(done.stdout) > MOST:
        raise Unread(f"{Path(words[0]).name} printed more than {MOST} bytes")
    return done.returncode, done.stdout.decode(errors="replace")


def version(name: str, *words: str) -> str:
    """The version a program tells; ABSENT when it is not there."""
    program = shutil.which(words[0])
    if not program:
        return ABSENT
    code, out = run(program, *words[1:])
    match = VERSION.search(out)
    if code or not match:
        raise Unread(f"{name} tells no version (exit code {code})")
    return match[0]


def read(path: str) -> str:
    with Path(path).open("rb") as stream:
        return stream.read(MOST).decode(errors="replace")
