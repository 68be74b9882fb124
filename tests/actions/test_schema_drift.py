"""schema-drift as the engine calls it, between real databases, and with everything that can go wrong on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest
import schema_pairs
from listeners import listening
from support import Repository

from deploy_gate.catalog import Catalog as Folders
from deploy_gate.engine.child import guarded
from deploy_gate.inputs import bind
from deploy_gate.postgres import catalog, link, scratch
from deploy_gate.postgres.address import Address
from deploy_gate.postgres.scratch import Server
from deploy_gate.result import Result, Status

DRIFT = Folders().get("schema-drift")
PASSWORD = "open-sesame-42"
LEFT, RIGHT = "STAGING_DATABASE_URL", "PRODUCTION_DATABASE_URL"
SHOP = "create table orders (id serial primary key, note varchar(20) check (note in ('a', 'b')), total int default 0)"


def run(**given: object) -> Result:
    """The check with inputs as texts, defaults from its action.yml, trouble turned into errors."""
    folder = DRIFT
    bound = bind(folder.manifest.inputs, folder.hints, {name.replace("_", "-"): value for name, value in given.items()})
    assert not bound.wrong, bound.wrong
    result = guarded(lambda: folder.function(**bound.values))
    assert PASSWORD not in str(result.as_json())
    return result


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with scratch.server() as made:
        yield made


@dataclass
class Pair:
    """Two databases, and the variables that name them."""

    left: Address
    right: Address

    def both(self, *statements: str) -> None:
        """The same DDL on both sides."""
        for address in (self.left, self.right):
            schema_pairs.execute(address, *statements)


@pytest.fixture
def pair(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    with server.database("left") as left, server.database("right") as right:
        monkeypatch.setenv(LEFT, left.conninfo)
        monkeypatch.setenv(RIGHT, right.conninfo)
        made = Pair(left, right)
        made.both(SHOP)
        yield made


def told(result: Result) -> set[tuple[object, ...]]:
    return {tuple(one[key] for key in ("kind", "name", "side", "level")) for one in result.evidence}


# --- whole and broken ---


def test_the_same_schema_passes(pair: Pair) -> None:
    result = run()
    assert result.status is Status.PASSED
    assert result.found.startswith("no difference among 11 objects, the limit is 0 (left is STAGING_DATABASE_URL (")
    assert (result.measured, result.target, result.evidence) == (0, 0, ())


def test_a_staging_that_was_patched_by_hand(pair: Pair) -> None:
    schema_pairs.execute(
        pair.left, "create index by_total on orders (total)", "alter table orders alter total set default 5"
    )
    result = run()
    assert result.status is Status.FAILED
    assert result.found.startswith(
        "2 differences, the limit is 0: column public.orders.total differs; index public.by_total only on the left ("
    )
    assert result.measured == 2
    assert told(result) == {
        ("index", "public.by_total", "left", "difference"),
        ("column", "public.orders.total", "both", "difference"),
    }
    column = next(one for one in result.evidence if one["kind"] == "column")
    assert (column["left"], column["right"]) == ("default: 5", "default: 0")
    index = next(one for one in result.evidence if one["kind"] == "index")
    assert (index["left"], index["right"]) == (
        "definition: CREATE INDEX by_total ON public.orders USING btree (total)",
        "",
    )


def test_a_missing_table_is_told_once(pair: Pair) -> None:
    schema_pairs.execute(
        pair.left,
        "create table lost (a int primary key, b text default 'x', c int references orders)",
        "grant select on lost to public",
    )
    assert told(run()) == {("table", "public.lost", "left", "difference")}


def test_what_is_information(pair: Pair) -> None:
    schema_pairs.execute(pair.left, "comment on table orders is 'x'", "alter table orders owner to pg_monitor")
    schema_pairs.execute(pair.right, "alter table orders drop note, add note varchar(20) check (note in ('a', 'b'))")
    result = run()
    assert result.status is Status.PASSED
    assert told(result) == {
        ("comment", "table public.orders", "left", "information"),
        ("table", "public.orders", "both", "information"),
        ("sequence", "public.orders_id_seq", "both", "information"),
        ("column-order", "public.orders", "both", "information"),
    }
    assert "; 4 for information)" in result.found


@pytest.mark.parametrize(
    ("given", "kinds"),
    [("owners", {"table", "sequence"}), ("comments", {"comment"}), ("column_order", {"column-order"})],
)
def test_what_becomes_a_difference_when_asked_for(pair: Pair, given: str, kinds: set[str]) -> None:
    schema_pairs.execute(pair.left, "comment on table orders is 'x'", "alter table orders owner to pg_monitor")
    schema_pairs.execute(pair.right, "alter table orders drop note, add note varchar(20) check (note in ('a', 'b'))")
    result = run(**{given: "true"})
    assert result.status is Status.FAILED
    assert {one["kind"] for one in result.evidence if one["level"] == "difference"} == kinds


# --- what is allowed ---


def test_an_allowed_difference_is_shown_and_does_not_count(pair: Pair) -> None:
    schema_pairs.execute(pair.left, "create table tmp_x (a int)", "create index i on orders (total)")
    result = run(allow=["table public.tmp_*", "index public.i", "view *"])
    assert result.status is Status.PASSED
    assert "; 2 allowed)" in result.found
    assert [(one["kind"], one["level"], one.get("allowed")) for one in result.evidence] == [
        ("table", "information", "table public.tmp_*"),
        ("index", "information", "index public.i"),
        ("allow", "information", None),
    ]
    assert result.evidence[2]["message"] == "allow: `view *` fits no difference: remove it"


def test_signs_of_a_pattern_stand_for_themselves(pair: Pair) -> None:
    schema_pairs.execute(pair.left, "create function f(a int[]) returns int language sql as 'select 1'")
    assert run(allow=["function public.f(integer[])"]).status is Status.PASSED
    assert run(allow=["function public.f(integer.)"]).status is Status.FAILED
    assert run(allow=["function public.f"]).status is Status.FAILED


# --- which migration ---


def test_names_the_migration_that_an_object_comes_from(pair: Pair, repository: Repository) -> None:
    repository.write("alembic.ini", "[alembic]\nscript_location = migrations\n")
    repository.write("migrations/env.py", "")
    for number, what in (
        (1, "op.create_table('orders')"),
        (2, "op.create_index('by_total', 'orders', ['total'])"),
        (3, "op.drop_table('by_tot')"),
    ):
        before = f"'r{number - 1}'" if number > 1 else "None"
        repository.write(
            f"migrations/versions/r{number}.py",
            f"revision = 'r{number}'\ndown_revision = {before}\ndef upgrade():\n    {what}\n",
        )
    schema_pairs.execute(pair.left, "create index by_total on orders (total)")
    (line,) = run().evidence
    assert line["migration"] == "r2"
    assert str(line["message"]).endswith("(named last by migration r2, migrations/versions/r2.py)")


# --- could not tell ---


def test_one_and_the_same_database(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RIGHT, pair.left.conninfo)
    result = run()
    assert result.status is Status.ERROR
    assert "are one and the same database: nothing was compared" in result.found


def test_two_empty_databases(pair: Pair) -> None:
    pair.both("drop table orders")
    result = run()
    assert result.status is Status.ERROR
    assert result.found == "both databases are empty: nothing was compared"


def test_one_empty_database_is_a_difference(pair: Pair) -> None:
    schema_pairs.execute(pair.right, "drop table orders")
    assert run().status is Status.FAILED


@pytest.mark.parametrize("variable", [LEFT, RIGHT])
def test_a_variable_that_is_not_set(pair: Pair, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.delenv(variable)
    result = run()
    assert (result.status, result.fix) == (Status.ERROR, f"set {variable} in the step's `env:` from a secret")


def test_other_variables_may_be_named(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LEFT)
    monkeypatch.setenv("OLD_DB", pair.left.conninfo)
    assert run(left="OLD_DB").status is Status.PASSED


def test_a_wrong_password_is_never_shown(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(connection: object, over: threading.Event) -> None:
        connection.recv(4096)  # type: ignore[attr-defined]  # a socket
        said = b'SFATAL\0C28P01\0Mpassword authentication failed for user "ada"\0\0'
        connection.sendall(b"E" + (len(said) + 4).to_bytes(4, "big") + said)  # type: ignore[attr-defined]

    with listening(refuse) as port:
        monkeypatch.setenv(LEFT, f"postgresql+asyncpg://ada:{PASSWORD}@127.0.0.1:{port}/shop?ssl=disable")
        result = run()
    assert result.status is Status.ERROR
    assert "password authentication failed" in result.found
    assert result.fix == f"correct user and password in {LEFT}, or the server's pg_hba.conf"


def test_a_text_that_is_no_address(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LEFT, f"mysql://ada:{PASSWORD}@h/db")
    result = run()
    assert (result.status, result.found) == (Status.ERROR, f"{LEFT} holds no address of a PostgreSQL database")


def test_a_connection_that_dies_half_way(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    real = catalog.read

    def cut(connection: psycopg.Connection[tuple[object, ...]], **more: Any) -> object:
        with psycopg.connect(pair.left.conninfo, autocommit=True) as other:
            other.execute("select pg_terminate_backend(%s)", (connection.info.backend_pid,))
        return real(connection, **more)

    monkeypatch.setattr(catalog, "read", cut)
    result = run()
    assert result.status is Status.ERROR
    assert "terminating connection" in result.found


def test_a_lock_that_somebody_holds_is_waited_for_in_bounds(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "LOCK_SECONDS", 0.2)
    with psycopg.connect(pair.left.conninfo) as holder:
        holder.execute("lock table orders in access exclusive mode")
        result = run()
    assert result.status is Status.ERROR
    assert "a lock was not to be had in time" in result.found
    assert result.fix == "end the session that holds it (pg_locks), then run this again"


def test_a_statement_that_takes_too_long(pair: Pair) -> None:
    result = run(statement_timeout="1ms")
    assert result.status is Status.ERROR
    assert "a statement took too long and was stopped" in result.found


@contextmanager
def limited(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A role that may connect and nothing else, on the left side."""
    name = "limited_" + str(pair.left.parts["dbname"])[-12:]
    schema_pairs.execute(pair.left, f"create role {name} login")
    monkeypatch.setenv(LEFT, pair.left.conninfo.replace("user=postgres", f"user={name}"))
    try:
        yield name
    finally:
        schema_pairs.execute(pair.left, f"drop owned by {name}", f"drop role {name}")


