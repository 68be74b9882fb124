"""migrations-applied against a real PostgreSQL: behind, ahead, elsewhere, locked, closed, dying."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from databases import Cluster
from listeners import listening
from support import Repository
from trees import revision, tree

from deploy_gate.postgres import link
from deploy_gate.result import Result, Status

Ask = Callable[..., Result]
TABLE = "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)"


def holds(*rows: str) -> tuple[str, ...]:
    return (TABLE, *(f"INSERT INTO alembic_version VALUES ('{row}')" for row in rows))


@pytest.fixture
def shop(repository: Repository) -> Repository:
    """Three revisions in a row."""
    tree(repository)
    for name, down in (("a1", None), ("a2", "a1"), ("a3", "a2")):
        revision(repository, name, down)
    return repository


@pytest.fixture
def look(ask: Ask, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The check's answer for a database in which statements were executed."""

    def run(*statements: str, **given: object) -> Result:
        with cluster.database(*statements) as name:
            monkeypatch.setenv("STAGING", cluster.url(name))
            return ask("migrations-applied", url_variable="STAGING", **given)

    return run


def test_the_heads_of_this_commit(shop: Repository, look: Ask) -> None:
    result = look(*holds("a3"))
    assert result.status is Status.PASSED
    assert result.found.startswith("STAGING (shop_")
    assert result.found.endswith(" is at a3, as this commit: 3 revisions, none pending")


def test_one_behind(shop: Repository, look: Ask) -> None:
    result = look(*holds("a2"))
    assert result.status is Status.FAILED
    assert result.found.endswith("is at a2 and lacks 1 of 3 revisions: a3")
    assert "alembic upgrade heads" in result.fix
    assert [(one["path"], one["line"]) for one in result.evidence] == [("migrations/versions/a3_it.py", 4)]


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        (holds("b9"), "holds b9, which this commit does not know: it is ahead, or of another branch"),
        (holds("a3", "b9"), "holds b9, which this commit does not know"),
        (holds("a2", "a3"), "holds a2 beside a3, which includes it"),
        (holds(), "holds no revision (public.alembic_version is empty), this commit has a3"),
        ((), "has no version table alembic_version, this commit has 3 revisions"),
        (holds("x\n::error::\x1b[2J\u202ey"), "holds x ::error::�[2J�y, which this commit does not know"),
        (holds(*(f"r{n}" for n in range(7))), "holds r0, r1, r2, r3, r4 and 2 more, which"),
    ],
)
def test_anything_else_fails(shop: Repository, look: Ask, statements: tuple[str, ...], found: str) -> None:
    result = look(*statements)
    assert (result.status, found in result.found) == (Status.FAILED, True), result.found


def test_branches(shop: Repository, look: Ask) -> None:
    revision(shop, "b1", None)
    revision(shop, "b2", "b1", more="depends_on = 'a2'")
    result = look(*holds("a3", "b2"))
    assert (result.status, result.found) == (Status.FAILED, "this commit has 2 heads, the limit is 1: a3, b2")
    assert [one["path"] for one in result.evidence] == ["migrations/versions/a3_it.py", "migrations/versions/b2_it.py"]
    assert look(*holds("a3", "b2"), heads="many").status is Status.PASSED
    half = look(*holds("a3", "b1"), heads="many")
    assert half.found.endswith("is at a3, b1 and lacks 1 of 5 revisions: b2")
    without = look(*holds("b2"), heads="many")
    assert without.found.endswith("is at b2 and lacks 1 of 5 revisions: a3"), "b2 stands for a2 as well"


def test_table_and_schema_from_env_py_or_input(shop: Repository, look: Ask) -> None:
    at = 'CREATE SCHEMA "Ops"; CREATE TABLE "Ops"."the ""versions" (version_num text)'
    full = f"""{at}; INSERT INTO "Ops"."the ""versions" VALUES ('a3')"""
    given = {"version_table": 'the "versions', "version_schema": "Ops"}
    assert look(full, **given).status is Status.PASSED
    assert look(at, **given).found.count('"Ops"."the ""versions" is empty') == 1
    assert "has no version table" in look(full).found
    hint = look(full, version_table='the "versions')
    assert (hint.status, "search path (public) but in Ops" in hint.found) == (Status.ERROR, True)
    assert hint.fix == "name the schema in the input `version-schema`"
    tree(shop, "context.configure(version_table='the \"versions', version_table_schema='Ops')")
    assert look(full).status is Status.PASSED
    tree(shop, "context.configure(version_table=name())")
    assert (look(full).status, look(full, **given).status) == (Status.ERROR, Status.PASSED)


def test_the_table_that_alembic_would_use(shop: Repository, look: Ask) -> None:
    other = "CREATE SCHEMA archive; CREATE TABLE archive.alembic_version AS SELECT text 'a1' AS version_num"
    assert look(other, *holds("a3")).status is Status.PASSED


