"""What locks for long or breaks the running release is found on a real PostgreSQL, and what does no harm is left alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from projects import answer
from runnable import INPUTS, Tree
from support import Repository

from deploy_gate.catalog import Catalog
from deploy_gate.postgres import scratch
from deploy_gate.result import Result, Status

SCHEMA = (
    "CREATE TYPE mood AS ENUM ('good', 'bad')",
    "CREATE TABLE users (id serial PRIMARY KEY, name text, n int, kind mood, note varchar(20), score int NOT NULL DEFAULT 0)",
    "ALTER TABLE users ADD COLUMN code text CHECK (code IS NOT NULL)",
    "CREATE INDEX users_n ON users (n)",
    "CREATE TABLE orders (id serial PRIMARY KEY, user_id int, total int)",
    "ALTER TABLE orders ADD CONSTRAINT paid CHECK (total > 0) NOT VALID",
    "CREATE TABLE events (id int NOT NULL) PARTITION BY RANGE (id)",
    "CREATE TABLE events_old PARTITION OF events FOR VALUES FROM (0) TO (9)",
    "CREATE TABLE events_new (id int NOT NULL)",
    "CREATE MATERIALIZED VIEW per_user AS SELECT user_id, count(*) FROM orders GROUP BY 1",
    "CREATE FUNCTION twice(x int) RETURNS int LANGUAGE sql AS 'SELECT 2 * x'",
)
OWN = "with op.get_context().autocommit_block():\n    op.execute({!r})"


def own(statement: str) -> str:
    """A statement outside of any transaction."""
    return ">" + OWN.format(statement)


HARMLESS = (
    "CREATE TABLE fresh (id serial PRIMARY KEY, user_id int REFERENCES users)",
    "CREATE INDEX ON fresh (user_id)",
    "ALTER TABLE fresh ADD COLUMN must int NOT NULL",
    "UPDATE fresh SET must = 1",
    "CREATE TABLE events_next PARTITION OF events FOR VALUES FROM (100) TO (200)",
    "ALTER TYPE mood ADD VALUE 'new'",
    "CREATE OR REPLACE FUNCTION twice(x int) RETURNS int LANGUAGE sql AS 'SELECT x + x'",
    "COMMENT ON TABLE users IS 'people'",
    own("CREATE INDEX CONCURRENTLY i ON users (name)"),
    own("DROP INDEX CONCURRENTLY users_n"),
    "ALTER TABLE users ADD COLUMN fresh int DEFAULT 7 NOT NULL",
    "ALTER TABLE users ALTER note TYPE varchar(40)",
    "ALTER TABLE users ALTER n SET DEFAULT 3",
    "ALTER TABLE users ALTER code SET NOT NULL",
    "UPDATE users SET n = 1 WHERE id = 1",
)
LONG = (
    ("UPDATE users SET n = 1", "whole-table-write"),
    ("ALTER TABLE users ADD COLUMN fresh1 serial", "rewrite"),
    ("ALTER TABLE users ADD COLUMN fresh2 float DEFAULT random()", "rewrite"),
    ("ALTER TABLE users ALTER n TYPE bigint", "rewrite"),
    ("ALTER TABLE users ADD COLUMN fresh3 int CHECK (fresh3 > 0)", "scan"),
    ("ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users", "scan"),
    ("ALTER TABLE users ALTER n SET NOT NULL", "scan"),
    ("CREATE INDEX i ON users (name)", "scan"),
    ("REFRESH MATERIALIZED VIEW per_user", "rewrite"),
    ("DELETE FROM orders", "whole-table-write"),
    ("CLUSTER users USING users_pkey", "rewrite"),
    ("ALTER TABLE events_new SET UNLOGGED", "rewrite"),
    ("ALTER TABLE events_new SET LOGGED", "rewrite"),
    ("ALTER TABLE events ATTACH PARTITION events_new FOR VALUES FROM (100000) TO (200000)", "scan"),
    ("REINDEX TABLE users", "rewrite"),
    (own("VACUUM FULL users"), "rewrite"),
    (own("CREATE INDEX j ON users (name)"), "require-concurrent-index-creation"),
)
BREAKING = (
    ("ALTER TABLE users RENAME code TO label", "rename-column"),
    ("ALTER TABLE users ALTER note TYPE varchar(10)", "type-change"),
    (("UPDATE users SET n = 1 WHERE n IS NULL", "ALTER TABLE users ALTER n SET NOT NULL"), "not-null"),
    (
        "ALTER TABLE orders ADD COLUMN must int NOT NULL DEFAULT 1; ALTER TABLE orders ALTER must DROP DEFAULT",
        "required-column",
    ),
    ("ALTER TABLE users ALTER score DROP DEFAULT", "drop-default"),
    ("ALTER TABLE users DROP COLUMN note", "drop-column"),
    ("TRUNCATE orders", "truncate"),
    ("ALTER TABLE users ADD CONSTRAINT c CHECK (n > 0) NOT VALID", "new-constraint"),
    ("ALTER TABLE orders ADD CONSTRAINT f FOREIGN KEY (user_id) REFERENCES users NOT VALID", "new-constraint"),
    (own("CREATE UNIQUE INDEX CONCURRENTLY u ON users (name)"), "new-constraint"),
    ("ALTER TABLE events DETACH PARTITION events_old", "detach"),
    ("ALTER TABLE users ENABLE ROW LEVEL SECURITY", "row-security"),
    ("ALTER TYPE mood RENAME VALUE 'bad' TO 'evil'", "enum-label"),
    ("REVOKE EXECUTE ON FUNCTION twice(int) FROM PUBLIC", "revoke"),
    ("DROP FUNCTION twice(int)", "drop-function"),
    ("DROP MATERIALIZED VIEW per_user", "drop-view"),
    ("ALTER TABLE orders RENAME TO sales", "rename-table"),
    ("DROP TABLE sales", "drop-table"),
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with scratch.server() as server:
        yield f"postgresql://postgres@/postgres?host={server.home.parts['host']}"


@pytest.fixture
def tree(repository: Repository, url: str, monkeypatch: pytest.MonkeyPatch) -> Tree:
    monkeypatch.setenv("SCRATCH_URL", url)
    made = Tree(repository)
    made.add("live", SCHEMA, "SELECT 1")
    return made


def check(last: int = 1, **inputs: object) -> Result:
    function = Catalog().get("migrations-safe").function
    return answer(function, **{**INPUTS, "acknowledged": [], "last": last, "scratch_url": "SCRATCH_URL", **inputs})


def rules(result: Result) -> list[tuple[str, str]]:
    return [(str(one["revision"]), str(one["rule"])) for one in result.evidence]


def test_what_does_no_harm_is_not_flagged(tree: Tree) -> None:
    for number, statement in enumerate(HARMLESS):
        tree.add(f"r{number}", statement, "SELECT 1")
    result = check(len(HARMLESS))
    assert (result.status, result.evidence) == (Status.PASSED, ()), result.found
    assert result.found.startswith(f"0 hazards in {len(HARMLESS)} statements of {len(HARMLESS)} revisions")
    assert "2 of them outside a transaction" in result.found


@pytest.mark.parametrize("cases", [LONG, BREAKING], ids=["long", "breaking"])
def test_every_hazard_is_named(tree: Tree, cases: tuple[tuple[str, str], ...]) -> None:
    for number, (statement, _) in enumerate(cases):
        tree.add(f"r{number}", statement, "SELECT 1")
    result = check(len(cases))
    assert (result.status, bool(result.fix)) == (Status.FAILED, True), result.found
    missing = [case for number, case in enumerate(cases) if (f"r{number}", case[1]) not in rules(result)]
    assert missing == []
    for one in result.evidence:
        lines = (tree.repository.path / str(one["path"])).read_text().split("\n")
        assert "op.execute" in lines[int(str(one["line"])) - 1], one


def test_a_new_table_may_take_several_revisions(tree: Tree) -> None:
    tree.add("r1", "CREATE TABLE fresh (id int)", "SELECT 1")
    tree.add("r2", ["ALTER TABLE fresh ALTER id TYPE bigint", "CREATE INDEX ON fresh (id)"], "SELECT 1")
    tree.add("r3", ["ALTER TABLE fresh RENAME TO newer", "ALTER TABLE newer ALTER id SET NOT NULL"], "SELECT 1")
    tree.add("r4", "DROP TABLE newer", "SELECT 1")
    result = check(4)
    assert (result.status, result.evidence) == (Status.PASSED, ())


def test_several_steps_in_one_transaction(tree: Tree) -> None:
    tree.add("r1", ["ALTER TABLE users ADD COLUMN fresh int", "UPDATE users SET fresh = n"], "SELECT 1")
    result = check()
    assert rules(result) == [("r1", "several-steps")]
    assert "since `ALTER TABLE users ADD COLUMN fresh int` in the same transaction" in result.found
    assert "transaction_per_migration" in result.fix


def test_validating_at_once_holds_the_lock(tree: Tree) -> None:
    tree.add("r1", ["ALTER TABLE orders DROP CONSTRAINT paid", "SELECT 1"], "SELECT 1")
    assert check().status is Status.PASSED
    tree.last = "live"
    tree.add("r1", "ALTER TABLE orders VALIDATE CONSTRAINT paid", "SELECT 1")
    assert check().status is Status.PASSED
    tree.last = "live"
    tree.add("r1", ["ALTER TABLE orders ADD COLUMN x int", "ALTER TABLE orders VALIDATE CONSTRAINT paid"], "SELECT 1")
    assert rules(check()) == [("r1", "several-steps")]


def test_one_transaction_for_all_revisions(tree: Tree) -> None:
    env = (tree.repository.path / "migrations/env.py").read_text()
    tree.add("r1", "ALTER TABLE users ADD COLUMN fresh int", "SELECT 1")
    tree.add("r2", "UPDATE users SET fresh = n", "SELECT 1")
    assert rules(check(2)) == [("r2", "whole-table-write")]
    tree.repository.write("migrations/env.py", env.replace(", transaction_per_migration=True", ""))
    assert rules(check(2)) == [("r2", "several-steps")]


def test_a_contract_step_is_acknowledged_with_a_reason(tree: Tree) -> None:
    tree.add("r1", "ALTER TABLE users DROP COLUMN note", "SELECT 1", doc="Drop it.\n\nContract: unused since 1.4.\n")
    result = check()
    assert result.status is Status.PASSED
    assert result.found.endswith("the limit is 0, 1 acknowledged")
    assert result.evidence[0]["acknowledged"] is True
    assert "acknowledged: unused since 1.4." in str(result.evidence[0]["message"])


def test_such_a_line_does_not_cover_a_long_lock(tree: Tree) -> None:
    tree.add("r1", "ALTER TABLE users ALTER n TYPE bigint", "SELECT 1", doc="Widen.\n\nContract: nobody reads it.\n")
    result = check()
    assert (result.status, result.measured) == (Status.FAILED, 1)
    assert rules(result) == [("r1", "rewrite"), ("r1", "type-change")]
    assert check(acknowledged=["r1"]).status is Status.PASSED
    result = check(acknowledged=["r10"])
    assert result.status is Status.ERROR
    assert "`acknowledged` names r10, which is no revision; did you mean 'r1'?" in result.found


def test_rows_in_the_way_are_left_out(tree: Tree) -> None:
    tree.add("r1", "ALTER TABLE users ADD CONSTRAINT c CHECK (name LIKE 'B%')", "SELECT 1")
    assert rules(check()) == [("r1", "scan"), ("r1", "new-constraint")]


def test_a_migration_that_fails_is_no_answer(tree: Tree) -> None:
    tree.add("r1", "ALTER TABLE nowhere ADD COLUMN x int", "SELECT 1")
    result = check()
    assert result.status is Status.ERROR
    assert "revision r1 does not go up on a scratch database" in result.found


def test_nothing_pending(tree: Tree) -> None:
    tree.repository.commit()
    tree.repository.commit("nothing")
    result = check(last=0)
    assert result.status is Status.PASSED
    assert result.found.startswith("0 revisions pending of 1 (since ")


def test_hostile_names(tree: Tree) -> None:
    names = ("q\"uote'd", "new\nline", "%s %(x)s 100%", "ünï.code; DROP", "n" * 63)
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    tree.add("r1", [f"CREATE TABLE {name} ({name} int PRIMARY KEY, n text NOT NULL)" for name in quoted], "SELECT 1")
    for number, name in enumerate(quoted):
        index = own(f"CREATE INDEX i{number} ON {name} ({name})")
        tree.add(f"h{number}", [f"ALTER TABLE {name} DROP COLUMN n", index], "SELECT 1")
    result = check(len(names))
    for number in range(len(names)):
        assert (f"h{number}", "drop-column") in rules(result)
        assert (f"h{number}", "require-concurrent-index-creation") in rules(result)
    assert result.found.isprintable()
