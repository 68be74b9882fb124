"""Rows as COPY prints them, as objects with attributes; and what the two sides' versions say differently."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from deploy_gate.postgres.catalog.kind import Kind

_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
BARE = 16
"""From this version on, the columns of a query on one table are printed without its name."""
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


def adapted(kind: Kind, rows: dict[str, Row], others: dict[str, Row], other: int) -> dict[str, Row]:
    """The rows of one side without what a server of version `other` cannot have, or prints in another way."""
    if kind.label.endswith("view") and other >= BARE:
        return {name: _unqualified(row, others.get(name)) for name, row in rows.items()}
    if kind.label != "privilege":
        return rows
    kept = {name: row for name, row in rows.items() if not row.parent.startswith(("information_schema", "pg_catalog"))}
    if other < 17:
        for name, row in kept.items():
            kept[name] = replace(row, values={key: _MAINTAIN.sub("", text or "") for key, text in row.values.items()})
    return kept


def _unqualified(row: Row, other: Row | None) -> Row:
    """A view whose columns are bare where the other side has them bare: there, they can only be the one table's."""
    query, theirs = row.values["definition"] or "", (other and other.values["definition"]) or ""
    names = set(_QUALIFIED.findall(query)) - set(_QUALIFIED.findall(theirs))
    if len(names) != 1:
        return row
    bare = re.sub(rf'(?<![.\w"]){re.escape(names.pop())}\.', "", query)
    return replace(row, values={**row.values, "definition": bare})
