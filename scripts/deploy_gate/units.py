"""Values with a unit, as people write them: `30m`, `1h30m`, `500ms`, `400MB`, `1.5GiB`, `80%`."""

from __future__ import annotations

import re
from typing import NewType

Duration = NewType("Duration", float)
"""Seconds."""
Size = NewType("Size", int)
"""Bytes; kB, MB, GB are powers of 1000, KiB, MiB, GiB powers of 1024."""
Percent = NewType("Percent", float)
"""0 to 100."""
Variable = NewType("Variable", str)
"""Name of an environment variable that holds a secret, such as a database's address; the check sees that variable."""

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_BYTES = {"": 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_BYTES |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_PART = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)(ms|min|s|m|h|d|w)")


def duration(text: str) -> Duration:
    """Seconds of `90s`, `1h30m`, `500ms`, `2d`; a bare number is refused, since nobody knows its unit."""
    parts = _PART.findall(text.strip())
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        raise ValueError("a duration such as 500ms, 30s, 15m, 1h30m or 90d")
    return Duration(sum(float(number) * _SECONDS[unit] for number, unit in parts))


def size(text: str) -> Size:
    """Bytes of `400MB`, `1.5GiB`, `2048`."""
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,6})?)\s?([A-Za-z]{0,3})", text.strip())
    if not match or match[2] not in _BYTES:
        raise ValueError("a size such as 500MB, 1.5GiB or 2048 (bytes)")
    return Size(round(float(match[1]) * _BYTES[match[2]]))


def percent(text: str) -> Percent:
    """0 to 100 of `80`, `80%`, `0.1 %`."""
    match = re.fullmatch(r"(\d{1,3}(?:\.\d{1,6})?)\s?%?", text.strip())
    if not match or float(match[1]) > 100:
        raise ValueError("a percentage from 0 to 100 such as 80% or 0.1%")
    return Percent(float(match[1]))


def variable(text: str) -> Variable:
    """`STAGING_DATABASE_URL`; empty where it is optional. Anything else may be the secret itself, so do not show it."""
    if text and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", text):
        raise ValueError("the name of an environment variable such as DATABASE_URL")
    return Variable(text)


def show_duration(seconds: float) -> str:
    """`47 min`, `2 h 5 min`, `3 d 4 h`, `120 ms`: two units at most, for people."""
    if seconds < 0:
        return "-" + show_duration(-seconds)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = int(seconds)
    for unit, name, below, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= unit:
            rest = whole % unit // below
            return f"{whole // unit} {name} {rest} {small}" if rest and whole < 10 * unit else f"{whole // unit} {name}"
    return f"{whole} s"


def counted(number: int, noun: str) -> str:
    """`1 finding`, `3 findings`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def show_size(count: float) -> str:
    """`3.3 kB`, `501 MB`: powers of 1000, three digits."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.4g} TB"
