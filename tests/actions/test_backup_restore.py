"""backup-restore: real dumps into a real PostgreSQL, by a role without rights."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dumps import Dumps, dumps

from deploy_gate.catalog import Catalog
from deploy_gate.engine.child import guarded
from deploy_gate.facts.dumpfile import Dump
from deploy_gate.inputs import bind
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Result, Status

URL = "THROW_AWAY_URL"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dumps]:
    with dumps(tmp_path_factory.mktemp("dumps")) as found:
        yield found


@pytest.fixture
def server(made: Dumps, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dumps]:
    """The server of the dumps as service container for scratch databases; nothing may be left behind on it."""
    monkeypatch.setenv(URL, made.server.url("postgres"))
    before = state(made)
    yield made
    assert state(made) == before


def state(made: Dumps) -> str:
    query = "select datname from pg_database union select rolname from pg_roles order by 1"
    return made.server.run("psql", "-Atc", query).out


def bound(**given: object) -> Any:
    capability = Catalog().get("backup-restore")
    texts = {name.replace("_", "-"): str(value) for name, value in given.items()}
    return capability, bind(capability.manifest.inputs, capability.hints, texts)


def run(file: Path, **given: object) -> Result:
    """The check as the engine calls it."""
    capability, values = bound(file=file, **{"scratch_url": URL, **given})
    assert not values.wrong, values.wrong
    assert not values.missing, values.missing
    return guarded(lambda: capability.function(**values.values))


def store(made: Dumps, folder: Path, database: str, *options: str, piped: bool = False) -> Path:
    path = folder / "x.dump"
    path.write_bytes(made.of(database, *(options or ("-Fc",)), piped=piped))
    return path


def test_a_good_dump_on_a_server_of_its_own(made: Dumps, tmp_path: Path) -> None:
    result = run(
        store(made, tmp_path, "erp"), scratch_url="", tables="orders>=4000, public.customers", revision="r0012"
    )
    assert result.status is Status.PASSED, result.found
    assert re.fullmatch(
        r"restored \d+ kB in \S+ m?s, the limit is 30 min; 3 tables, 2 with rows, orders 4000 rows \(at least 4000\), "
        r"public.customers 500 rows \(at least 1\); Alembic at r0012",
        result.found,
    )
    assert isinstance(result.measured, float)
    assert result.target == 1800
    assert [dict(one) for one in result.evidence] == [
        {"message": "orders: 4000 rows", "table": "orders", "rows": 4000},
        {"message": "public.customers: 500 rows", "table": "public.customers", "rows": 500},
    ]


@pytest.mark.parametrize("piped", [False, True], ids=["file", "piped"])
@pytest.mark.parametrize("options", [("-Fc",), ("-Fc", "-Z0"), ("-Ft",)], ids=" ".join)
@pytest.mark.parametrize("database", ["erp", "objects"])
def test_formats(server: Dumps, tmp_path: Path, database: str, options: tuple[str, ...], piped: bool) -> None:
    result = run(store(server, tmp_path, database, *options, piped=piped), tables="orders>=4000")
    assert result.status is Status.PASSED, result.found


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"tables": "orders>=4001"}, "but orders has 4000 rows, at least 4001 are asked for"),
        ({"tables": "invoices, orders"}, "but there is no table invoices"),
        ({"tables": "stock.orders"}, "but there is no table stock.orders"),
        ({"revision": "r0013"}, "but it is at r0012, not at r0013"),
        ({"revision": "r0013, r0012"}, "but it is at r0012, not at r0012, r0013"),
        ({"version_table": "versions", "revision": "r0012"}, "but there is no table versions"),
    ],
)
def test_what_is_missing_fails(server: Dumps, tmp_path: Path, given: dict[str, str], says: str) -> None:
    result = run(store(server, tmp_path, "erp"), **given)
    assert result.status is Status.FAILED, result.found
    assert result.found.endswith(says), result.found


def test_the_revision_must_be_one_of_this_commit(
    server: Dumps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = tmp_path / "migrations" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = migrations\n")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "migrations" / "env.py").write_text("")
    (versions / "a.py").write_text('"""a"""\nrevision = "r0011"\ndown_revision = None\n')
    dump = store(server, tmp_path, "erp")
    strange = run(dump, config="alembic.ini")
    assert strange.status is Status.FAILED
    assert strange.found.endswith("but it is at r0012, which this commit does not know")
    (versions / "b.py").write_text('"""b"""\nrevision = "r0012"\ndown_revision = "r0011"\n')
    (versions / "c.py").write_text('"""c"""\nrevision = "r0013"\ndown_revision = "r0012"\n')
    assert run(dump, config="alembic.ini").status is Status.PASSED


def test_dumps_without_rows_fail(server: Dumps, tmp_path: Path) -> None:
    result = run(store(server, tmp_path, "erp", "-Fc", "--schema-only"))
    assert result.status is Status.FAILED
    assert "but none of its 3 tables holds a row" in result.found
    empty = run(store(server, tmp_path, "empty"))
    assert empty.status is Status.FAILED
    assert "but none of its 0 tables holds a row" in empty.found


@pytest.mark.parametrize("cut", [1, 5, 3000])
def test_a_truncated_dump_fails_before_it_is_restored(server: Dumps, tmp_path: Path, cut: int) -> None:
    dump = store(server, tmp_path, "erp")
    dump.write_bytes(dump.read_bytes()[:-cut])
    result = run(dump)
    assert result.status is Status.FAILED
    assert result.found == "the dump is damaged: it breaks off inside the data of public.orders"


def test_damage_in_the_middle_is_found_by_the_restore_alone(server: Dumps, tmp_path: Path) -> None:
    dump = store(server, tmp_path, "erp")
    content = bytearray(dump.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4] = b"\xff" * 4
    dump.write_bytes(content)
    result = run(dump, jobs=1)
    assert result.status is Status.FAILED, result.found
    assert "the restore stopped: " in result.found


def changed(server: Dumps, folder: Path, body: str) -> Path:
    """A dump whose table's check calls a function that was harmless when the row was stored."""
    server.create(
        "changed",
        "create function f() returns int language sql as 'select 1';"
        "create table t (id int check (f() = 1)); insert into t values (1);",
        f"create or replace function f() returns int language plpgsql as $$ begin {body} return 1; end $$;",
    )
    server.made.pop(("changed", "False", "-Fc"), None)
    try:
        return store(server, folder, "changed")
    finally:
        server.server.run("psql", "-qc", "drop database changed")


