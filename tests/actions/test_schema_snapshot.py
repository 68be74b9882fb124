"""One database against what this commit's migrations make: schema-snapshot writes it down, schema-drift compares."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import schema_pairs
import trees
from support import Repository

from deploy_gate.catalog import Catalog
from deploy_gate.engine.child import guarded
from deploy_gate.inputs import bind
from deploy_gate.postgres import scratch
from deploy_gate.postgres.address import Address
from deploy_gate.result import Result, Status

ENV = """
import os
from alembic import context
from sqlalchemy import create_engine
with create_engine(os.environ["DATABASE_URL"]).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
VERSIONS = "create table alembic_version (version_num varchar(32) constraint alembic_version_pkc primary key)"
ORDERS = "create table orders (id integer primary key, note varchar(9))"


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Address]:
    with scratch.server() as server, server.database("live") as made:
        schema_pairs.execute(made, VERSIONS, ORDERS)
        monkeypatch.setenv("PRODUCTION_DATABASE_URL", made.conninfo)
        yield made


def run(name: str, **given: object) -> Result:
    folder = Catalog().get(name)
    bound = bind(folder.manifest.inputs, folder.hints, {key.replace("_", "-"): value for key, value in given.items()})
    assert (bound.wrong, bound.missing) == ([], [])
    return guarded(lambda: folder.function(**bound.values))


def drift() -> Result:
    return run("schema-drift", left="PRODUCTION_DATABASE_URL", expected="head.json")


@pytest.fixture
def written(repository: Repository) -> Path:
    """A snapshot of a small tree."""
    trees.tree(repository, ENV)
    trees.revision(repository, "r1", None, "op.execute('create table orders (id integer primary key)')")
    trees.revision(repository, "r2", "r1", "op.add_column('orders', sa.Column('note', sa.String(9)))")
    result = run("schema-snapshot", file="head.json", python=sys.executable)
    assert result.status is Status.PASSED, result.found
    assert result.found.startswith("12 objects by 2 revisions, written to head.json; fingerprint ")
    return repository.path / "head.json"


def test_a_database_as_the_migrations_make_it(database: Address, written: Path) -> None:
    schema_pairs.execute(database, "alter database current set work_mem = '9MB'")
    result = drift()
    assert result.status is Status.PASSED, result
    assert "right is the migrations' head (head.json))" in result.found


def test_a_database_that_was_changed_by_hand(database: Address, written: Path) -> None:
    schema_pairs.execute(database, "alter table orders alter note type text", "create index by_note on orders (note)")
    result = drift()
    assert result.status is Status.FAILED
    assert [(one["kind"], one["name"], one["side"]) for one in result.evidence] == [
        ("column", "public.orders.note", "both"),
        ("index", "public.by_note", "left"),
    ]
    assert result.evidence[0]["migration"] == "r2"


def test_a_database_one_revision_behind(database: Address, written: Path) -> None:
    schema_pairs.execute(database, "alter table orders drop note")
    assert [(one["kind"], one["name"], one["side"]) for one in drift().evidence] == [
        ("column", "public.orders.note", "right")
    ]


def test_a_migration_that_fails_writes_nothing(repository: Repository) -> None:
    trees.tree(repository, ENV)
    trees.revision(repository, "r1", None, "op.drop_table('nothing')")
    result = run("schema-snapshot", file="head.json", python=sys.executable)
    assert result.status is Status.ERROR
    assert not (repository.path / "head.json").exists()


def test_a_file_that_cannot_be_written(repository: Repository) -> None:
    trees.tree(repository, ENV)
    trees.revision(repository, "r1", None)
    repository.write("in-the-way", "")
    result = run("schema-snapshot", file="in-the-way/head.json", python=sys.executable)
    assert (result.status, result.fix) == (Status.ERROR, "name another file")


def cut(text: str) -> str:
    return text[: len(text) // 2]


def other(text: str) -> str:
    return json.dumps({**json.loads(text), "queries": "0" * 16})


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (cut, "head.json is no snapshot of a schema"),
        (lambda _: "[]", "head.json is no snapshot of a schema"),
        (lambda _: '{"queries": 1}', "head.json was written by another version of deploy-gate"),
        (other, "head.json was written by another version of deploy-gate"),
    ],
    ids=["cut", "list", "empty", "other"],
)
def test_a_snapshot_that_cannot_be_used(
    database: Address, written: Path, spoil: Callable[[str], str], said: str
) -> None:
    written.write_text(spoil(written.read_text()))
    result = drift()
    assert (result.status, result.found) == (Status.ERROR, said)


def test_a_snapshot_that_is_not_there(database: Address, repository: Repository) -> None:
    result = drift()
    assert (result.status, result.found) == (Status.ERROR, "head.json cannot be read: No such file or directory")
    assert result.fix == "run schema-snapshot before this check"
