"""Each revision goes up, down and up on a real PostgreSQL: whole ones pass, and each planted fault is named."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from projects import answer
from runnable import INPUTS, Tree
from support import Repository

from deploy_gate.catalog import Catalog
from deploy_gate.postgres import scratch
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Result, Status

SHOP = "CREATE TYPE kind AS ENUM ('a', 'b'); CREATE TABLE t (id serial PRIMARY KEY, name text NOT NULL, k kind, n int)"
HERE = (
    "CREATE FUNCTION e() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
    " CREATE TRIGGER here BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION e()"
)
TRIGGER = (
    "CREATE OR REPLACE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
    " CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()"
)
UNDO = "DROP TABLE t; DROP TYPE kind"
ASYNC_ENV = """
import asyncio, os
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine


def work(connection):
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()


async def main():
    engine = create_async_engine(os.environ["DATABASE_URL"])
    async with engine.connect() as connection:
        await connection.run_sync(work)
    await engine.dispose()


asyncio.run(main())
"""
X_ENV = """
from alembic import context
from sqlalchemy import create_engine, pool

url = context.get_x_argument(as_dictionary=True)["db"]
with create_engine(url, poolclass=pool.NullPool).connect() as connection:
    context.configure(connection=connection, version_table="revisions of us")
    with context.begin_transaction():
        context.run_migrations()
"""
INI_ENV = """
from alembic import context
from sqlalchemy import engine_from_config

engine = engine_from_config(context.config.get_section(context.config.config_ini_section), prefix="sqlalchemy.")
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with scratch.server() as server:
        yield f"postgresql://postgres@/postgres?host={server.home.parts['host']}"


@pytest.fixture
def tree(repository: Repository, url: str, monkeypatch: pytest.MonkeyPatch) -> Tree:
    monkeypatch.setenv("SCRATCH_URL", url)
    return Tree(repository)


def check(**inputs: object) -> Result:
    function = Catalog().get("migrations-reversible").function
    return answer(function, **{**INPUTS, "rows": True, "last": 99, "scratch_url": "SCRATCH_URL", **inputs})


def rules(result: Result) -> list[tuple[str, str]]:
    return [(str(one.get("revision", "")), str(one["rule"])) for one in result.evidence]


