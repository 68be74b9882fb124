"""What only adds and what takes away: operations, SQL, and what only a run would tell."""

from __future__ import annotations

import textwrap

import pytest

from deploy_gate.migrations import expansion, steps
from deploy_gate.migrations.expansion import Judgement
from deploy_gate.migrations.revision import Revision, parse
from deploy_gate.result import CouldNotTell

HEAD = "import sqlalchemy as sa\nfrom alembic import op\nrevision = 'r'\ndown_revision = None\n"


def made(upgrade: str, head: str = "", docstring: str = "") -> Revision:
    body = textwrap.indent(textwrap.dedent(upgrade).strip(), "    ")
    return parse(f'"""{docstring}"""\n{HEAD}{head}\ndef upgrade():\n{body}\n'.encode(), "r.py")


def judged(upgrade: str, head: str = "", docstring: str = "") -> Judgement:
    return expansion.judge([made(upgrade, head, docstring)])[0]


@pytest.mark.parametrize(
    "upgrade",
    [
        "pass",
        "op.create_table('t', sa.Column('id', sa.Integer, primary_key=True), sa.ForeignKeyConstraint(['a'], ['b.c']))",
        "op.add_column('orders', sa.Column('note', sa.String(20)))",
        "op.add_column('orders', sa.Column('note', Money(), nullable=True, index=True))",
        "op.add_column('orders', sa.Column('n', sa.Integer, nullable=False, server_default='0'))",
        "op.add_column('orders', sa.Column('n', sa.Integer, sa.Identity(), nullable=False))",
        "op.create_index(op.f('ix'), 'orders', ['note'], unique=False)",
        "with op.get_context().autocommit_block():\n    op.create_index('ix', 'orders', ['note'], postgresql_concurrently=True)",
        "op.create_table('t')\nop.create_unique_constraint('u', 't', ['a'])\nop.rename_table('t', 's')",
        "op.add_column('orders', sa.Column('user_id', sa.Integer))\nop.create_foreign_key(None, 'orders', 'users', ['user_id'], ['id'])",
        "with op.batch_alter_table('orders', schema=None) as b:\n    b.add_column(sa.Column('u', sa.Integer))\n    b.create_foreign_key('f', 'users', ['u'], ['id'])\n    b.create_index(b.f('ix'), ['u'], unique=False)",
        "op.add_column('orders', sa.Column('n', sa.Text))\nop.execute('UPDATE orders SET n = upper(a), n = (SELECT max(x, y) FROM z) WHERE n IS NULL')",
        "op.add_column('o', sa.Column('n', sa.Text))\nop.alter_column('o', 'n', server_default='x')\nop.alter_column('o', 'n', nullable=False)",
        "op.add_column('o', sa.Column('n', sa.Text))\nop.drop_column('o', 'n')",
        "op.alter_column('orders', 'n', server_default=sa.text('0'), existing_type=sa.Integer)",
        "op.alter_column('orders', 'n', comment='the number')",
        "sa.Enum('a', 'b', name='kind').create(op.get_bind(), checkfirst=True)",
        "t = op.create_table('t')\nop.bulk_insert(t, [{'a': 1}])\nprint('done')",
        "bind = op.get_bind()\nif 'x' in sa.inspect(bind).get_table_names():\n    op.create_index('ix', 'x', ['y'])",
        "help_()",
        "op.execute(SQL)",
        "op.execute('SELECT count(*), max(a) FROM b WHERE (c IN (1, 2)) AND EXISTS (SELECT 1 FROM d)')",
        "if op.get_context().as_sql:\n    raise RuntimeError('not offline')",
        "op.drop_index(IX, if_exists=True)\nop.create_index(IX, 'orders', ['a'], postgresql_concurrently=True)",
        "op.add_column('o', sa.Column(IX))\nop.create_unique_constraint('u', 'o', [IX])",
        "op.execute('''CREATE TABLE t (a text DEFAULT '; DROP TABLE x'); -- ; DROP\n/* ; DROP */ ALTER TABLE t DROP COLUMN a; COMMENT ON TABLE t IS $x$ ; DROP $x$''')",
        "op.execute('ALTER TYPE kind ADD VALUE IF NOT EXISTS $$new$$')",
        "op.execute('ALTER TABLE orders ADD COLUMN a int, ADD b numeric(3, 2) NOT NULL DEFAULT 0, ALTER COLUMN c SET DEFAULT 1')",
        "op.execute('SET LOCAL lock_timeout = 500; ALTER TABLE orders VALIDATE CONSTRAINT c')",
        "op.execute('CREATE INDEX CONCURRENTLY ON orders (a); GRANT SELECT ON orders TO reader; INSERT INTO kinds VALUES (1)')",
    ],
)
def test_only_adds(upgrade: str) -> None:
    head = "IX = 'ix'\nSQL = 'CREATE SEQUENCE s'\ndef help_():\n    op.create_table('t')\n"
    assert judged(upgrade, head).contracts == ()


REFUSES = "it refuses rows that the running release may write"
UNKNOWN = "what it does cannot be told from its text"
USES = "the running release may use what it takes away or alters"
WITHOUT = "the running release may insert rows without a value"