def test_a_restore_that_takes_too_long_is_stopped(server: Dumps, tmp_path: Path) -> None:
    result = run(changed(server, tmp_path, "perform pg_sleep(60);"), max_restore="1s")
    assert result.status is Status.FAILED
    assert result.found == "the restore was stopped after 1 s, the limit"
    assert result.target == 1


# --- a dump is code ---


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("perform pg_read_file('/etc/passwd');", "permission denied for function pg_read_file"),
        ("copy (select 1) to program 'true';", "must be superuser or have privileges of the pg_execute_server_program"),
        ("create role another superuser;", "must be superuser to create superusers"),
        ("perform lo_export(1, '/tmp/x');", "permission denied for function lo_export"),
        ("set role postgres;", 'permission denied to set role "postgres"'),
    ],
)
def test_a_dump_runs_its_code_without_rights(server: Dumps, tmp_path: Path, body: str, says: str) -> None:
    """It does run, and is refused by the server."""
    result = run(changed(server, tmp_path, body))
    assert result.status is Status.FAILED
    assert says in result.found


def test_it_sees_no_secrets() -> None:
    capability = Catalog().get("backup-restore")
    assert capability.about.runs_code
    assert capability.about.secrets == ()
    values = {"scratch_url": URL}
    assert capability.visible(values, secrets=["AWS_SECRET_ACCESS_KEY"]) == [URL]


