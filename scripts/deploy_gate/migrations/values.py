"""Made-up values for columns, by type: different for each row, legal as far as the type and its checks tell."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta

from deploy_gate.migrations.relations import Column, Constraint

START = 100_000
"""Far from the small numbers that migrations insert themselves."""
_TEXT = re.compile(r"'((?:[^']|'')*)'")
_NUMBER = re.compile(r"(?<![\w.'])-?\d{1,15}(?:\.\d{1,6})?(?![\w.'])")
_DAY = date(2020, 1, 1)
_MIDNIGHT = datetime(2020, 1, 1, tzinfo=UTC)
_LOOKS = ("ada{n}@shop.example", "https://shop.example/{n}", "+49{n}", "A{n}", "a", "1", "00:00")
"""Texts that checks by pattern often want."""


def candidates(column: Column, number: int, checks: Sequence[Constraint]) -> list[str]:
    """Values worth trying for row `number`, the likeliest first: what the type takes, then what its checks mention."""
    own = [one.text for one in checks if column.number in one.columns]
    found = [value(column, number)]
    if column.category == "N":
        numbers = [float(one) for text in own for one in _NUMBER.findall(text)]
        near = [number_ + step for number_ in numbers for step in (0, 1, -1, 0.5)]
        found += [_fitting(column, one) for one in [*near, number % 100, 1, 0, -1]]
    elif column.category in ("S", "E"):
        texts = [one.replace("''", "'") for text in own for one in _TEXT.findall(text)]
        turned = texts[number % len(texts) :] + texts[: number % len(texts)] if texts else []
        found += [*column.labels, *turned, *(one.format(n=number) for one in _LOOKS)]
    elif column.category == "B":
        found += ["true", "false"]
    elif column.category == "D":
        found += [one for text in own for one in _TEXT.findall(text)]
        found += [_moment(column, number + 40_000), _moment(column, number - 40_000)]
    elif column.category == "A":
        found += ["{}", "{" + (column.labels[0] if column.labels else "1") + "}"]
    return list(dict.fromkeys(found))[:40]


def _fitting(column: Column, number: float) -> str:
    return str(int(number)) if column.type.startswith("int") or number == int(number) else str(number)


def value(column: Column, number: int) -> str:
    """A value of the column's type, in the spelling that the server reads."""
    if column.labels:
        return column.labels[number % len(column.labels)]
    make = _BY_TYPE.get(column.type) or _BY_CATEGORY.get(column.category)
    return make(column, number) if make else str(number)


def _short(column: Column, number: int) -> str:
    text = f"{column.name[:20]}{number}"
    limit = column.modifier - 4 if column.modifier > 4 else 100
    # The number's last digits stay, since they tell rows apart.
    return text if len(text) <= limit else text[-limit:]


def _decimal(column: Column, number: int) -> str:
    if column.modifier < 4:
        return str(number)
    precision, scale = (column.modifier - 4) >> 16 & 0xFFFF, (column.modifier - 4) & 0x7FF
    whole = max(precision - scale, 0)
    return str(number % 10**whole) if whole else "0"


def _moment(column: Column, number: int) -> str:
    if column.type == "date":
        return str(_DAY + timedelta(days=number % 10_000))
    if column.type.startswith("time") and "stamp" not in column.type:
        return f"{number % 24:02}:{number // 24 % 60:02}:00"
    return (_MIDNIGHT + timedelta(hours=number % 100_000)).isoformat()


def _bits(column: Column, number: int) -> str:
    width = column.modifier if column.modifier > 0 else 8
    return f"{number % 2 ** min(width, 60):0{width}b}"[:width]


_BY_TYPE: dict[str, Callable[[Column, int], str]] = {
    "int2": lambda _, n: str(n % 30_000 + 1),
    "numeric": _decimal,
    "money": lambda _, n: str(n),
    "uuid": lambda _, n: str(uuid.UUID(int=n)),
    "json": lambda _, n: f'{{"n": {n}}}',
    "jsonb": lambda _, n: f'{{"n": {n}}}',
    "bytea": lambda _, n: f"\\x{n:08x}",
    "inet": lambda _, n: f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}",
    "cidr": lambda _, n: f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}/32",
    "macaddr": lambda _, n: f"02:00:{n >> 24 & 255:02x}:{n >> 16 & 255:02x}:{n >> 8 & 255:02x}:{n & 255:02x}",
    "xml": lambda _, n: f"<n>{n}</n>",
    "tsvector": lambda _, n: f"word{n}",
    "tsquery": lambda _, n: f"word{n}",
    "hstore": lambda _, n: f"n=>{n}",
    "interval": lambda _, n: f"{n} seconds",
    "char": lambda _, n: chr(97 + n % 26),
    "daterange": lambda _, n: f"[{_DAY + timedelta(days=n % 10_000)},{_DAY + timedelta(days=n % 10_000 + 1)})",
    "point": lambda _, n: f"({n},{n})",
    "circle": lambda _, n: f"<({n},{n}),1>",
    "line": lambda _, n: f"{{1,1,{n}}}",
}
_BY_CATEGORY: dict[str, Callable[[Column, int], str]] = {
    "S": _short,
    "N": lambda _, n: str(n),
    "B": lambda _, n: "true" if n % 2 else "false",
    "D": _moment,
    "A": lambda _, __: "{}",
    "G": lambda _, n: f"(({n},{n}),({n + 1},{n + 1}))",
    "R": lambda column, n: f"[{n},{n + 1})" if "ts" not in column.type else f"[2020-01-01,{2021 + n % 5000}-01-01)",
    "V": _bits,
    "T": lambda _, n: f"{n} seconds",
}
