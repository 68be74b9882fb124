"""Real dumps, made by pg_dump of a real PostgreSQL."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy_gate.workbench import services

ERP = """
create table alembic_version (version_num varchar(32) not null);
insert into alembic_version values ('r0012');
create table customers (id serial primary key, name text not null);
insert into customers (name) select md5(i::text) from generate_series(1, 500) i;
create table orders (id serial primary key, customer int references customers, total numeric(12, 2), note text);
insert into orders (customer, total, note)
    select 1 + i % 500, i * 1.5, md5(i::text) || md5((i * 7)::text) from generate_series(1, 4000) i;
create view totals as select customer, sum(total) from orders group by customer;
"""
LARGE_OBJECTS = """
select lo_from_bytea(0, decode(repeat('00', 200000), 'hex'));
select lo_from_bytea(0, decode(repeat('0000000000ff', 30000), 'hex'));
select lo_from_bytea(0, 'abc');
"""


@dataclass
class Dumps:
    """Databases on one server, and dumps of them; each is made once."""

    server: services.Database
    folder: Path
    made: dict[tuple[str, ...], bytes] = field(default_factory=dict)

    def of(self, database: str, *options: str, piped: bool = False) -> bytes:
        """A dump of a database, written to a file or through a pipe."""
        key = (database, str(piped), *options)
        if key not in self.made:
            self.made[key] = self._piped(database, options) if piped else self._file(database, options)
        return self.made[key]

    def _file(self, database: str, options: tuple[str, ...]) -> bytes:
        path = self.folder / f"{len(self.made)}.dump"
        self.server.run("pg_dump", *options, f"--file={path}", database=database)
        return path.read_bytes()

    def _piped(self, database: str, options: tuple[str, ...]) -> bytes:
        env = {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(self.server.port), "PGUSER": "postgres"}
        env["PGPASSWORD"] = self.server.password
        argv: list[str | Path] = [self.server.programs / "pg_dump", *options, database]
        return subprocess.run(argv, env=env, stdout=subprocess.PIPE, check=True, timeout=60).stdout

    def create(self, name: str, *scripts: str) -> None:
        """A database, filled by SQL."""
        self.server.run("psql", "-qc", f'create database "{name}"')
        for script in scripts:
            self.server.run("psql", "-qv", "ON_ERROR_STOP=1", database=name, stdin=script.encode())


@contextmanager
def dumps(folder: Path) -> Iterator[Dumps]:
    """A server with the databases `erp`, `objects` (the same with large objects), `other` and `empty` (no tables)."""
    # Not below pytest's own folder: any other run of pytest takes the right to pass through that away from the server.
    with TemporaryDirectory(prefix="deploy-gate-test-") as own, services.postgres(Path(own) / "postgres") as server:
        found = Dumps(server, folder)
        found.create("erp", ERP)
        found.create("objects", ERP, LARGE_OBJECTS)
        found.create("other", ERP)
        found.create("empty")
        yield found