@pytest.mark.parametrize(
    ("upgrade", "why"),
    [
        ("op.drop_table('orders')", USES),
        ("op.drop_column('orders', 'note')", USES),
        ("op.drop_index('ix')", USES),
        ("op.drop_constraint('c', 'orders')", USES),
        ("op.rename_table('a', 'b')", "the running release knows the old name"),
        ("op.alter_column('orders', 'n', type_=sa.Text)", "it alters a column that the running release uses"),
        ("op.alter_column('orders', 'n', new_column_name='m')", "it alters a column that the running release uses"),
        ("op.alter_column('orders', 'n', nullable=True)", "it alters a column that the running release uses"),
        ("op.alter_column('orders', 'n', nullable=False)", REFUSES),
        ("op.alter_column('orders', 'n', server_default=None)", WITHOUT),
        ("op.alter_column('orders', 'n', **more)", "it alters a column that the running release uses"),
        ("op.add_column('orders', sa.Column('n', sa.Integer, nullable=False))", WITHOUT),
        ("op.add_column('orders', sa.Column('n', sa.Integer, nullable=required))", WITHOUT),
        ("op.add_column('orders', sa.Column('n', sa.Integer, unique=True))", WITHOUT),
        ("op.add_column('orders', column)", WITHOUT),
        ("op.add_column('orders', sa.Column('n', **more))", WITHOUT),
        (
            "op.add_column('o', sa.Column('n', sa.Text, nullable=False, server_default=''))\nop.alter_column('o', 'n', server_default=None)",
            WITHOUT,
        ),
        ("op.add_column('o', sa.Column('n', sa.Text))\nop.alter_column('o', 'n', nullable=False)", REFUSES),
        (
            "op.add_column('o', sa.Column('n', sa.Text))\nop.alter_column('o', 'n', nullable=False, type_=sa.Integer)",
            REFUSES,
        ),
        (
            "op.add_column('o', sa.Column('n', sa.Text, server_default=''))\nop.create_unique_constraint('u', 'o', ['n'])",
            REFUSES,
        ),
        ("op.add_column('o', sa.Column('n', sa.Text))\nop.create_unique_constraint('u', 'o', ['n', 'old'])", REFUSES),
        ("op.create_index('ix', 'orders', ['n'], unique=True)", REFUSES),
        ("op.create_index('ix', 'orders', ['n'], unique=flag)", REFUSES),
        ("op.create_check_constraint('c', 'orders', 'n > 0')", REFUSES),
        ("op.create_foreign_key('f', 'orders', 'users', ['old'], ['id'])", REFUSES),
        ("with op.batch_alter_table('orders') as b:\n    b.drop_column('n')", USES),
        (
            "with op.batch_alter_table(name) as b:\n    b.add_column(sa.Column('n'))\nwith op.batch_alter_table(other) as b:\n    b.drop_column('n')",
            USES,
        ),
        ("op.create_table(name)\nop.drop_table(other)", USES),
        ("op.create_table('orders', if_not_exists=True)\nop.drop_table('orders')", USES),
        ("op.execute('CREATE TABLE IF NOT EXISTS orders ()')\nop.drop_table('orders')", USES),
        ("op.create_table('t', schema='a')\nop.drop_table('t', schema='b')", USES),
        ("op.execute(f'DROP TABLE {name}')", UNKNOWN),
        ("op.execute(SQL)", UNKNOWN),
        ("op.get_bind().execute(sa.text(SQL))", UNKNOWN),
        ("op.get_bind().execute(table.update().values(a=1))", UNKNOWN),
        ("op.execute('DO $$ BEGIN DROP TABLE x; END $$')", UNKNOWN),
        ("op.execute('SELECT drop_everything()')", UNKNOWN),
        ("op.execute('SELECT a INTO b FROM c')", UNKNOWN),
        ("op.execute('SELECT \"count\"(1), setval(a)')", UNKNOWN),
        ("op.execute('WITH gone AS (DELETE FROM x RETURNING *) INSERT INTO y SELECT * FROM gone')", UNKNOWN),
        ("op.execute('INSERT INTO x VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1')", UNKNOWN),
        ("op.execute('SET search_path = other')", UNKNOWN),
        ("op.execute('CREATE OR REPLACE VIEW v AS SELECT 1')", UNKNOWN),
        ("op.execute('CREATE TRIGGER t BEFORE INSERT ON x EXECUTE FUNCTION f()')", UNKNOWN),
        ("op.execute('')", UNKNOWN),
        ("op.execute('REVOKE SELECT ON x FROM y')", UNKNOWN),
        ("op.execute('CREATE TABLE t (); DROP TABLE orders')", USES),
        ("op.execute(\"INSERT INTO t VALUES (E'\\\\''); DROP TABLE x; --')\")", USES),
        ("op.execute('UPDATE orders SET a = 1')", "it changes data that the running release reads"),
        (
            "op.add_column('o', sa.Column('n'))\nop.execute('UPDATE o SET n = 1, old = 2')",
            "it changes data that the running release reads",
        ),
        ("op.execute('DELETE FROM orders')", "it deletes data that the running release reads"),
        ("op.execute('TRUNCATE orders')", USES),
        ("op.execute('ALTER TABLE orders ADD CONSTRAINT c CHECK (true) NOT VALID')", REFUSES),
        ("op.execute('ALTER TABLE orders ADD COLUMN a int, DROP COLUMN b')", USES),
        ("op.execute('ALTER TABLE orders ADD COLUMN a int NOT NULL')", WITHOUT),
        ("op.execute('ALTER TABLE orders RENAME TO o')", USES),
        ("op.execute('ALTER TABLE orders ENABLE ROW LEVEL SECURITY')", USES),
        ("op.execute('CREATE UNIQUE INDEX ON orders (a)')", REFUSES),
        ("op.execute('DROP INDEX CONCURRENTLY IF EXISTS a, b')", USES),
        ("op.execute('ALTER TYPE kind RENAME VALUE $$a$$ TO $$b$$')", USES),
        ("sa.Enum(name='kind').drop(op.get_bind())", USES),
        ("sa.MetaData().drop_all(op.get_bind())", UNKNOWN),
        ("getattr(op, 'drop_' + 'table')('orders')", UNKNOWN),
        ("f = op.drop_table\nf('orders')", UNKNOWN),
        ("list(map(op.drop_table, ['orders']))", UNKNOWN),
        ("o = op\no.drop_table('orders')", USES),
        ("run_it()", UNKNOWN),
        ("session.commit()", UNKNOWN),
        ("help_()", USES),
        ("op.run_async(work)", UNKNOWN),
        ("op.create_entity(view)", UNKNOWN),
        ("for name in names:\n    op.drop_table(name)", USES),
        ("try:\n    op.add_column('o', sa.Column('n'))\nexcept Exception:\n    op.drop_table('o')", USES),
        ("x = [op.drop_table(n) for n in names]", USES),
        ("loop()", UNKNOWN),
        ("MORE = 'DROP TABLE x'\nop.execute(MORE)", UNKNOWN),
        ("for MORE in ('DROP TABLE x',):\n    op.execute(MORE)", UNKNOWN),
        ("op.drop_index('ix')\nop.create_index('ix2', 'orders', ['a'])", USES),
        ("op.create_index('ix', 'orders', ['a'])\nop.drop_index('ix3')", USES),
    ],
)
def test_takes_away_or_cannot_be_told(upgrade: str, why: str) -> None:
    head = "MORE = 'ANALYZE'\nSQL = make()\ndef help_():\n    op.drop_table('t')\ndef loop():\n    loop()\n"
    found = judged(upgrade, head).contracts
    assert found, upgrade
    assert found[0].why.startswith(why), found


