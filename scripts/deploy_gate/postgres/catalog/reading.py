"""Reading a whole catalog: one query for each kind, in one snapshot, and a look whether it changed meanwhile."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from deploy_gate.postgres import link
from deploy_gate.postgres.catalog import attached, privileges, relations, remarks, routines, surroundings, types
from deploy_gate.postgres.catalog.kind import Kind
from deploy_gate.result import CouldNotTell, brief

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

OLDEST, NEWEST = 12, 18
"""Major versions of servers whose catalogs we know."""
KINDS = (
    *surroundings.KINDS,
    *relations.KINDS,
    *attached.KINDS,
    *routines.KINDS,
    *types.KINDS,
    *privileges.KINDS,
    *remarks.KINDS,
)

_SAID_OF_OTHERS = ("privilege", "comment", "column-order", "security-label")
_IN_EVERY_ONE = ("database", "schema", "extension", "privilege", "comment")

# How expressions are printed must not depend on the role or the database that asks.
_SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "xmlbinary": "base64",
    "lc_monetary": "C",
    "quote_all_identifiers": "off",
    "client_encoding": "UTF8",
    # Compiling these queries takes longer than running them.
    "jit": "off",
}
_WATCHED = (
    *("pg_class", "pg_attribute", "pg_attrdef", "pg_constraint", "pg_index", "pg_inherits", "pg_trigger", "pg_rewrite"),
    *("pg_policy", "pg_sequence", "pg_proc", "pg_aggregate", "pg_operator", "pg_opclass", "pg_opfamily", "pg_amop"),
    *("pg_amproc", "pg_type", "pg_enum", "pg_range", "pg_namespace", "pg_extension", "pg_cast", "pg_collation"),
    *("pg_conversion", "pg_language", "pg_transform", "pg_am", "pg_event_trigger", "pg_foreign_server"),
    *("pg_foreign_data_wrapper", "pg_foreign_table", "pg_publication", "pg_publication_rel", "pg_statistic_ext"),
    *("pg_default_acl", "pg_description", "pg_seclabel", "pg_partitioned_table", "pg_ts_config", "pg_ts_config_map"),
    *("pg_ts_dict", "pg_ts_parser", "pg_ts_template", "pg_depend", "pg_db_role_setting", "pg_database"),
)
_HIDDEN = (
    "SELECT quote_ident(m.usename) || ' on ' || quote_ident(m.srvname) FROM pg_user_mappings m "
    "WHERE m.umoptions IS NULL AND NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) ORDER BY 1"
)


@dataclass(frozen=True)
class Catalog:
    """Everything in a database that changes how it behaves: for each kind its rows as COPY prints them.

    `hidden` names what the role may not see, and so nobody compared.
    """

    version: int
    rows: dict[int, frozenset[bytes]]
    hidden: tuple[str, ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """A SHA-256 that is the same for the same rows, whatever their order."""
        digest = hashlib.sha256()
        for number in sorted(self.rows):
            digest.update(b"\0%d\0" % number)
            digest.update(b"\n".join(sorted(self.rows[number])))
        return digest.hexdigest()

    @property
    def size(self) -> int:
        """How many objects there are, each counted once: privileges and comments belong to what they speak of."""
        return sum(len(rows) for number, rows in self.rows.items() if KINDS[number].label not in _SAID_OF_OTHERS)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing beyond what every new database has."""
        made = (rows for number, rows in self.rows.items() if KINDS[number].label not in _IN_EVERY_ONE)
        return not any(made) and len(self.rows[KINDS.index(surroundings.EXTENSION)]) < 2

    def kind(self, number: int) -> Kind:
        """What the rows under that number are, with the attributes that this server has."""
        return KINDS[number].on(self.version)


def read(connection: Connection, *, statement_seconds: float = link.STATEMENT_SECONDS) -> Catalog:
    """The whole catalog as of one moment; CouldNotTell when it changes while it is read, or is too old for us.

    The functions that print definitions see the newest state whatever the snapshot is, so the catalog's own rows are
    looked at once more at the end.
    """
    version = connection.info.server_version // 10000
    if version < OLDEST:
        found = f"the server is PostgreSQL {version}, the oldest that can be read is {OLDEST}"
        raise CouldNotTell(found, "upgrade the server: that version gets no security fixes any more")
    with link.snapshot(connection, statement_seconds=statement_seconds):
        _set(connection)
        before = _pulse(connection)
        catalog = _read(connection, version)
    with link.snapshot(connection, statement_seconds=statement_seconds):
        _set(connection)
        if _pulse(connection) != before:
            # Temporary tables leave traces too; what counts is whether anything reads differently.
            _refuse(catalog, _read(connection, version))
    return catalog


def _refuse(first: Catalog, second: Catalog) -> None:
    changed = sorted(
        name
        for number, rows in second.rows.items()
        for row in rows ^ first.rows[number]
        for name in [f"{KINDS[number].label} {row.split(bytes([9]))[0].decode(errors='replace')}"]
    )
    if changed:
        found = f"the schema changed while it was read, among others {brief(changed[0])}"
        raise CouldNotTell(found, "wait until nothing migrates that database, then run this again")


def _pulse(connection: Connection) -> tuple[Any, ...]:
    """Numbers that change whenever a row of a catalog is written: how many rows, and a sum over their versions."""
    parts = [
        f"(SELECT count(*)::text || ':' || coalesce(sum(hashtextextended(x.xmin::text || x.ctid::text, 0)), 0)::text "
        f"FROM {name} x)"
        for name in _WATCHED
    ]
    return connection.execute(f"SELECT {', '.join(parts)}").fetchone() or ()


def _set(connection: Connection) -> None:
    for name, value in _SETTINGS.items():
        connection.execute("SELECT set_config(%s, %s, true)", (name, value))


def _read(connection: Connection, version: int) -> Catalog:
    rows = {}
    for number, kind in enumerate(KINDS):
        if kind.since <= version:
            rows[number] = _copied(connection, kind.on(version).query)
    hidden = tuple(str(one) for (one,) in connection.execute(_HIDDEN))
    return Catalog(version, rows, hidden)


def _copied(connection: Connection, query: str) -> frozenset[bytes]:
    with connection.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT") as stream:
        data = b"".join(map(bytes, stream))
    return frozenset(itertools.islice(data.split(b"\n"), data.count(b"\n")))
