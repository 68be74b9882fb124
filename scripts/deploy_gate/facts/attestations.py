"""The file of attestations: JSON lines `{item, release, by, at, evidence, code?}`, read strictly, written singly."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deploy_gate.result import CouldNotTell, Evidence

MAX_BYTES = 1024 * 1024
MAX_LINES = 10_000
KEYS = ("item", "release", "by", "at", "evidence")
# RFC 3339, section 5.6, in UTC; a local time would need a zone that nobody wrote down.
_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?([Zz]|\+00:00)")
_FIX = "see who wrote that line, and remove it: only the attest operation may write this file"


@dataclass(frozen=True, slots=True)
class Attestation:
    """What a person said: item, release (git tree), login, when, and what was seen; `line` is 1-based.

    `code` binds it, beside the release, to image digests, plan and environment (`signoff.commands.binding`).
    """

    item: str
    release: str
    by: str
    at: datetime
    evidence: str
    line: int = 0
    code: str = ""

    def as_line(self) -> bytes:
        """The one line that stands for it, newline included; everything outside ASCII is escaped."""
        texts = {
            "item": self.item,
            "release": self.release,
            "by": self.by,
            "at": stamp(self.at),
            "evidence": self.evidence,
            **({"code": self.code} if self.code else {}),
        }
        return json.dumps(texts).encode() + b"\n"


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def parse(raw: bytes, name: str) -> list[Attestation]:
    """All attestations in the order of their lines; `name` is how errors call the file.

    Blank lines say nothing and are passed over. CouldNotTell for anything else that is not an attestation, since
    evidence that cannot be read is not evidence.
    """
    if len(raw) > MAX_BYTES:
        raise CouldNotTell(f"{name} is larger than {MAX_BYTES // 1024} KiB", "start a new file for this release")
    lines = raw.split(b"\n")
    if len(lines) - (not lines[-1]) > MAX_LINES:
        raise CouldNotTell(f"{name} holds more than {MAX_LINES} lines", "start a new file for this release")
    return [_record(line, number, name) for number, line in enumerate(lines, 1) if line.strip()]


def _record(line: bytes, number: int, name: str) -> Attestation:
    try:
        data = json.loads(line.decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as fault:
        why = "is not UTF-8" if isinstance(fault, UnicodeDecodeError) else "is not JSON"
        if isinstance(fault, _Twice):
            why = str(fault)
        raise _unreadable(line, number, name, why) from None
    if not isinstance(data, dict):
        raise _unreadable(line, number, name, "is not a JSON object")
    data = {"code": "", **data}
    for key in (*KEYS, "code"):
        if key not in data:
            raise _unreadable(line, number, name, f"has no '{key}'")
        if not isinstance(data[key], str):
            raise _unreadable(line, number, name, f"has a value for '{key}' that is not a text")
    moment = _moment(data["at"])
    if moment is None:
        raise _unreadable(line, number, name, "has an 'at' that is not a time such as 2027-01-31T12:00:00Z")
    return Attestation(data["item"], data["release"], data["by"], moment, data["evidence"], number, data["code"])


class _Twice(ValueError):
    """A key stands twice in one object: two readers could see two different values."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        raise _Twice("names a key twice")
    return data


def _moment(text: str) -> datetime | None:
    match = _TIME.fullmatch(text)
    try:
        return datetime.fromisoformat(f"{match[1]}T{match[2]}{(match[3] or '')[:7]}+00:00") if match else None
    except ValueError:
        return None


def _unreadable(line: bytes, number: int, name: str, why: str) -> CouldNotTell:
    # What it says is not repeated: the input may name a file that is none of our business.
    message = f"{why} ({len(line)} bytes)"
    evidence: list[Evidence] = [{"path": name, "line": number, "rule": "attestation", "message": message}]
    return CouldNotTell(f"line {number} of {name} {why}", _FIX, evidence)
