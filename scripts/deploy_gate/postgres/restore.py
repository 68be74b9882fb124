"""A dump restored into a scratch database, by a role that owns this database and may do nothing else.

A dump is code: it can hold functions that run while it is restored. So it meets no superuser here, and whoever calls
this holds no secret.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deploy_gate import process
from deploy_gate.postgres.address import Address
from deploy_gate.postgres.link import connected
from deploy_gate.postgres.scratch import Server
from deploy_gate.result import CouldNotTell, brief, one_line

if TYPE_CHECKING:
    from psycopg.sql import Composable

    from deploy_gate.postgres.link import Connection

_LEFT_OUT = ("owner", "privileges", "comments", "publications", "subscriptions", "security-labels", "tablespaces")
"""What would need other roles, other servers or a superuser, and is no part of the data."""
_HANDED = ("host", "port", "user", "password", "sslmode")
"""Parts of an address that libpq takes from the environment, as PGHOST and so on: nobody else can read it there."""
_OPTIONS = "-c maintenance_work_mem=256MB"
_COMMAND = re.compile(r"^Command was: (.+)$", re.MULTILINE)
_ERROR = re.compile(r"^pg_restore: error: (.+)$", re.MULTILINE)
_EXTENSION = re.compile(r'extension "([^"\n]+)"')
_ROLE = re.compile(r'role "([^"\n]+)" does not exist')


class Unrestorable(Exception):
    """pg_restore stopped: its words, and what it stumbled over."""


@dataclass(frozen=True, slots=True)
class Wants:
    """What a dump needs to be there before it: extensions only a superuser may create, and roles that policies name."""

    extensions: Sequence[str] = ()
    roles: Sequence[str] = ()


@contextmanager
def database(server: Server, wants: Wants) -> Iterator[Address]:
    """An empty database with a role of its own, whose address this is; both are gone when the block is left."""
    from psycopg import sql
    from psycopg.conninfo import make_conninfo

    name, password = f"deploy_gate_restore_{secrets.token_hex(6)}", secrets.token_hex(24)
    owner = sql.Identifier(name)
    made = [name, *_missing(server, wants.roles)]
    with connected(server.home) as connection:
        for role in made[1:]:
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
        create = "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD {}"
        connection.execute(sql.SQL(create).format(owner, sql.Literal(password)))
    try:
        with server.database("restore") as address:
            _prepare(address, owner, wants.extensions)
            yield Address(address.variable, make_conninfo(address.conninfo, user=name, password=password))
    finally:
        with suppress(CouldNotTell), connected(server.home) as connection:
            for role in made:
                connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


def _missing(server: Server, roles: Sequence[str]) -> list[str]:
    with connected(server.home) as connection:
        there = {str(row[0]) for row in connection.execute("SELECT rolname FROM pg_catalog.pg_roles").fetchall()}
    return [one for one in dict.fromkeys(roles) if one not in there]


def _prepare(address: Address, owner: Composable, extensions: Sequence[str]) -> None:
    import psycopg
    from psycopg import sql

    with connected(address) as connection:
        this = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(this, owner))
        for name in extensions:
            try:
                connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {} CASCADE").format(sql.Identifier(name)))
            except psycopg.errors.FeatureNotSupported:
                raise _no_extension(name) from None


def run(program: Path, file: Path, address: Address, *, jobs: int, seconds: float) -> float:
    """Restore a file; the seconds it took. Unrestorable when it fails, CouldNotTell for what is missing here."""
    argv: list[str | Path] = [program, "--no-password", "--exit-on-error", *(f"--no-{one}" for one in _LEFT_OUT)]
    argv += [f"--jobs={jobs}"] if jobs > 1 else []
    argv += [f"--dbname={address.parts['dbname']}", file.absolute()]
    parts = address.parts
    env = {f"PG{name.upper()}": str(parts[name]) for name in _HANDED if parts.get(name)}
    env |= {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "PGOPTIONS": _OPTIONS, "PGCONNECT_TIMEOUT": "10"}
    started = time.monotonic()
    try:
        done = process.run(argv, timeout=seconds, env=env, inherit=False)
    except CouldNotTell:
        if time.monotonic() - started >= seconds:
            raise TimeoutError from None
        raise
    if done.code:
        raise _explained(done.err)
    return done.seconds


def _explained(said: str) -> Exception:
    command, words = _COMMAND.search(said), _ERROR.search(said)
    text = one_line(words[1] if words else said[-300:], 300)
    place = f" (at {brief(command[1])})" if command else ""
    if "unsupported version" in text:
        found = f"pg_restore of this machine is older than the dump: {text}"
        return CouldNotTell(found, "install the client programs of the version that made the dump, or a newer one")
    if role := _ROLE.search(text):
        found = f"the dump names the role {brief(role[1])}, which is not there{place}"
        return CouldNotTell(found, f"let the role be made beforehand: input roles, {brief(role[1])}")
    if (extension := _EXTENSION.search(text)) and "permission denied" in text:
        found = f"the dump needs the extension {brief(extension[1])}, which only a superuser may create"
        return CouldNotTell(found, f"let it be made beforehand: input extensions, {brief(extension[1])}")
    if extension and "is not available" in text:
        return _no_extension(extension[1])
    return Unrestorable(f"{text}{place}")


def _no_extension(name: str) -> CouldNotTell:
    found = f"the dump needs the extension {brief(name)}, which this server does not have"
    return CouldNotTell(found, "install its package on this machine, or name a server that has it in scratch-url")


@dataclass(frozen=True, slots=True)
class Content:
    """What a restored database holds. A table that is not there counts None; so do revisions without their table."""

    total: int
    filled: int
    counts: dict[str, int | None]
    revisions: tuple[str, ...] | None


_TABLES = """
SELECT c.oid::pg_catalog.regclass::pg_catalog.text, n.nspname, c.relname
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
  AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d
                  WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 2, 3