def test_missing_privileges_are_named(
    shop: Repository, ask: Ask, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cluster.database(*holds("a3")) as name:
        monkeypatch.setenv("STAGING", cluster.role(name))
        result = ask("migrations-applied", url_variable="STAGING")
        assert result.status is Status.ERROR
        assert "the version table public.alembic_version cannot be read" in result.found
        assert result.fix == "GRANT SELECT ON public.alembic_version TO the role of this address"
        monkeypatch.setenv("STAGING", cluster.role(name, "SELECT ON alembic_version"))
        assert ask("migrations-applied", url_variable="STAGING").status is Status.PASSED
        cluster.run(name, "ALTER TABLE alembic_version ENABLE ROW LEVEL SECURITY")
        hidden = ask("migrations-applied", url_variable="STAGING")
        assert (hidden.status, "row security hides rows" in hidden.found) == (Status.ERROR, True)
    with cluster.database("CREATE SCHEMA ops; CREATE TABLE ops.alembic_version (version_num text)") as name:
        monkeypatch.setenv("STAGING", cluster.role(name))
        result = ask("migrations-applied", url_variable="STAGING")
        assert result.fix.startswith("GRANT USAGE ON SCHEMA ops TO the role of this address, or name the schema")
        closed = ask("migrations-applied", url_variable="STAGING", version_schema="ops")
        assert closed.fix == "GRANT USAGE ON SCHEMA ops TO the role of this address"


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("CREATE TABLE alembic_version (id int)", "has no column version_num, so it is not Alembic's"),
        (
            "CREATE TABLE alembic_version AS SELECT n::text AS version_num FROM generate_series(1, 1001) n",
            "more than 1000",
        ),
    ],
)
def test_a_table_that_is_not_alembics(shop: Repository, look: Ask, statement: str, found: str) -> None:
    result = look(statement)
    assert (result.status, found in result.found) == (Status.ERROR, True), result.found


def test_a_lock_held_by_another_is_waited_for_in_bounds(
    shop: Repository, look: Ask, cluster: Cluster, monkeypatch: pytest.MonkeyPatch, ask: Ask
) -> None:
    monkeypatch.setattr(link, "LOCK_SECONDS", 0.3)
    with cluster.database(*holds("a3")) as name, cluster.connected(name) as other:
        other.execute("BEGIN; LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")
        monkeypatch.setenv("STAGING", cluster.url(name))
        started = time.monotonic()
        result = ask("migrations-applied", url_variable="STAGING")
        assert time.monotonic() - started < 5
        assert (result.status, "a lock was not to be had in time" in result.found) == (Status.ERROR, True)


def test_nothing_is_written_and_no_code_is_run(
    shop: Repository, ask: Ask, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ("migrations/env.py", "migrations/versions/a3_it.py"):
        with (shop.path / path).open("a") as stream:
            stream.write("\nopen('ran', 'w')\n")
    with cluster.database(*holds("a3")) as name:
        # A function of the user's that would be taken for the server's own, were its name not spelt out.
        cluster.run(name, "CREATE FUNCTION quote_ident(name) RETURNS text LANGUAGE sql AS $$ SELECT 'evil' $$")
        cluster.run(name, f"ALTER DATABASE {name} SET search_path = public, pg_catalog")
        monkeypatch.setenv("STAGING", cluster.url(name))
        assert ask("migrations-applied", url_variable="STAGING").status is Status.PASSED
    assert not Path("ran").exists()


def test_wrong_password_no_server_and_no_variable(
    shop: Repository, ask: Ask, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.passwords.append("hunter2-of-no-use")
    cluster.passwords.append("hunter 2-of-no-use")
    wrong = cluster.url("postgres", "postgres", "hunter2-of-no-use")
    for value, found in (
        (wrong, "the log-in was refused: connection failed"),
        (cluster.url("no_such"), "there is no such database"),
        (wrong.replace("hunter2", "hunter 2"), "holds no address of a PostgreSQL database"),
        (wrong.replace("postgresql:", "mysql:"), "holds no address of a PostgreSQL database"),
        ("", "the environment variable STAGING is not set"),
    ):
        monkeypatch.setenv("STAGING", value)
        result = ask("migrations-applied", url_variable="STAGING")
        assert (result.status, found in result.found) == (Status.ERROR, True), result.found


def test_a_database_that_refuses_the_role(
    shop: Repository, ask: Ask, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cluster.database(*holds("a3")) as name:
        cluster.run(name, f"REVOKE CONNECT ON DATABASE {name} FROM public")
        monkeypatch.setenv("STAGING", cluster.role(name))
        result = ask("migrations-applied", url_variable="STAGING")
        assert "a privilege is missing" in result.found
        assert result.fix == f'GRANT CONNECT ON DATABASE "{name}" TO the role of this address'
        monkeypatch.setenv("STAGING", cluster.role(name).replace("reader", "writer"))
        assert "the log-in was refused" in ask("migrations-applied", url_variable="STAGING").found


def test_a_connection_that_dies_mid_way(
    shop: Repository, ask: Ask, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cluster.database(*holds("a3")) as name, listening(_cut_after_log_in(cluster.server.port)) as port:
        monkeypatch.setenv(
            "STAGING", cluster.url(name).replace(f":{cluster.server.port}/", f":{port}/") + "?sslmode=disable"
        )
        result = ask("migrations-applied", url_variable="STAGING")
    assert result.status is Status.ERROR
    assert "did not answer" in result.found


def _cut_after_log_in(port: int) -> Callable[[socket.socket, threading.Event], None]:
    """Hand everything on to the real server until the client asks its first question, then hang up."""

    def talk(client: socket.socket, over: threading.Event) -> None:
        with socket.create_connection(("127.0.0.1", port)) as server:
            threads = [threading.Thread(target=_pass, args=(server, client))]
            threads[0].start()
            for data in iter(lambda: client.recv(65536), b""):
                if b"current_schemas" in data:
                    break
                server.sendall(data)
            server.shutdown(socket.SHUT_RDWR)
            client.shutdown(socket.SHUT_RDWR)
            threads[0].join()

    return talk


def _pass(source: socket.socket, target: socket.socket) -> None:
    try:
        for data in iter(lambda: source.recv(65536), b""):
            target.sendall(data)
    except OSError:
        return


@pytest.fixture(autouse=True)
def quiet(cluster: Cluster) -> Iterator[None]:
    """No connection is left behind."""
    yield
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'deploy-gate' AND state <> 'idle'"
    assert cluster.run("postgres", query) == [(0,)]
