"""The driver inside the consumer's interpreter: what it records, and how it ends."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from runnable import Tree
from support import Repository

from deploy_gate.migrations import driver, session, target
from deploy_gate.migrations.session import Session
from deploy_gate.migrations.target import Target
from deploy_gate.postgres import scratch
from deploy_gate.postgres.address import Address
from deploy_gate.postgres.scratch import Server
from deploy_gate.result import CouldNotTell


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with scratch.server() as made:
        yield made


@pytest.fixture
def tree(repository: Repository) -> Tree:
    return Tree(repository)


def made(seconds: float = 60) -> Target:
    found = target.target(
        python=sys.executable,
        config="alembic.ini",
        section="alembic",
        variables=["DATABASE_URL"],
        x=[],
        driver="",
        env=[],
    )
    return replace(found, seconds=seconds)


@pytest.fixture
def running(server: Server, tree: Tree) -> Iterator[Session]:
    tree.add("r1", "CREATE TABLE t (id int, name text)", "DROP TABLE t")
    values = "op.execute(sa.text('INSERT INTO t VALUES (:i, :n)').bindparams(i=1, n=\"it's 100%\"))"
    table = "t = sa.table('t', sa.column('id', sa.Integer), sa.column('name', sa.Text))"
    bulk = f"{table}\nop.bulk_insert(t, [{{'id': 2, 'name': None}}, {{'id': 3, 'name': 'x'}}])"
    own = "with op.get_context().autocommit_block():\n    op.execute('CREATE INDEX CONCURRENTLY i ON t (id)')"
    tree.add("r2", [f">{values}", f">{bulk}", "UPDATE t SET name = '50%'", f">{own}"], "SELECT 1")
    with server.database("x") as address, session.running(made(), address, measure=True) as found:
        yield found


def test_statements_are_recorded_as_they_were_run(running: Session) -> None:
    outcome = running.upgrade(["r1", "r2"])
    assert outcome.fault is None
    assert [one.sql for one in outcome.statements["r1"]] == ["CREATE TABLE t (id int, name text)"]
    sent = outcome.statements["r2"]
    assert [one.sql.replace("::INTEGER", "").replace("::VARCHAR", "").replace("::TEXT", "") for one in sent] == [
        "INSERT INTO t VALUES (1, 'it''s 100%')",
        "INSERT INTO t (id, name) VALUES (2, NULL)",
        "UPDATE t SET name = '50%'",
        "CREATE INDEX CONCURRENTLY i ON t (id)",
    ]
    assert [one.autocommit for one in sent] == [False, False, False, True]
    assert [one.locks is None for one in sent] == [False, False, False, True]


def test_what_a_statement_does_is_measured(running: Session) -> None:
    outcome = running.upgrade(["r1", "r2"])
    update = outcome.statements["r2"][2]
    assert update.locks is not None
    assert [(one.modes, one.scans, one.changed) for one in update.locks if one.changed] == [
        (("RowExclusiveLock",), 1, 3)
    ]


def test_a_fault_names_statement_and_line(server: Server, tree: Tree) -> None:
    tree.add("r1", ["SELECT 1", "SELECT nothing"], "SELECT 1")
    with server.database("x") as address, session.running(made(), address) as found:
        fault = found.upgrade(["r1"]).fault
        assert fault is not None
        assert (fault.revision, fault.sqlstate, fault.statement) == ("r1", "42703", "SELECT nothing")
        path = tree.repository.path / "migrations/versions/r1.py"
        assert "nothing" in path.read_text().split("\n")[fault.frames[str(path)] - 1]
        assert str(fault) == 'column "nothing" does not exist (SQLSTATE 42703) in `SELECT nothing`'


def test_a_step_that_hangs_is_stopped(server: Server, tree: Tree) -> None:
    tree.add("r1", "SELECT pg_sleep(600)", "SELECT 1")
    with server.database("x") as address, session.running(made(), address) as found:
        found.target = replace(found.target, seconds=0.5)
        with pytest.raises(CouldNotTell, match=r"`upgrade` of r1 did not end within 0\.5 s"):
            found.upgrade(["r1"])
    assert found.child.poll() is not None


def test_code_that_floods_its_output_is_read_along(server: Server, tree: Tree) -> None:
    tree.add("r1", ">print('x' * 1_000_000)\nimport os\nos.write(1, b'{\"failed\": {}}\\n')", "SELECT 1")
    with server.database("x") as address, session.running(made(), address) as found:
        assert found.upgrade(["r1"]).fault is None
        assert len(found.said) <= 20_000


def test_code_that_ends_the_interpreter(server: Server, tree: Tree) -> None:
    tree.add("r1", ">raise SystemExit(3)", "SELECT 1")
    tree.add("r2", ">import os\nos._exit(3)", "SELECT 1")
    with server.database("x") as address, session.running(made(), address) as found:
        fault = found.upgrade(["r1"]).fault
        assert fault is not None
        assert fault.type == "SystemExit"
        with pytest.raises(CouldNotTell, match="interpreter ended during `upgrade` of r2"):
            found.upgrade(["r2"])


def test_the_driver_is_legal_on_python_3_8() -> None:
    tree_ = ast.parse(Path(driver.__file__).read_text(encoding="utf-8"), feature_version=(3, 8))
    unions = [one for one in ast.walk(tree_) if isinstance(one, ast.BinOp) and isinstance(one.op, ast.BitOr)]
    assert unions == []


@pytest.mark.parametrize(
    ("conninfo", "name", "url"),
    [
        ("host=/run/x user=postgres dbname=d", "psycopg", "postgresql+psycopg://postgres@localhost/d?host=/run/x"),
        ("host=db port=6432 user=a password=p@/:% dbname=d", "psycopg2", "postgresql://a:p%40%2F%3A%25@db:6432/d"),
        ("host=::1 user=a dbname=d sslmode=require", "asyncpg", "postgresql+asyncpg://a@[::1]:5432/d?ssl=require"),
    ],
)
def test_the_url_in_the_spelling_of_each_driver(conninfo: str, name: str, url: str) -> None:
    assert target.fields(Address("X", conninfo), name)["url"] == url
