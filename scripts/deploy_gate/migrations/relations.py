"""The tables of a scratch database as somebody must know them who wants to put rows into them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deploy_gate.postgres.link import Connection

_TABLES = """
SELECT c.oid::int8, n.nspname, c.relname
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.oid
"""
# A domain's own type is followed to its base, eight steps at most.
_COLUMNS = """
WITH RECURSIVE base AS (
    SELECT t.oid AS id, t.oid AS type, t.typtype, t.typbasetype, t.typtypmod AS mod, t.typnotnull AS bound, 1 AS depth
    FROM pg_catalog.pg_type t
    UNION ALL
    SELECT base.id, t.oid, t.typtype, t.typbasetype, base.mod, base.bound OR t.typnotnull, depth + 1
    FROM base JOIN pg_catalog.pg_type t ON base.typtype = 'd' AND t.oid = base.typbasetype WHERE depth < 8
)
SELECT a.attrelid::int8, a.attnum, a.attname, t.typname, t.typcategory::text,
       CASE WHEN base.depth > 1 THEN base.mod ELSE a.atttypmod END,
       a.attnotnull OR base.bound, a.atthasdef OR a.attidentity <> '',
       ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)
FROM pg_catalog.pg_attribute a
JOIN base ON base.id = a.atttypid AND base.typtype <> 'd' JOIN pg_catalog.pg_type t ON t.oid = base.type
WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attrelid = ANY(%s)
ORDER BY a.attrelid, a.attnum
"""
_CONSTRAINTS = """
SELECT k.conrelid::int8, k.conname, k.contype::text, k.conkey::int[], k.confrelid::int8, k.confkey::int[],
       pg_catalog.pg_get_constraintdef(k.oid)
FROM pg_catalog.pg_constraint k WHERE k.conrelid = ANY(%s) ORDER BY k.oid
"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column that can be given a value."""

    number: int
    name: str
    type: str
    category: str
    modifier: int
    not_null: bool
    has_default: bool
    labels: list[str]


@dataclass(frozen=True, slots=True)
class Constraint:
    """`kind` is pg_constraint's contype; columns by number."""

    name: str
    kind: str
    columns: tuple[int, ...]
    parent: int
    parent_columns: tuple[int, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table with all that decides which rows it takes; two equal ones take the same."""

    oid: int
    schema: str
    name: str
    columns: tuple[Column, ...] = ()
    constraints: tuple[Constraint, ...] = field(default=())

    @property
    def references(self) -> list[Constraint]:
        """Its foreign keys."""
        return [one for one in self.constraints if one.kind == "f"]


def read(connection: Connection, without: str = "") -> dict[int, Table]:
    """All tables of the user's, those first that others refer to; `without` is a name to leave out."""
    names = [row for row in connection.execute(_TABLES).fetchall() if row[2] != without]
    oids = [row[0] for row in names]
    columns: dict[int, list[Column]] = {oid: [] for oid in oids}
    for row in connection.execute(_COLUMNS, (oids,)).fetchall():
        columns[row[0]].append(Column(*row[1:]))
    constraints: dict[int, list[Constraint]] = {oid: [] for oid in oids}
    for oid, name, kind, key, parent, parent_key, text in connection.execute(_CONSTRAINTS, (oids,)).fetchall():
        made = Constraint(name, kind, tuple(key or ()), parent, tuple(parent_key or ()), text)
        constraints[oid].append(made)
    tables = {
        oid: Table(oid, schema, name, tuple(columns[oid]), tuple(constraints[oid])) for oid, schema, name in names
    }
    return {oid: tables[oid] for oid in _parents_first(tables)}


def _parents_first(tables: dict[int, Table]) -> list[int]:
    """Depth first without recursion; a circle is entered somewhere."""
    order: dict[int, Any] = {}
    for start in tables:
        trail, open_ = [start], {start}
        while trail:
            last = trail[-1]
            parents = [one.parent for one in tables[last].references]
            following = next((one for one in parents if one in tables and one not in order and one not in open_), None)
            if following is None:
                order.setdefault(trail.pop())
            else:
                trail.append(following)
                open_.add(following)
    return list(order)
