"""A database's schema by the server's own numbers, under which an object stays the same through every rename."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deploy_gate.postgres import link

if TYPE_CHECKING:
    from deploy_gate.postgres.link import Connection

_USERS = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
_RELATIONS = f"""
SELECT c.oid::int8, n.nspname || '.' || c.relname, c.relkind::text, pg_relation_filenode(c.oid)::text, c.relrowsecurity,
       c.relforcerowsecurity, c.relowner::int8,
       COALESCE((SELECT i.inhparent::int8 FROM pg_inherits i WHERE i.inhrelid = c.oid LIMIT 1), 0),
       COALESCE((SELECT x.indrelid::int8 FROM pg_index x WHERE x.indexrelid = c.oid), c.oid::int8),
       COALESCE((SELECT x.indisunique AND x.indisvalid FROM pg_index x WHERE x.indexrelid = c.oid), false),
       COALESCE((SELECT x.indkey::int[] FROM pg_index x WHERE x.indexrelid = c.oid), '{{}}'),
       CASE WHEN c.relkind = 'v' THEN md5(pg_get_viewdef(c.oid)) ELSE '' END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind <> 't' AND c.relpersistence <> 't' AND {_USERS}
  -- A sequence that a column owns comes and goes with it.
  AND NOT (c.relkind = 'S' AND EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.refobjsubid > 0))
"""  # noqa: S608 - put together from constants  # nosec B608
_COLUMNS = f"""
SELECT c.oid::int8, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       a.atthasdef OR a.attidentity <> '', a.attidentity = 'a'
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {_USERS}
"""  # noqa: S608  # nosec B608
_CONSTRAINTS = f"""
SELECT k.oid::int8, k.conname, k.contype::text, k.conrelid::int8, k.contypid::int8, COALESCE(k.conkey::int[], '{{}}'),
       pg_get_constraintdef(k.oid)
FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace WHERE {_USERS}
"""  # noqa: S608  # nosec B608
_TABLES = f"""
SELECT c.oid::int8, format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND {_USERS}
"""  # noqa: S608  # nosec B608
_LABELS = "SELECT e.oid::int8, format_type(e.enumtypid, NULL), e.enumlabel FROM pg_enum e"
_OTHERS = f"""
SELECT 'function', p.oid::int8, p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE {_USERS} AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
UNION ALL SELECT CASE WHEN t.typnotnull THEN 'domain NOT NULL' ELSE 'type' END, t.oid::int8, format_type(t.oid, NULL)
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype IN ('e', 'd', 'r') AND {_USERS}
UNION ALL SELECT 'schema', n.oid::int8, n.nspname FROM pg_namespace n WHERE {_USERS}
UNION ALL SELECT 'extension', x.oid::int8, x.extname FROM pg_extension x
"""  # noqa: S608  # nosec B608
_PRIVILEGES = f"""
WITH listed AS (
    SELECT 'table' AS kind, c.oid::int8 AS id, 0 AS number, n.nspname || '.' || c.relname AS name, c.relowner AS owner,
           COALESCE(c.relacl, acldefault(CASE WHEN c.relkind = 'S' THEN 's'::"char" ELSE 'r' END, c.relowner)) AS acl
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND {_USERS}
    UNION ALL SELECT 'column', c.oid::int8, a.attnum, n.nspname || '.' || c.relname || '.' || a.attname,
           c.relowner, a.attacl
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE a.attacl IS NOT NULL AND {_USERS}
    UNION ALL SELECT 'schema', n.oid::int8, 0, n.nspname, n.nspowner, COALESCE(n.nspacl, acldefault('n', n.nspowner))
    FROM pg_namespace n WHERE {_USERS}
    UNION ALL SELECT 'function', p.oid::int8, 0, p.oid::regprocedure::text, p.proowner,
           COALESCE(p.proacl, acldefault('f', p.proowner))
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {_USERS}
)
SELECT kind, id, number, name, a.grantee::int8, COALESCE(r.rolname, 'PUBLIC'), a.privilege_type
FROM listed, aclexplode(acl) AS a LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE a.grantee <> owner
"""  # noqa: S608  # nosec B608


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, view, index …; `table` is the one an index belongs to, else itself."""

    oid: int
    name: str
    kind: str
    file: str | None
    secured: bool
    forced: bool
    owner: int
    parent: int
    table: int
    unique: bool
    key: list[int]
    text: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `default` counts identities and generated ones."""

    relation: int
    number: int
    name: str
    type: str
    not_null: bool
    default: bool
    always: bool


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint of a table or a domain."""

    oid: int
    name: str
    kind: str
    relation: int
    domain: int
    key: list[int]
    text: str


@dataclass(frozen=True, slots=True)
class Shape:
    """Everything by its number."""

    relations: dict[int, Relation]
    columns: dict[tuple[int, int], Column]
    constraints: dict[int, Constraint]
    labels: dict[int, tuple[str, str]]
    others: dict[int, tuple[str, str]]
    privileges: dict[tuple[Any, ...], str]


def read(connection: Connection) -> Shape:
    """The shape now, in one snapshot."""
    with link.snapshot(connection):
        relations = [Relation(*row) for row in connection.execute(_RELATIONS.encode()).fetchall()]
        columns = [Column(*row) for row in connection.execute(_COLUMNS.encode()).fetchall()]
        constraints = [Constraint(*row) for row in connection.execute(_CONSTRAINTS.encode()).fetchall()]
        labels = connection.execute(_LABELS).fetchall()
        others = connection.execute(_OTHERS.encode()).fetchall()
        privileges = connection.execute(_PRIVILEGES.encode()).fetchall()
    return Shape(
        {one.oid: one for one in relations},
        {(one.relation, one.number): one for one in columns},
        {one.oid: one for one in constraints},
        {oid: (name, label) for oid, name, label in labels},
        {oid: (kind, name) for kind, oid, name in others},
        {
            (kind, oid, number, grantee, what): f"{what} on {kind} {name} from {role}"
            for kind, oid, number, name, grantee, role, what in privileges
        },
    )


def counts(connection: Connection) -> dict[int, int]:
    """How many rows each table has."""
    found: dict[int, int] = {}
    for oid, name in connection.execute(_TABLES.encode()).fetchall():
        row = connection.execute(b"SELECT count(*) FROM " + name.encode()).fetchone()
        found[oid] = int(row[0]) if row else 0
    return found
