"""Rows as COPY prints them, as objects with attributes; and what the two sides' versions say differently."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from deploy_gate.postgres.catalog.kind import Kind

_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
_ESCAPED = re.compile(r"\\(.)")
_MAINTAIN = re.compile(r"\bMAINTAIN\*?\+|\+MAINTAIN\b\*?")
_QUALIFIED = re.compile(r'(?<![.\w"])((?:\w+|"(?:[^"]|"")*"))\.(?=\w|")')


@dataclass(frozen=True, slots=True)
class Row:
    """One object: its parent's name, and its attributes as text (None: does not apply)."""

    name: str
    parent: str
    values: Mapping[str, str | None]


def parsed(kind: Kind, rows: Iterable[bytes]) -> dict[str, Row]:
    """Rows by their names."""
    labels = [one.label for one in kind.fields]
    found = {}
    for row in rows:
        name, parent, *values = (_text(one) for one in row.decode(errors="replace").split("\t"))
        found[name or ""] = Row(name or "", parent or "", dict(zip(labels, values, strict=True)))
    return found


def _text(raw: str) -> str | None:
    """A field of COPY's text format (PostgreSQL manual, COPY, "Text Format")."""
    if raw == "\\N":
        return None
    return _ESCAPED.sub(lambda match: _ESCAPES.get(match[1], match[1]), raw) if "\\" in raw else raw


def adapted(kind: Kind, rows: dict[str, Row], other: int) -> dict[str, Row]:
    """The rows of one side without what a server of version `other` cannot have."""
    if kind.label != "privilege":
        return rows
    kept = {name: row for name, row in rows.items() if not row.parent.startswith(("information_schema", "pg_catalog"))}
    if other < 17:
        for name, row in kept.items():
            kept[name] = replace(row, values={key: _MAINTAIN.sub("", text or "") for key, text in row.values.items()})
    return kept


def unqualified(query: str, other: str) -> str:
    """A view's query with bare columns, where the other side's has them bare and only one table's name is left out."""
    names = set(_QUALIFIED.findall(query)) - set(_QUALIFIED.findall(other))
    if len(names) != 1:
        return query
    (name,) = names
    return re.sub(rf'(?<![.\w"]){re.escape(name)}\.', "", query)
