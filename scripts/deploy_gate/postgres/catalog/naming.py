"""Names that the server makes by itself, when a statement gives none (makeObjectName and ChooseRelationName)."""

from __future__ import annotations

import re

NAME_BYTES = 63
_NUMBERED = re.compile(r"[1-9]\d{0,5}")


def made(table: str, columns: str, label: str) -> str:
    """The name of table, columns and label, the two former cut so that it fits into 63 bytes, the longer one first."""
    first, second = table.encode(), columns.encode()
    room = NAME_BYTES - len(label.encode()) - 1 - (1 if columns else 0)
    one, other = len(first), len(second)
    while one + other > room:
        if one > other:
            one -= 1
        else:
            other -= 1
    parts = [_cut(first, one), *([_cut(second, other)] if columns else []), label]
    return "_".join(parts)


def _cut(text: bytes, length: int) -> str:
    return text[:length].decode(errors="ignore")


def stem(made_of: str) -> str:
    """The name without its number, where it is one that the server would make of these parts; else empty.

    `made_of` holds table, columns, label and the name itself, divided by unit separators.
    """
    parts = made_of.split("\x1f")
    if len(parts) != 4:
        return ""
    table, columns, label, name = parts
    plain = made(table, columns, label)
    if name == plain:
        return plain
    number = _NUMBERED.search(name.rpartition(f"_{label}")[2])
    if number and name == made(table, columns, label + number[0]):
        return plain
    return ""