def test_a_role_without_privileges_sees_everything(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    pair.both("create schema private; create table private.x (a int); revoke all on schema private from public")
    with limited(pair, monkeypatch):
        assert run().status is Status.PASSED
        schema_pairs.execute(pair.right, "alter table private.x add b int")
        assert told(run()) == {("column", "private.x.b", "right", "difference")}


def test_a_catalog_that_is_closed_to_the_role(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    schema_pairs.execute(pair.left, "revoke select on pg_catalog.pg_policy from public")
    with limited(pair, monkeypatch):
        result = run()
    assert result.status is Status.ERROR
    assert "permission denied for table pg_policy" in result.found
    assert result.fix == "GRANT SELECT ON pg_policy TO the role of this address"


def test_options_that_are_hidden_from_the_role(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    pair.both(
        f"create foreign data wrapper w; create server s foreign data wrapper w; create user mapping for postgres server s options (password '{PASSWORD}')"
    )
    with limited(pair, monkeypatch):
        result = run()
        assert result.status is Status.FAILED, "hidden is not the same as equal"
        schema_pairs.execute(pair.right, "alter user mapping for postgres server s options (drop password)")
        result = run()
        assert result.status is Status.ERROR
        assert "the options of user mapping postgres on s are hidden from its role" in result.found
        assert run(allow=["user-mapping postgres on s"]).status is Status.PASSED


def test_secret_options_are_compared_and_not_shown(pair: Pair) -> None:
    pair.both(
        f"create foreign data wrapper w; create server s foreign data wrapper w; create user mapping for public server s options (password '{PASSWORD}')"
    )
    schema_pairs.execute(pair.right, "alter user mapping for public server s options (set password 'another')")
    result = run()
    assert result.status is Status.FAILED
    assert (result.evidence[0]["left"], result.evidence[0]["right"]) == ("options: (not shown)", "options: (not shown)")


def changing(pair: Pair, monkeypatch: pytest.MonkeyPatch, *statements: str) -> None:
    """Somebody does this on the left while it is being read."""
    from deploy_gate.postgres.catalog import reading

    real = reading._read
    lock = threading.Lock()
    done: list[bool] = []

    def read(connection: psycopg.Connection[tuple[object, ...]], version: int) -> catalog.Catalog:
        found = real(connection, version)
        with lock:
            if not done and connection.info.dbname == pair.left.parts["dbname"]:
                done.append(True)
                schema_pairs.execute(pair.left, *statements)
        return found

    monkeypatch.setattr(reading, "_read", read)


def test_a_schema_that_changes_meanwhile(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    changing(pair, monkeypatch, "alter table orders add late int")
    result = run()
    assert result.status is Status.ERROR
    assert result.found == "the schema changed while it was read, among others column public.orders.late"


def test_a_temporary_table_meanwhile_is_no_change(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    changing(pair, monkeypatch, "create temp table x (a int)", "analyze orders", "vacuum orders")
    assert run().status is Status.PASSED


def test_a_server_newer_than_we_know(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    real = catalog.read
    monkeypatch.setattr(catalog, "read", lambda connection, **more: replace(real(connection, **more), version=19))
    result = run()
    assert result.status is Status.ERROR
    assert "is PostgreSQL 19, newer than the 18 we know: what is new there was not compared" in result.found


def test_nothing_of_the_users_is_evaluated(pair: Pair) -> None:
    pair.both(
        "create sequence s; create function noisy() returns int language sql as $$select nextval('s')::int$$; "
        "create table n (a int default noisy(), b int default nextval('s'), check (noisy() > 0))"
    )
    schema_pairs.execute(pair.right, "alter table n alter a set default noisy() + 1")
    assert run().status is Status.FAILED
    for address in (pair.left, pair.right):
        with link.connected(address) as connection:
            assert connection.execute("select is_called from s").fetchone() == (False,)


def test_names_of_the_users_do_not_stand_for_the_servers(pair: Pair) -> None:
    pair.both(
        "create function quote_ident(text) returns text language sql as $$select 'fooled'$$; "
        "create table pg_class (a int); create operator = (leftarg = text, rightarg = text, function = texteq)",
        "alter database current set search_path = public, pg_catalog",
    )
    assert run().status is Status.PASSED


def test_the_evidence_is_bounded(pair: Pair, load: Callable[[str], Callable[..., Result]]) -> None:
    schema_pairs.execute(
        pair.left, "do $$begin for n in 1..1200 loop execute format('create table t%s ()', n); end loop; end$$"
    )
    result = run()
    assert result.measured == 1200
    assert len(result.evidence) == 1001
    assert result.evidence[-1] == {"message": "200 more not shown"}


# --- what a second pair of eyes found ---


def test_a_copy_made_block_by_block_is_another_database(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    real = link.identity
    same = link.Identity(1, "1.0", "shop", standby=False)
    asked: list[link.Identity] = []

    def identity(connection: psycopg.Connection[tuple[object, ...]]) -> link.Identity:
        assert real(connection).cluster > 1
        asked.append(replace(same, started=f"{len(asked)}.0"))
        return asked[-1]

    monkeypatch.setattr(link, "identity", identity)
    assert run().status is Status.PASSED


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({}, True),
        ({"started": "2"}, False),
        ({"started": "2", "standby": True}, True),
        ({"name": "x"}, False),
        ({"cluster": 2}, False),
    ],
)
def test_what_is_one_and_the_same(other: dict[str, Any], same: bool) -> None:
    here = link.Identity(1, "1", "shop", standby=False)
    assert here.is_same(replace(here, **other)) is same
    assert replace(here, **other).is_same(here) is same


@pytest.mark.parametrize("ddl", ["create schema a", "grant create on schema public to pg_monitor", "create sequence s"])
def test_little_is_not_nothing(pair: Pair, ddl: str) -> None:
    pair.both("drop table orders", ddl)
    assert run().status is Status.PASSED


def test_secrets_in_definitions_are_not_shown(pair: Pair) -> None:
    pair.both("create foreign data wrapper w; create server s foreign data wrapper w")
    body = "begin return x('host=h password={0}', 'Bearer {0}'); end -- token: {0}"
    for address, word in ((pair.left, PASSWORD), (pair.right, PASSWORD + "x")):
        schema_pairs.execute(
            address,
            f"create function f() returns int language plpgsql as $${body.format(word)}$$",
            f"alter database current set app.jwt_secret = '{word}'",
            f"create foreign table ft (a int) server s options (password '{word}')",
        )
    result = run()
    assert result.status is Status.FAILED
    assert {(one["kind"], one["name"]) for one in result.evidence} == {
        ("function", "public.f()"),
        ("setting", "app.jwt_secret"),
        ("table", "public.ft"),
    }


def test_long_definitions_are_shown_where_they_differ(pair: Pair) -> None:
    for address, word in ((pair.left, "one"), (pair.right, "two")):
        body = "begin " + "perform 1; " * 200 + f"perform '{word}'; end"
        schema_pairs.execute(address, f"create procedure p() language plpgsql as $${body}$$")
    (line,) = run().evidence
    assert "perform 'one'" in str(line["left"])
    assert "perform 'two'" in str(line["right"])


def test_a_server_that_falls_silent(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DRIFT.module, "_SPARE", 0.3)
    told = threading.Event()
    monkeypatch.setattr(catalog, "read", lambda *_, **__: told.wait(20))
    result = run(statement_timeout="1ms")
    told.set()
    assert result.status is Status.ERROR
    assert "fell silent: it was not read within 0.302 s" in result.found


@pytest.mark.parametrize("given", ["0s", "100d"])
def test_a_time_out_that_is_none(given: str) -> None:
    bound = bind(DRIFT.manifest.inputs, DRIFT.hints, {"statement-timeout": given})
    assert DRIFT.faults(bound.values) == ["input 'statement-timeout' must be from 1ms to 1h"]
