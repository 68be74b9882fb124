"""Rows in the tables of a scratch database, made from its schema: so that a migration meets data, legal and awkward.

Each table gets rows with every column filled and one with NULL wherever that is legal. Keys are high numbers and no
sequence is used, so that rows which a migration inserts itself collide with nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deploy_gate.migrations import relations, values
from deploy_gate.migrations.relations import Column, Constraint, Table
from deploy_gate.postgres.link import said
from deploy_gate.result import brief

if TYPE_CHECKING:
    import psycopg

    from deploy_gate.postgres.link import Connection

Row = dict[int, str]
_ATTEMPTS = 60
_FULL = 2


@dataclass(slots=True)
class Maker:
    """Fills tables that are new or have changed since it last looked; `skipped` says which it could not, and why."""

    version_table: str = ""
    known: dict[int, Table] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    number: int = values.START
    made: int = 0

    def fill(self, connection: Connection) -> None:
        """Insert rows; nothing is raised for a table that takes none."""
        found = relations.read(connection, self.version_table)
        changed = [table for oid, table in found.items() if self.known.get(oid) != table]
        self.known = found
        for table in changed:
            self._table(connection, table)

    def _table(self, connection: Connection, table: Table) -> None:
        name = f"{table.schema}.{table.name}"
        self.skipped.pop(name, None)
        for sparse in (False,) * _FULL + (True,):
            self.number += 1
            fault = _Attempt(connection, table, self.known, self.number, sparse=sparse).insert()
            if fault:
                if not sparse:
                    self.skipped[name] = brief(fault, 160)
                return
            self.made += 1


class _Attempt:
    """One row: tried, and where a check refuses it tried again with other values of that check's columns."""

    def __init__(
        self, connection: Connection, table: Table, tables: dict[int, Table], number: int, *, sparse: bool
    ) -> None:
        self.connection, self.table, self.tables, self.number = connection, table, tables, number
        bound = {column for one in table.constraints if one.kind == "p" for column in one.columns}
        taken = [one for one in table.columns if not sparse or one.number in bound or _wants_value(one)]
        self.columns = {one.number: one for one in taken}
        checks = [one for one in table.constraints if one.kind == "c"]
        self.choices = {one.number: values.candidates(one, number, checks) for one in taken}
        self.tried: dict[str, int] = {}

    def insert(self) -> str:
        """Empty when the row is in, else why it is not."""
        import psycopg

        try:
            row = self.row()
            if isinstance(row, str):
                return row
        except psycopg.Error as fault:
            return said(fault)
        last = ""
        for _ in range(_ATTEMPTS):
            refusal = self.send(row)
            if refusal is None:
                return ""
            last = said(refusal)
            if not self.turn(refusal, row):
                break
        return last

    def row(self) -> Row | str:
        """First choices, and keys of parents that are there; or why there can be none."""
        row = {number: choices[0] for number, choices in self.choices.items()}
        for reference in self.table.references:
            if not set(reference.columns) <= set(row):
                continue
            keys = self.parent(reference)
            needed = any(self.columns[number].not_null for number in reference.columns)
            if keys is None and needed and reference.parent != self.table.oid:
                parent = self.tables.get(reference.parent)
                return f"there is no row in {parent.name if parent else 'the table it refers to'}"
            if keys is None and needed:
                keys = tuple(row[number] for number in reference.parent_columns)  # its own parent
            for place, number in enumerate(reference.columns):
                self.choices[number] = []
                if keys:
                    row[number] = keys[place]
                else:
                    row.pop(number, None)
        return row

    def parent(self, reference: Constraint) -> tuple[str, ...] | None:
        """The key of one of the parent's rows, another one for each row of ours."""
        from psycopg import sql

        table = self.tables.get(reference.parent)
        if table is None:
            return None
        names = {one.number: one.name for one in table.columns}
        keys = [sql.Identifier(names[number]) for number in reference.parent_columns]
        fields = sql.SQL(", ").join(sql.SQL("{}::text").format(key) for key in keys)
        there = sql.SQL(" AND ").join(sql.SQL("{} IS NOT NULL").format(key) for key in keys)
        query = sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY 1 DESC LIMIT 6").format(fields, _place(table), there)
        found = self.connection.execute(query).fetchall()
        return tuple(map(str, found[self.number % len(found)])) if found else None

    def send(self, row: Row) -> psycopg.Error | None:
        import psycopg
        from psycopg import sql

        names = sql.SQL(", ").join(_escaped(sql.Identifier(self.columns[number].name)) for number in row)
        marks = sql.SQL(", ").join(sql.Placeholder() * len(row))
        what = sql.SQL("({}) OVERRIDING SYSTEM VALUE VALUES ({})").format(names, marks)
        insert = sql.SQL("INSERT INTO {} {}").format(
            _escaped(_place(self.table)), what if row else sql.SQL("DEFAULT VALUES")
        )
        try:
            self.connection.execute(insert, tuple(row.values()))
        except psycopg.Error as fault:
            return fault
        return None

    def turn(self, refusal: psycopg.Error, row: Row) -> bool:
        """Change the columns that were refused; False when there is nothing left to try."""
        blamed = refusal.diag.constraint_name or refusal.diag.column_name or ""
        free = [number for number in self.blamed(refusal, row) if len(self.choices.get(number, ())) > 1]
        step = self.tried[blamed] = self.tried.get(blamed, 0) + 1
        # Counted through like the digits of a number, so that every combination comes in turn.
        for number in free:
            choices = self.choices[number]
            step, index = divmod(step, len(choices))
            row[number] = choices[index]
        return bool(free) and step == 0

    def blamed(self, refusal: psycopg.Error, row: Row) -> list[int]:
        """The columns of the constraint that the server names, or the column, or all."""
        for one in self.table.constraints:
            if one.name == refusal.diag.constraint_name:
                return [number for number in one.columns if number in row]
        named = [number for number in row if self.columns[number].name == refusal.diag.column_name]
        return named or list(row)


def _wants_value(column: Column) -> bool:
    return column.not_null and not column.has_default


def _escaped(name: psycopg.sql.Identifier) -> psycopg.sql.SQL:
    """The name in a statement with parameters, where a per cent sign begins one."""
    from psycopg import sql

    return sql.SQL(name.as_string(None).replace("%", "%%"))


def _place(table: Table) -> psycopg.sql.Identifier:
    from psycopg import sql

    return sql.Identifier(table.schema, table.name)