def test_whole_ones_pass(tree: Tree) -> None:
    tree.add("r1", SHOP, UNDO)
    tree.add("r2", "CREATE INDEX i ON t (name)", "DROP INDEX i")
    tree.add("r3", "ALTER TABLE t ADD COLUMN x int DEFAULT 3", "ALTER TABLE t DROP COLUMN x")
    tree.add("r4", "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "DROP FUNCTION f()")
    result = check()
    assert (result.status, rules(result)) == (Status.PASSED, []), result.evidence
    assert result.found.startswith("0 revisions cannot be undone, the limit is 0; 4 revisions tried (the last 99)")


FORGOTTEN = (
    ("CREATE INDEX IF NOT EXISTS i ON t (name)", "SELECT 1", "leaves behind index public.i"),
    ("DROP INDEX IF EXISTS there", "SELECT 1", "does not bring back index public.there"),
    ("ALTER TABLE t ALTER name SET DEFAULT 'x'", "SELECT 1", "default"),
    ("ALTER TYPE kind ADD VALUE IF NOT EXISTS 'c'", "SELECT 1", "kind"),
    (TRIGGER, "DROP TRIGGER g ON t", "leaves behind function public.f()"),
    ("DROP TRIGGER IF EXISTS here ON t", "SELECT 1", "does not bring back trigger"),
    ("ALTER TABLE t ALTER n TYPE bigint", "ALTER TABLE t ALTER n TYPE smallint USING 1", "smallint"),
    ("ALTER TABLE t DROP COLUMN n", "ALTER TABLE t ADD COLUMN n int NOT NULL DEFAULT 0", "public.t.n"),
)


def test_what_a_downgrade_forgets_is_named(tree: Tree) -> None:
    tree.add("r1", SHOP, UNDO)
    tree.add("r2", "CREATE INDEX there ON t (n)", "DROP INDEX there")
    tree.add("r3", HERE, "DROP TRIGGER here ON t; DROP FUNCTION e()")
    names = [tree.add(f"f{number}", up, down) for number, (up, down, _) in enumerate(FORGOTTEN)]
    result = check(last=len(FORGOTTEN))
    assert (result.status, result.measured) == (Status.FAILED, len(FORGOTTEN))
    for name, (_, __, words) in zip(names, FORGOTTEN, strict=True):
        mine = [one for one in result.evidence if one.get("revision") == name]
        assert {one["rule"] for one in mine} == {"not-restored"}
        assert any(words in str(one["message"]) for one in mine), mine
        lines = (tree.repository.path / str(mine[0]["path"])).read_text().split("\n")
        assert lines[int(str(mine[0]["line"])) - 1].startswith("def downgrade")


def test_a_downgrade_that_fails_names_the_statement(tree: Tree) -> None:
    tree.add("r1", SHOP, UNDO)
    tree.add("r2", "CREATE VIEW v AS SELECT n FROM t", "ALTER TABLE t DROP COLUMN n")
    result = check()
    assert result.status is Status.FAILED
    assert rules(result) == [("r2", "downgrade-fails")]
    assert "cannot drop column n" in result.found
    assert result.evidence[0]["statement"] == "ALTER TABLE t DROP COLUMN n"


def test_an_upgrade_that_fails_stops_the_rest_and_says_so(tree: Tree) -> None:
    tree.add("r1", SHOP, UNDO)
    tree.add("r2", ["SELECT 1", "ALTER TABLE nowhere ADD COLUMN n int"], "SELECT 1")
    tree.add("r3", "CREATE TABLE later ()", "DROP TABLE later")
    result = check()
    assert rules(result) == [("r2", "upgrade-fails")]
    assert "1 after that not tried" in result.found
    text = (tree.repository.path / "migrations/versions/r2.py").read_text().split("\n")
    assert "nowhere" in text[int(str(result.evidence[0]["line"])) - 1]


@pytest.mark.long
def test_the_next_revision_knows_nothing_of_a_broken_one(tree: Tree) -> None:
    tree.add("r1", SHOP, UNDO)
    tree.add("r2", "CREATE INDEX i ON t (n)", "SELECT 1")
    tree.add("r3", "CREATE TABLE x ()", "DROP TABLE t")
    tree.add(
        "r4", "ALTER TABLE t ADD COLUMN x int; CREATE INDEX j ON t (n)", "ALTER TABLE t DROP COLUMN x; DROP INDEX j"
    )
    result = check()
    assert {revision for revision, _ in rules(result)} == {"r2", "r3"}
    assert "4 revisions tried" in result.found
    assert result.measured == 2


def test_a_second_upgrade_that_fails(tree: Tree) -> None:
    tree.add("r1", "CREATE SEQUENCE s; CREATE TABLE t (id int)", "DROP TABLE t; DROP SEQUENCE s")
    once = "op.execute('CREATE TABLE once ()') if not op.get_bind().scalar(sa.text(\"SELECT nextval('s')\")) > 1 else op.execute('no')"
    tree.add("r2", f">{once}", "DROP TABLE once")
    assert rules(check()) == [("r2", "second-upgrade-fails")]


def test_an_upgrade_that_meets_rows(tree: Tree) -> None:
    tree.add("r1", SHOP, UNDO)
    tree.add("r2", "ALTER TABLE t ADD COLUMN x int NOT NULL", "ALTER TABLE t DROP COLUMN x")
    tree.add("r3", "ALTER TABLE t ALTER n SET NOT NULL", "ALTER TABLE t ALTER n DROP NOT NULL")
    result = check()
    assert result.status is Status.FAILED
    assert rules(result) == [("r2", "upgrade-fails-on-data"), ("r3", "upgrade-fails-on-data")]
    assert "contains null values (SQLSTATE 23502)" in result.found
    assert check(rows=False).status is Status.PASSED


def test_a_backfill_that_thinks_of_its_rows_passes(tree: Tree) -> None:
    tree.add("r1", SHOP, UNDO)
    tree.add(
        "r2",
        ["UPDATE t SET n = 0 WHERE n IS NULL", "ALTER TABLE t ALTER n SET NOT NULL"],
        "ALTER TABLE t ALTER n DROP NOT NULL",
    )
    assert check().status is Status.PASSED


def test_a_downgrade_that_meets_rows_of_the_new_release(tree: Tree) -> None:
    tree.add("r1", "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL)", "DROP TABLE t")
    tree.add("r2", "ALTER TABLE t ALTER n DROP NOT NULL", "ALTER TABLE t ALTER n SET NOT NULL")
    result = check()
    assert result.status is Status.FAILED
    assert rules(result) == [("r2", "downgrade-fails-on-data")]


@pytest.mark.long
def test_what_only_some_rows_show_warns(tree: Tree) -> None:
    tree.add("r1", SHOP, UNDO)
    tree.add("r2", "ALTER TABLE t ADD CONSTRAINT c CHECK (name LIKE 'B%')", "ALTER TABLE t DROP CONSTRAINT c")
    result = check()
    assert result.status is Status.WARNED
    assert rules(result) == [("r2", "upgrade-fails-on-data")]
    assert "on some rows" in result.found


def test_one_way_needs_a_reason(tree: Tree) -> None:
    tree.add("r1", SHOP, UNDO)
    raises = ">raise NotImplementedError"
    tree.add("r2", "DROP TABLE t", raises)
    result = check()
    assert result.status is Status.FAILED
    assert rules(result) == [("r2", "no-downgrade")]
    assert "Irreversible" in result.fix
    tree.last = "r1"
    tree.add("r2", "DROP TABLE t", raises, doc="Drop it.\n\nIrreversible: its rows are in the archive.\n")
    result = check()
    assert (result.status, rules(result)) == (Status.PASSED, [("r2", "one-way")])
    assert "1 of them one-way by declaration" in result.found
    assert result.evidence[0]["message"] == "r2 is one-way: its rows are in the archive."
    tree.last = "r1"
    tree.add("r2", "DROP TABLE t", raises, doc="Drop it.\n\nIrreversible:\n")
    assert rules(check()) == [("r2", "no-downgrade")]


@pytest.mark.long
def test_two_heads_branches_and_dependencies(tree: Tree) -> None:
    tree.add("r1", SHOP, UNDO)
    tree.add("left", "CREATE TABLE l ()", "DROP TABLE l")
    tree.add("right", "CREATE TABLE r ()", "DROP TABLE r", after="r1")
    tree.add("other", "CREATE TABLE o (id int REFERENCES t)", "DROP TABLE o", after="", needs="left")
    tree.add("top", "CREATE INDEX i ON t (n)", "SELECT 1", after="right")
    result = check()
    assert rules(result) == [("top", "not-restored"), ("top", "second-upgrade-fails")]
    assert "5 revisions tried" in result.found


@pytest.mark.long
def test_merges(tree: Tree) -> None:
    tree.add("r1", SHOP, UNDO)
    tree.add("left", "CREATE TABLE l ()", "DROP TABLE l")
    tree.add("right", "CREATE TABLE r ()", "DROP TABLE r", after="r1")
    path = tree.repository.path / "migrations/versions/merge.py"
    path.write_text("revision = 'm'\ndown_revision = ('left', 'right')\ndef upgrade(): pass\ndef downgrade(): pass\n")
    result = check()
    assert (result.status, "4 revisions tried" in result.found) == (Status.PASSED, True)


def test_an_async_env(tree: Tree) -> None:
    tree.repository.write("migrations/env.py", ASYNC_ENV)
    tree.add("r1", SHOP, UNDO)
    tree.add("r2", "ALTER TABLE t ADD COLUMN x int", "SELECT 1")
    assert rules(check()) == [("r2", "not-restored"), ("r2", "second-upgrade-fails")]


def test_the_url_by_x_and_a_version_table_with_blanks(tree: Tree) -> None:
    tree.repository.write("migrations/env.py", X_ENV)
    tree.add("r1", SHOP, UNDO)
    result = check(x=["db={url}"], database_variables=[])
    assert (result.status, rules(result)) == (Status.PASSED, []), result.evidence


def test_the_url_by_the_configuration_in_a_section_of_another_file(tree: Tree) -> None:
    tree.repository.write("migrations/env.py", INI_ENV)
    tree.repository.write(
        "deep/ours.ini",
        "[alembic]\nscript_location = %(here)s/../migrations\n[erp]\nscript_location = %(here)s/../migrations\n",
    )
    tree.add("r1", SHOP, UNDO)
    assert check(config="deep/ours.ini", section="erp").status is Status.PASSED


def test_variables_in_parts(tree: Tree) -> None:
    env = ENV_IN_PARTS
    tree.repository.write("migrations/env.py", env)
    tree.add("r1", SHOP, UNDO)
    variables = ["PG_HOST={host}", "PG_NAME={name}", "PG_USER={user}"]
    assert check(database_variables=variables).status is Status.PASSED


ENV_IN_PARTS = """
import os
from alembic import context
from sqlalchemy import create_engine, pool, URL

url = URL.create("postgresql+psycopg", username=os.environ["PG_USER"], database=os.environ["PG_NAME"],
                 query={"host": os.environ["PG_HOST"]})
with create_engine(url, poolclass=pool.NullPool).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""


@pytest.mark.long
def test_hostile_names(tree: Tree) -> None:
    for number, name in enumerate(
        ("q\"uote'd", "new\nline", "%s %(x)s 100%", "ünï; DROP TABLE t", "n" * 63, "::g$1 :x")
    ):
        quoted = '"' + name.replace('"', '""') + '"'
        tree.add(
            f"a{number}", f"CREATE TABLE {quoted} ({quoted} int PRIMARY KEY, n text NOT NULL)", f"DROP TABLE {quoted}"
        )
        tree.add(f"b{number}", f"ALTER TABLE {quoted} ADD COLUMN IF NOT EXISTS x int", "SELECT 1")
    result = check()
    assert rules(result) == [(f"b{number}", "not-restored") for number in range(6)]
    assert result.found.isprintable()


def test_env_py_that_does_not_come_up(tree: Tree) -> None:
    tree.add("r1", SHOP, UNDO)
    result = check(database_variables=["ANOTHER"])
    assert result.status is Status.ERROR
    assert "env.py does not come up on a scratch database: 'DATABASE_URL' (KeyError)" in result.found
    assert "database-variables" in result.fix


def test_env_py_that_ends_the_process(tree: Tree) -> None:
    tree.repository.write("migrations/env.py", "import os\nprint('bye', flush=True)\nos._exit(3)\n")
    tree.add("r1", SHOP, UNDO)
    result = check()
    assert result.status is Status.ERROR
    assert "ended during the start of env.py: bye" in result.found


def test_env_py_that_runs_no_migration(tree: Tree) -> None:
    tree.repository.write("migrations/env.py", "pass\n")
    tree.add("r1", SHOP, UNDO)
    result = check()
    assert result.status is Status.ERROR
    assert "it never called context.run_migrations()" in result.found


def test_a_live_revision_that_does_not_go_up_is_no_answer(tree: Tree) -> None:
    tree.add("r1", "CREATE EXTENSION not_there", "SELECT 1")
    tree.add("r2", SHOP, UNDO)
    result = check(last=1)
    assert result.status is Status.ERROR
    assert "revision r1, which is live already, does not go up on an empty database" in result.found
    assert "scratch-url" in result.fix


def test_pending_is_what_the_base_lacks(tree: Tree) -> None:
    tree.add("r1", SHOP, "SELECT 1")
    tree.repository.commit()
    assert "1 revision tried" in check(last=0).found
    tree.add("r2", "CREATE TABLE x ()", "DROP TABLE x")
    second = tree.repository.commit()
    result = check(last=0)
    assert result.status is Status.PASSED
    assert "1 revision tried (since " in result.found
    assert "1 revision tried (since r1)" in check(last=0, since="r1").found
    tree.repository.commit("nothing")
    assert check(last=0).found.startswith("0 revisions pending of 2")
    assert "1 revision tried" in check(last=0, since=f"{second}~1").found
    result = check(last=0, since="r9")
    assert result.status is Status.ERROR
    assert "`since` names r9: no revision of this tree, and no commit of this clone" in result.found


def test_a_table_that_takes_no_row_is_named(tree: Tree) -> None:
    tree.add("r1", "CREATE TABLE t (id int CHECK (id IS NULL AND id IS NOT NULL))", "DROP TABLE t")
    result = check()
    assert result.status is Status.PASSED
    assert "1 table stayed empty" in result.found
    assert rules(result) == [("", "no-rows")]
    assert "public.t stayed empty" in str(result.evidence[0]["message"])


def test_no_secret_reaches_the_code(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "s3cr3t")
    told = tree.repository.path / "told"
    env = f"import os\nopen({str(told)!r}, 'w').write(repr(dict(os.environ)))\n"
    tree.repository.write("migrations/env.py", env)
    tree.add("r1", SHOP, UNDO)
    check()
    assert "DATABASE_URL" in told.read_text()
    assert "s3cr3t" not in told.read_text()
    assert "SCRATCH_URL" not in told.read_text()


def test_nothing_is_left_in_the_workspace(tree: Tree) -> None:
    tree.add("r1", SHOP, UNDO)
    tree.repository.commit()
    check()
    assert tree.repository.git("status", "--porcelain", "--ignored") == ""


def test_inputs_that_nothing_could_fill() -> None:
    validate = Catalog().get("migrations-reversible").module.validate
    with pytest.raises(Misconfigured, match=r"\{uri\}, expected one of url, host"):
        validate(database_variables=["X={uri}"], x=[])
    with pytest.raises(Misconfigured, match="expected NAME or NAME=TEMPLATE"):
        validate(database_variables=["{url}"], x=[])


def test_a_server_of_its_own(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.add("r1", SHOP, UNDO)
    # A place of its own, since other tests have their servers in the usual one; short, for the sake of the socket.
    with tempfile.TemporaryDirectory(prefix="own") as place:
        Path(place).chmod(0o755)
        monkeypatch.setattr(tempfile, "tempdir", place)
        assert check(scratch_url="").status is Status.PASSED
        assert list(Path(place).iterdir()) == []
