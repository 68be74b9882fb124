"""Who is connected to a PostgreSQL server, and how many there may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deploy_gate.postgres import address, link
from deploy_gate.result import CouldNotTell, brief

if TYPE_CHECKING:
    from deploy_gate.postgres.link import Connection

MAX_LISTED = 20
# Sessions whose details are hidden have no backend_type: then whoever has a user and a database counts as a client,
# which takes in workers of parallel queries.
_COUNT = """
SELECT count(*) AS used, count(*) FILTER (WHERE a.backend_type IS NULL) AS hidden,
       count(*) FILTER (WHERE a.wait_event_type = 'Lock') AS waiting
FROM pg_catalog.pg_stat_activity a
WHERE a.pid <> pg_catalog.pg_backend_pid() AND a.usesysid IS NOT NULL AND a.datid IS NOT NULL
  AND (a.backend_type = 'client backend' OR a.backend_type IS NULL)
  AND (%(user)s::pg_catalog.text = '' OR a.usename = %(user)s)
  AND (%(database)s::pg_catalog.text = '' OR a.datname = %(database)s)
"""
_IDLE = """
SELECT a.pid, a.usename, a.datname, a.application_name,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.state_change)::pg_catalog.float8
FROM pg_catalog.pg_stat_activity a
WHERE a.pid <> pg_catalog.pg_backend_pid() AND a.state LIKE 'idle in transaction%%'
  AND a.state_change < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %(seconds)s)
  AND (%(user)s::pg_catalog.text = '' OR a.usename = %(user)s)
  AND (%(database)s::pg_catalog.text = '' OR a.datname = %(database)s)
ORDER BY 5 DESC LIMIT %(most)s
"""
_LIMITS = """
SELECT pg_catalog.current_setting('max_connections')::pg_catalog.int4,
       pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int4
       + coalesce(pg_catalog.current_setting('reserved_connections', true)::pg_catalog.int4, 0),
       (SELECT rolconnlimit FROM pg_catalog.pg_roles WHERE rolname = %(user)s),
       (SELECT datconnlimit FROM pg_catalog.pg_database WHERE datname = %(database)s)
"""


@dataclass(frozen=True, slots=True)
class Idle:
    """A session that holds a transaction open and does nothing; `seconds` since it did something."""

    pid: int
    user: str
    database: str
    application: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Sessions:
    """Counts of client sessions but our own; `capacity` and why it is that; `hidden` ones may be no clients."""

    label: str
    used: int
    capacity: int
    basis: str
    hidden: int = 0
    waiting: int = 0
    idle: tuple[Idle, ...] = ()


def look(variable: str, *, user: str = "", database: str = "", idle_seconds: float = 60) -> Sessions:
    """Count the sessions at the address in a variable, of one user or in one database where one is named."""
    where = address.of(variable)
    given: dict[str, Any] = {"user": user, "database": database, "seconds": idle_seconds, "most": MAX_LISTED}
    with link.connected(where) as connection, link.snapshot(connection):
        capacity, basis = _capacity(connection, given, where.label)
        row = connection.execute(_COUNT, given).fetchone() or (0, 0, 0)
        idle = tuple(Idle(*one) for one in connection.execute(_IDLE, given).fetchall())
    return Sessions(where.label, row[0], capacity, basis, row[1], row[2], idle)


def _capacity(connection: Connection, given: dict[str, Any], label: str) -> tuple[int, str]:
    row = connection.execute(_LIMITS, given).fetchone() or (0, 0, None, None)
    most, reserved, of_role, of_database = row
    for name, kind, limit in ((given["user"], "user", of_role), (given["database"], "database", of_database)):
        if name and limit is None:
            found = f"{label} has no {kind} {brief(name)}, so there are no sessions to count"
            raise CouldNotTell(found, f"correct the input `{kind}`")
    limits = [(most - reserved, f"max_connections {most} less {reserved} reserved")]
    limits += [(of_role, f"the connection limit of {brief(given['user'])}")] if (of_role or -1) >= 0 else []
    limits += [(of_database, f"the connection limit of {brief(given['database'])}")] if (of_database or -1) >= 0 else []
    return min(limits)
