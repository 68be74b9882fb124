"""A PostgreSQL server for tests that look into databases: databases and roles by the dozen, with one line each."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from deploy_gate.workbench import services
from deploy_gate.workbench.services import Database


@contextmanager
def running() -> Iterator[Cluster]:
    """A server of its own, outside of pytest's folder.

    Each new pytest of the same user, also one that a test runs, closes that folder to all others, and so to the
    unprivileged user as whom the server runs.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="deploy-gate-test-"))
        server = stack.enter_context(services.postgres(Path(folder) / "postgresql"))
        yield Cluster(server, [server.password])


@dataclass
class Cluster:
    """A running server; every password it makes is remembered, so that a test can see that none is told."""

    server: Database
    passwords: list[str] = field(default_factory=list)
    made: int = 0

    def url(self, database: str, role: str = "", password: str = "") -> str:
        """An address of a database: the superuser's, or a role's."""
        who = f"{quote(role or 'postgres')}:{quote(password or self.server.password)}"
        return f"postgresql://{who}@127.0.0.1:{self.server.port}/{quote(database, safe='')}"

    @contextmanager
    def connected(self, database: str = "postgres") -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """A superuser's connection in autocommit mode."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            yield connection

    def run(self, database: str, *statements: str) -> list[tuple[Any, ...]]:
        """Execute statements; rows of the last one, if it has any."""
        with self.connected(database) as connection:
            cursor = None
            for one in statements:
                cursor = connection.execute(one.encode())
            return cursor.fetchall() if cursor and cursor.description else []

    @contextmanager
    def database(self, *statements: str, name: str = "") -> Iterator[str]:
        """A new, empty database, in which the statements were executed; dropped at the end."""
        self.made += 1
        name = name or f"shop_{self.made}"
        with self.connected() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            if statements:  # else nobody connects: a session that was just closed is still counted for a moment
                self.run(name, *statements)
            yield name
        finally:
            with self.connected() as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def role(self, database: str, *grants: str) -> str:
        """The address of a new role without any privilege but these (`SELECT ON orders`)."""
        self.made += 1
        name, password = f"reader_{self.made}", secrets.token_hex(12)
        self.passwords.append(password)
        who = sql.Identifier(name)
        with self.connected(database) as connection:
            make = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(who, sql.Literal(password))
            connection.execute(make)
            for one in grants:
                connection.execute(sql.SQL("GRANT {} TO {}").format(sql.SQL(one), who))
        return self.url(database, name, password)
