"""Lines that hold each other: every line carries the hash of the one before it.

A chain shows that a line was changed or lost. It does not show that *all* of it was written anew: whoever can push can
also count again from the first line. So a reader who knows a line from elsewhere (the server remembers the highest
number it saw) names it, and a line that is not there any more is found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from deploy_gate.problems import Misconfigured

FIRST = "0" * 64
MOST_FAULTS = 50
MAX_LINE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Head:
    """Number and hash of a line; number 0 is the place before the first."""

    number: int = 0
    digest: str = FIRST

    @classmethod
    def parse(cls, text: str) -> Head:
        """From `NUMBER:HASH`; Misconfigured when it is not that."""
        number, _, digest = text.strip().partition(":")
        whole = number.isascii() and number.isdigit() and len(number) < 10
        if not whole or len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise Misconfigured([f"{text[:80]!r} is not NUMBER:HASH, as `ledger verify` prints it"])
        return cls(int(number), digest)

    def __str__(self) -> str:
        return f"{self.number}:{self.digest}"


def line(fields: dict[str, Any], after: Head) -> tuple[bytes, Head]:
    """The next line with its end, and the head it makes. Keys are sorted: one content has one text."""
    whole = {"seq": after.number + 1, "prev": after.digest, **fields}
    raw = canonical(whole) + b"\n"
    return raw, Head(after.number + 1, digest(raw))


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no blanks, UTF-8; a lone surrogate becomes a question mark."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")


def digest(raw: bytes) -> str:
    """SHA-256, in hexadecimal digits."""
    return hashlib.sha256(raw).hexdigest()


def records(raw: bytes) -> Iterator[dict[str, Any]]:
    """Every line that is a JSON object, oldest first."""
    for text in _lines(raw):
        if (found := parsed(text)) is not None:
            yield found


def _lines(raw: bytes) -> list[bytes]:
    """Without their ends. Other ends than ours are content, so that whoever adds one changes the line."""
    return raw.removesuffix(b"\n").split(b"\n") if raw else []


def parsed(text: bytes) -> dict[str, Any] | None:
    """The object of a line, or None."""
    if len(text) > MAX_LINE:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def head(raw: bytes) -> Head:
    """The last line's number and hash, without a look at the others."""
    if not raw:
        return Head()
    last = raw.removesuffix(b"\n").rpartition(b"\n")[2]
    number = (parsed(last) or {}).get("seq")
    return Head(number if isinstance(number, int) else raw.count(b"\n"), digest(last + b"\n"))


def heads(raw: bytes) -> list[Head]:
    """Number and hash of every line, oldest first; of lines that hold together."""
    return [Head(number, digest(text + b"\n")) for number, text in enumerate(_lines(raw), start=1)]


def faults(raw: bytes, known: Iterable[Head] = ()) -> list[str]:
    """What is wrong with the chain; every head in `known` must be a line of it."""
    found: list[str] = []
    if raw and not raw.endswith(b"\n"):
        found.append("the last line has no end: it was cut off")
    expected, places = Head(), {0: FIRST}
    for text in _lines(raw):
        found += _line_faults(text, expected)
        expected = Head(expected.number + 1, digest(text + b"\n"))
        places[expected.number] = expected.digest
    for one in known:
        if places.get(one.number) != one.digest:
            what = "is another one" if one.number in places else "is not there"
            found.append(f"line {one.number}, which is known from elsewhere, {what}: the ledger was written anew")
    return found[:MOST_FAULTS]


def _line_faults(text: bytes, before: Head) -> list[str]:
    place, data = before.number + 1, parsed(text)
    if data is None:
        return [f"line {place} cannot be read"]
    wrong = []
    if data.get("seq") != place:
        wrong.append(f"line {place} has number {str(data.get('seq'))[:20]}: a line is missing, or was put in")
    if data.get("prev") != before.digest:
        wrong.append(f"line {place} does not follow from the line before it: one of them was changed or removed")
    return wrong
