"""Waiting for the first line that a program which stays prints."""

from __future__ import annotations

import os
import selectors
import subprocess
import time

_MOST = 64 * 1024


def first_line(child: subprocess.Popen[bytes], seconds: float) -> str:
    """Its first line on standard output; empty when it ends or `seconds` pass before there is one."""
    return _read(child, seconds, whole=False)


def rest_of_errors(child: subprocess.Popen[bytes], seconds: float) -> str:
    """What it printed on standard error until it closed that, or `seconds` passed."""
    return _read(child, seconds, whole=True)


def _read(child: subprocess.Popen[bytes], seconds: float, *, whole: bool) -> str:
    stream, said, until = (child.stderr if whole else child.stdout), b"", time.monotonic() + seconds
    if stream is None:
        raise AssertionError
    with selectors.DefaultSelector() as ready:
        ready.register(stream, selectors.EVENT_READ)
        while len(said) < _MOST and (whole or b"\n" not in said):
            left = until - time.monotonic()
            data = os.read(stream.fileno(), 4096) if left > 0 and ready.select(left) else b""
            if not data:
                break
            said += data
    return said.decode(errors="replace") if whole or b"\n" in said else ""