def test_pg_restore_gets_no_environment_of_ours(server: Dumps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tmp_path / "seen"
    program = tmp_path / "bin" / "pg_restore"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nenv > {seen}; echo "$@" >> {seen}\nexec {server.server.programs}/pg_restore "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-for-you")
    assert run(store(server, tmp_path, "erp")).status is Status.PASSED
    text = seen.read_text()
    assert "not-for-you" not in text
    assert server.server.password not in text
    names = {line.partition("=")[0] for line in text.splitlines() if "=" in line and not line.startswith("--")}
    assert names - {"PWD", "OLDPWD", "SHLVL", "_"} == {
        *("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PATH", "LC_ALL", "PGOPTIONS", "PGCONNECT_TIMEOUT")
    }
    password = re.search(r"PGPASSWORD=(\w+)", text)
    assert password
    assert password[1] not in text.splitlines()[-1]


# --- what a dump needs ---


def test_roles_and_extensions_are_named(server: Dumps, tmp_path: Path) -> None:
    server.create(
        "needs",
        "create role clerk nologin; create table t (id int); insert into t values (1);"
        "alter table t enable row level security; create policy p on t to clerk using (true);"
        "create extension pg_stat_statements; create extension pgcrypto; comment on table t is 'x'; grant select on t to clerk;",
    )
    try:
        dump = store(server, tmp_path, "needs")
    finally:
        server.server.run("psql", "-qc", "drop database needs")
        server.server.run("psql", "-qc", "drop role clerk")
    extension = run(dump)
    assert extension.status is Status.ERROR
    assert extension.found == "the dump needs the extension pg_stat_statements, which only a superuser may create"
    assert extension.fix == "let it be made beforehand: input extensions, pg_stat_statements"
    role = run(dump, extensions="pg_stat_statements")
    assert role.status is Status.ERROR
    assert role.found.startswith(
        "the dump names the role clerk, which is not there (at CREATE POLICY p ON public.t TO clerk"
    )
    assert run(dump, extensions="pg_stat_statements", roles="clerk").status is Status.PASSED
    none = run(dump, extensions="no_such_thing")
    assert none.status is Status.ERROR
    assert none.found == "the dump needs the extension no_such_thing, which this server does not have"


def test_a_dump_of_a_newer_version_is_an_error(server: Dumps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The number of its format, in the sixth and seventh byte, is all that pg_restore looks at first.
    dump = store(server, tmp_path, "erp")
    content = dump.read_bytes()
    dump.write_bytes(content[:6] + bytes([16]) + content[7:])
    monkeypatch.setattr(
        "deploy_gate.facts.dumpfile.inspect", lambda _: Dump("custom format", "p", "erp", None, "17", 3)
    )
    monkeypatch.setenv("PATH", f"{server.server.programs}:{os.environ['PATH']}")
    result = run(dump)
    assert result.status is Status.ERROR
    assert (
        result.found == "pg_restore of this machine is older than the dump: unsupported version (1.16) in file header"
    )


# --- what is no dump, and inputs ---


def test_plain_sql_is_not_restored(server: Dumps, tmp_path: Path) -> None:
    result = run(store(server, tmp_path, "erp", "-Fp"))
    assert result.status is Status.ERROR
    assert "it is SQL, which psql would have to execute; only pg_dump's archives are restored here" in result.found


def test_no_file_and_no_dump(tmp_path: Path) -> None:
    missing = run(tmp_path / "nothing")
    assert missing.status is Status.ERROR
    assert "cannot be read: No such file or directory" in missing.found
    folder = run(tmp_path)
    assert folder.status is Status.ERROR
    (tmp_path / "hello").write_text("hello")
    other = run(tmp_path / "hello")
    assert other.status is Status.ERROR
    assert "no format that pg_dump writes" in other.found


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"tables": "orders>1000"}, "input 'tables' holds 'orders>1000'"),
        ({"tables": "orders>=many"}, "input 'tables' holds"),
        ({"jobs": "0"}, "input 'jobs' is 0, expected 1 to 16"),
    ],
)
def test_wrong_inputs_are_told(given: dict[str, str], says: str) -> None:
    capability, values = bound(file="x", **given)
    assert any(says in fault for fault in capability.faults(values.values))
    with pytest.raises(Misconfigured):
        capability.function(**values.values)
