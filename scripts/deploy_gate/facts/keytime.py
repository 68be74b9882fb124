"""Dates in object keys (`erp-%Y%m%dT%H%M%SZ.dump`): greatest field first, zero padded, so that keys sort by time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

ORDER = "YmdHMS"
_WIDTH = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2}
_GRAIN = {"d": 86400, "H": 3600, "M": 60, "S": 1}
Parts = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A parsed pattern: its literal texts and fields in order, as (text, "") and ("", field)."""

    parts: Parts

    @property
    def head(self) -> str:
        """What every key begins with: the text before the first field."""
        return self.parts[0][0]

    @property
    def fields(self) -> str:
        """Its fields in order, repeated ones once."""
        return "".join(dict.fromkeys(field for _, field in self.parts if field))

    @property
    def grain(self) -> timedelta:
        """How long all keys of one date are the same: a day, an hour, a minute or a second."""
        return timedelta(seconds=_GRAIN[self.fields[-1]])

    def at(self, when: datetime) -> str:
        """The text for a time (UTC)."""
        return "".join(f"{_value(when, field):0{_WIDTH[field]}}" if field else text for text, field in self.parts)

    def begin(self, when: datetime) -> str:
        """A text that sorts before every key of that time, and after every key of an earlier one."""
        last = max(index for index, (_, field) in enumerate(self.parts) if field)
        return Pattern(self.parts[: last + 1]).at(when)

    def upto(self, field: str) -> Pattern:
        """The pattern as far as it is fixed once `field` is known: up to the next finer field."""
        finer = ORDER[ORDER.index(field) + 1 :]
        stop = next((index for index, (_, one) in enumerate(self.parts) if one and one in finer), len(self.parts))
        return Pattern(self.parts[:stop])

    def time(self, key: str) -> datetime | None:
        """The beginning of what a key's date stands for (UTC); None when the key does not match."""
        seen: set[str] = set()
        text = ""
        for literal, field in self.parts:
            again, first = f"(?P={field})", f"(?P<{field}>[0-9]{{{_WIDTH.get(field, 1)}}})"
            text += re.escape(literal) if not field else again if field in seen else first
            seen.add(field)
        match = re.fullmatch(text, key)
        try:
            return datetime(*(int(match[one]) for one in self.fields), tzinfo=UTC) if match else None  # type: ignore[misc, arg-type]  # three to six numbers
        except ValueError:
            return None


def _value(when: datetime, field: str) -> int:
    return {"Y": when.year, "m": when.month, "d": when.day, "H": when.hour, "M": when.minute, "S": when.second}[field]


def parse(text: str, coarsest: str = "Y", finest: str = "S") -> Pattern:
    """A pattern from its text, ending in a field from `coarsest` to `finest`; ValueError says what would be legal."""
    parts = tuple(_parts(text))
    fields = "".join(dict.fromkeys(field for _, field in parts if field))
    legal = ORDER[: ORDER.index(finest) + 1]
    if any(field not in legal for field in fields):
        raise ValueError(f"only the fields {_named(legal)}, and %% for a percent sign")
    if not fields or not ORDER.startswith(fields):
        raise ValueError(f"fields from the greatest to the smallest and without a gap: {_named(legal)}")
    if ORDER.index(coarsest) >= len(fields):
        raise ValueError(f"at least the fields {_named(ORDER[: ORDER.index(coarsest) + 1])}")
    return Pattern(parts)


def _parts(text: str) -> Iterator[tuple[str, str]]:
    literal = ""
    pieces = re.split(r"%(.?)", text, flags=re.DOTALL)
    for index, piece in enumerate(pieces):
        if index % 2 == 0 or piece == "%":
            literal += piece
            continue
        yield literal, ""
        yield "", piece or "(nothing)"
        literal = ""
    yield literal, ""


def _named(fields: str) -> str:
    return " ".join(f"%{field}" for field in fields)


def cover(pattern: Pattern, since: datetime, until: datetime, most: int) -> list[str]:
    """The fewest texts, newest first and as fine as possible, one of which begins every key of that span of time.

    Empty when more than `most` would be needed even by years.
    """
    for field in reversed([one for one in pattern.fields if one in "YmdH"]):
        level = pattern.upto(field)
        step = timedelta(seconds=_GRAIN.get(field, 86400))
        texts = dict.fromkeys([level.at(until)])
        when = until
        while when > since and len(texts) <= most:
            when = max(when - step, since)
            texts[level.at(when)] = None
        if len(texts) <= most:
            return list(texts)
    return []
