"""Which revisions a database holds: the rows of Alembic's version table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deploy_gate.migrations.environment import VersionTable
from deploy_gate.postgres import address, link
from deploy_gate.result import CouldNotTell, brief

if TYPE_CHECKING:
    from deploy_gate.postgres.link import Connection

MAX_ROWS = 1000
_TABLES = """
SELECT n.nspname, c.oid, pg_catalog.quote_ident(n.nspname), pg_catalog.quote_ident(c.relname),
       pg_catalog.has_schema_privilege(n.oid, 'USAGE'), pg_catalog.has_table_privilege(c.oid, 'SELECT'),
       pg_catalog.row_security_active(c.oid),
       EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'version_num')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = %s AND c.relkind IN ('r', 'p') ORDER BY n.nspname LIMIT 100
"""


@dataclass(frozen=True, slots=True)
class Applied:
    """What one database says; `revisions` is None where there is no version table."""

    label: str
    table: str
    revisions: tuple[str, ...] | None


def read(variable: str, table: VersionTable) -> Applied:
    """The rows of the version table of the database whose address a variable holds; CouldNotTell what hinders."""
    where = address.of(variable)
    with link.connected(where) as connection:
        row = connection.execute("SELECT pg_catalog.current_schemas(false)").fetchone()
        path = [table.schema] if table.schema else list(row[0] if row else [])
        with link.snapshot(connection):
            found = connection.execute(_TABLES, (table.name,)).fetchall()
            chosen = _chosen(found, path, where.label)
            if chosen is None:
                shown = brief(f"{table.schema}.{table.name}" if table.schema else table.name)
                return Applied(where.label, shown, None)
            return Applied(where.label, brief(f"{chosen[2]}.{chosen[3]}"), _rows(connection, chosen, where.label))


def _chosen(found: list[Any], path: list[str], label: str) -> Any:
    """The table that Alembic would use, or None; CouldNotTell when that one cannot be read."""
    here = min((one for one in found if one[0] in path), key=lambda one: path.index(one[0]), default=None)
    if here is None and found:
        elsewhere = ", ".join(brief(one[0]) for one in found[:5])
        # Without the privilege a schema drops out of the search path, so that it is the likely reason, too.
        closed = [one for one in found if not one[4]]
        fix = f"GRANT USAGE ON SCHEMA {brief(closed[0][2])} TO the role of this address" if closed else ""
        name = brief(found[0][3])
        searched = brief(", ".join(path)) or "nothing"
        raise CouldNotTell(
            f"{label}: {name} is not in the role's search path ({searched}) but in {elsewhere}",
            f"{fix}{', or ' if fix else ''}name the schema in the input `version-schema`",
        )
    if here is None:
        return None
    name = brief(f"{here[2]}.{here[3]}", 160)
    for missing, grant in ((not here[4], f"USAGE ON SCHEMA {brief(here[2])}"), (not here[5], f"SELECT ON {name}")):
        if missing:
            found_ = f"{label}: a privilege is missing: the version table {name} cannot be read"
            raise CouldNotTell(found_, f"GRANT {grant} TO the role of this address")
    if here[6]:
        fix = "let the role bypass row security (BYPASSRLS), or disable it on this table"
        raise CouldNotTell(f"{label}: row security hides rows of the version table {name}", fix)
    if not here[7]:
        fix = "name Alembic's table in the inputs `version-table` and `version-schema`"
        raise CouldNotTell(f"{label}: {name} has no column version_num, so it is not Alembic's", fix)
    return here


def _rows(connection: Connection, chosen: Any, label: str) -> tuple[str, ...]:
    from psycopg import sql

    # The names come quoted by the server itself.
    query = sql.SQL("SELECT version_num::pg_catalog.text FROM {}.{} ORDER BY 1 LIMIT {}").format(
        sql.SQL(chosen[2]), sql.SQL(chosen[3]), sql.Literal(MAX_ROWS + 1)
    )
    rows = connection.execute(query).fetchall()
    if len(rows) > MAX_ROWS:
        found = f"{label}: the version table holds more than {MAX_ROWS} rows"
        raise CouldNotTell(found, "see what writes to it: Alembic keeps one row for each head")
    return tuple(str(row[0]) for row in rows)
