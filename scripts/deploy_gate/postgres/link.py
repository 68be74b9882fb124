"""One connection to a database: bounded in time, read-only where we only look, and quiet about passwords."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from deploy_gate.postgres.address import Address
from deploy_gate.result import CouldNotTell, brief, one_line

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

CONNECT_SECONDS = 10
STATEMENT_SECONDS = 60
LOCK_SECONDS = 5
_DENIED = re.compile(r"permission denied for (\w+(?: \w+)??) (\S+)$", re.MULTILINE)
_GRANTS = {"schema": "USAGE ON SCHEMA", "database": "CONNECT ON DATABASE", "function": "EXECUTE ON FUNCTION"}


@contextmanager
def connected(address: Address) -> Iterator[Connection]:
    """A connection in autocommit mode; whatever goes wrong on it, also later in the block, becomes CouldNotTell."""
    import psycopg
    from psycopg.conninfo import make_conninfo

    # A peer that vanished is noticed in 20 s, not in the kernel's two hours.
    bounds: dict[str, Any] = {
        "keepalives_idle": 5,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    }
    bounds |= {"connect_timeout": CONNECT_SECONDS, "application_name": "deploy-gate"}
    # From the fields: given the text, libpq's complaint about it would quote it, password and all.
    conninfo = make_conninfo(**{**address.parts, **bounds})
    try:
        with psycopg.connect(conninfo, autocommit=True, prepare_threshold=None) as connection:
            yield connection
    except psycopg.Error as fault:
        raise trouble(fault, address) from None


@contextmanager
def snapshot(connection: Connection, *, statement_seconds: float = STATEMENT_SECONDS) -> Iterator[None]:
    """One read-only, repeatable-read transaction in which no name of the user's can stand for one of the server's.

    The settings are local to the transaction, so that they do not stay behind in a connection pooler.
    """
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        bounds = {"statement_timeout": statement_seconds, "lock_timeout": LOCK_SECONDS}
        for name, seconds in bounds.items():
            connection.execute("SELECT pg_catalog.set_config(%s, %s, true)", (name, f"{seconds * 1000:.0f}"))
        connection.execute("SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true)")
        yield
    finally:
        with suppress(Exception):
            connection.execute("ROLLBACK")


def identity(connection: Connection) -> tuple[object, ...]:
    """What tells this database from every other: the cluster's system identifier, made by initdb, and the name."""
    query = "SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system()), pg_catalog.current_database()"
    return connection.execute(query).fetchone() or ()


def trouble(fault: psycopg.Error, address: Address) -> CouldNotTell:
    """What a database's error means and what to do, in words that hold no password."""
    text, code = said(fault), fault.sqlstate or _refused(str(fault))
    where = address.label
    for prefix, (what, fix) in _MEANINGS.items():
        if code.startswith(prefix):
            return CouldNotTell(f"{where}: {what}: {text}", fix.format(variable=address.variable, grant=_grant(fault)))
    if not code:
        return CouldNotTell(f"{where} did not answer: {text}", _unreachable(text, address.variable))
    return CouldNotTell(f"{where} refused: {text} (SQLSTATE {code})", "run the statement by hand to see why")


_MEANINGS = {
    "28": ("the log-in was refused", "correct user and password in {variable}, or the server's pg_hba.conf"),
    "3D000": ("there is no such database", "correct the database's name in {variable}"),
    "42501": ("a privilege is missing", "{grant}"),
    "57014": ("a statement took too long and was stopped", "see what the server waits for (pg_stat_activity)"),
    "55P03": ("a lock was not to be had in time", "end the session that holds it (pg_locks), then run this again"),
    "53300": ("all its connections are taken", "end idle sessions, or raise max_connections"),
    "57P": ("the server is starting or shutting down", "wait until it is up, then run this again"),
    "08": ("the connection broke", "see the server's log, then run this again"),
}


_REFUSALS = {
    "password authentication failed": "28P01",
    "no pg_hba.conf entry": "28000",
    "permission denied for database": "42501",
    "too many clients": "53300",
    "connection slots are reserved": "53300",
    "too many connections for": "53300",
    'role "': "28000",
    "starting up": "57P03",
    "shutting down": "57P01",
    "does not exist": "3D000",
}


def _refused(text: str) -> str:
    """The SQLSTATE of a refused connection: psycopg has none, only the server's words behind `FATAL:`."""
    words = text.partition("FATAL:")[2]
    return next((code for phrase, code in _REFUSALS.items() if phrase in words), "")


def said(fault: psycopg.Error) -> str:
    """The server's message in one line, without the SQL that it quotes."""
    primary = fault.diag.message_primary
    return one_line(primary or str(fault).split("\nLINE ")[0], 300) or type(fault).__name__


def _grant(fault: psycopg.Error) -> str:
    match = _DENIED.search(fault.diag.message_primary or str(fault))
    if not match:
        return "grant the role what the message names"
    return f"GRANT {_GRANTS.get(match[1], 'SELECT ON')} {brief(match[2])} TO the role of this address"


def _unreachable(text: str, variable: str) -> str:
    if "password" in text:
        return f"correct user and password in {variable}"
    if "timeout" in text or "timed out" in text:
        return "see whether a firewall lets this machine reach it, or whether it is overloaded"
    if "SSL" in text or "certificate" in text:
        return f"correct sslmode and sslrootcert in {variable}"
    return f"see whether the server runs and can be reached from here, or correct {variable}"