"""


def content(address: Address, tables: Sequence[str], version_table: str) -> Content:
    """Look into a restored database, as its own role."""
    with connected(address) as connection:
        # Whatever the dump set for its role or database: no name of its can stand for one of the server's.
        connection.execute("SET search_path = pg_catalog, pg_temp")
        connection.execute("SET row_security = off")
        connection.execute("SET statement_timeout = '10min'")
        there = [(str(row[1]), str(row[2])) for row in connection.execute(_TABLES).fetchall()]
        filled = sum(_first(connection, "SELECT EXISTS (SELECT 1 FROM {})", one) is True for one in there)
        counts: dict[str, int | None] = {}
        for name in tables:
            place = _find(name, there)
            count = _first(connection, "SELECT count(*) FROM {}", place) if place else None
            counts[name] = int(str(count)) if count is not None else None
        place = _find(version_table, there)
        return Content(len(there), filled, counts, _revisions(connection, place) if place else None)


def _find(name: str, there: list[tuple[str, str]]) -> tuple[str, str] | None:
    """The table of that name, in the schema it names, else in `public`, else in the only one that has it."""
    schema, dot, table = name.rpartition(".")
    found = [one for one in there if one[1] == table and (not dot or one[0] == schema)]
    return next((one for one in found if one[0] == "public"), found[0] if len(found) == 1 else None)


def _first(connection: Connection, query: str, table: tuple[str, str]) -> object:
    from psycopg import sql

    row = connection.execute(sql.SQL(query).format(sql.Identifier(*table))).fetchone()
    return row[0] if row else None


def _revisions(connection: Connection, table: tuple[str, str]) -> tuple[str, ...]:
    from psycopg import sql

    query = sql.SQL("SELECT version_num FROM {} LIMIT 100").format(sql.Identifier(*table))
    return tuple(sorted(str(row[0]) for row in connection.execute(query).fetchall()))
