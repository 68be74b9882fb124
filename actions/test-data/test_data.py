"""A database holds its test data: at least so many rows in each table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from deploy_gate.catalog import About
from deploy_gate.postgres import address, link
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.units import Variable, counted

ABOUT = About(locks=("database",), timeout=120)

MOST = 10_000_000
_LINE = re.compile(r"(?:([^\s.=\"]{1,63})\.)?([^\s.=\"]{1,63})\s*=\s*([0-9]{1,8})")


@dataclass(frozen=True, slots=True)
class Table:
    """A table and its least number of rows."""

    schema: str
    name: str
    least: int

    @property
    def label(self) -> str:
        """As the user wrote it."""
        return brief(self.name if self.schema == "public" else f"{self.schema}.{self.name}")


@dataclass(frozen=True, slots=True)
class Counted:
    """How many rows were seen, up to the minimum; None: there is no such table."""

    table: Table
    rows: int | None


def check(*, url_variable: Variable, tables: list[str]) -> Result:
    """Count in one read-only transaction; CouldNotTell for all that hinders."""
    wanted = _parsed(tables)
    place = address.of(url_variable)
    with link.connected(place) as connection, link.snapshot(connection):
        seen = [_count(connection, one) for one in wanted]
    return judge(seen, place.label)


def validate(*, tables: list[str], **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is run."""
    _parsed(tables)


def _parsed(lines: Sequence[str]) -> list[Table]:
    found = []
    for line in lines:
        match = _LINE.fullmatch(line)
        if not match or not 1 <= int(match[3]) <= MOST:
            raise Misconfigured([f"input 'tables' has {brief(line)!r}, expected `table = 10` (1 to {MOST} rows)"])
        found.append(Table(match[1] or "public", match[2], int(match[3])))
    if not found:
        raise Misconfigured(["input 'tables' names no table"])
    return found


def _count(connection: link.Connection, table: Table) -> Counted:
    from psycopg import sql

    known = connection.execute(
        "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')",
        (table.schema, table.name),
    ).fetchone()
    if known is None:
        return Counted(table, None)
    # No further than the minimum, so that a large table costs nothing.
    query = sql.SQL("SELECT pg_catalog.count(*) FROM (SELECT 1 FROM {} LIMIT {}) AS seen")
    row = connection.execute(query.format(sql.Identifier(table.schema, table.name), table.least)).fetchone()
    return Counted(table, int(row[0]) if row else 0)


def judge(seen: Sequence[Counted], place: str) -> Result:
    """Every table has its rows."""
    if not seen:
        raise CouldNotTell("no table was looked at", "name one table or more")
    short = [one for one in seen if one.rows is None or one.rows < one.table.least]
    told = [
        f"{one.table.label}: {counted(one.rows, 'row') if one.rows is not None else 'no such table'}"
        f", expected {one.table.least} or more"
        for one in short
    ]
    evidence: list[Evidence] = [{"message": f"{one.table.label}: {one.rows} (limit {one.table.least})"} for one in seen]
    more = {"target": 0, "measured": len(short), "evidence": evidence}
    if short:
        start = f"{place}: {len(short)} of {counted(len(seen), 'table')} lack test data: "
        return failed(start + "; ".join(told[:4]), "run the seed script against this database", **more)
    names = ", ".join(f"{one.table.label} ({one.table.least} or more rows)" for one in seen[:4])
    return passed(f"{place}: test data is there in {counted(len(seen), 'table')}: {names}", **more)