def test_what_the_batch_has_added_may_go_again() -> None:
    first = made("op.create_table('t')\nop.add_column('o', sa.Column('n'))\nop.create_index('ix', 'o', ['n'])")
    second = made("op.drop_table('t')\nop.drop_column('o', 'n')\nop.drop_index('ix', 'o')")
    assert [one.expands for one in expansion.judge([first, second])] == [True, True]
    assert [one.expands for one in expansion.judge([second, first])] == [False, True]


def test_a_declaration_is_kept_apart_from_the_judgement() -> None:
    found = judged("op.drop_index('ix')", docstring="Less.\n\nExpand: nobody uses this index.")
    assert (found.expands, found.declared, len(found.contracts)) == (True, "nobody uses this index.", 1)


def test_steps_are_told_as_written() -> None:
    body = (
        "for a in b:\n    op.execute(f'DROP {a}')\nop.execute('DROP\\n   TABLE x')\nwith op.batch_alter_table('t') as b:\n    b.drop_column('c')\nop.drop_table("
        + repr("x" * 500)
        + ")"
    )
    found = steps.of(made(body), "upgrade")
    assert [(one.name, one.repeated, one.batch) for one in found] == [
        ("execute", True, None), ("execute", False, None), ("drop_column", False, "t"), ("drop_table", False, None)
    ]  # fmt: skip
    assert [one.text for one in found[:3]] == ["op.execute(f'DROP {a}')", "DROP TABLE x", "b.drop_column('c')"]
    assert len(found[3].text) == steps.MAX_TEXT


def test_too_deep_and_too_much() -> None:
    with pytest.raises(CouldNotTell, match=r"r\.py:7: upgrade is nested too deeply"):
        judged("x = " + "not " * 2500 + "y")
    many = judged("\n".join(f"op.create_table('t{n}')" for n in range(steps.MAX_STEPS + 1)))
    assert [one.why for one in many.contracts] == [UNKNOWN]


@pytest.mark.parametrize(
    ("body", "empty"),
    [
        ("pass", True), ("'''Nothing.'''", True), ("...", True), ("raise NotImplementedError", True), ("return", True),
        ("'''No.'''\nraise NotImplementedError('no')", True), ("op.drop_table('t')", False), ("help_()", False),
    ],
)  # fmt: skip
def test_functions_that_do_nothing(body: str, empty: bool) -> None:
    assert steps.is_empty(made(body), "upgrade") is empty
    assert steps.is_empty(made(body), "downgrade")
