"""migrations-documented: docstrings that explain, locks and drops that are named, releases that stay as they were."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support import ROOT, Repository
from trees import revision, tree

from deploy_gate.migrations import documentation
from deploy_gate.migrations import tree as trees
from deploy_gate.result import Result, Status

Ask = Callable[..., Result]
GOOD = "Orders get a note that customers write."


@pytest.fixture
def shop(repository: Repository) -> Repository:
    tree(repository)
    revision(
        repository, "a1", None, "op.create_table('orders')", "op.drop_table('orders')", "The orders of all customers."
    )
    repository.commit()
    return repository


@pytest.fixture
def look(shop: Repository, ask: Ask) -> Callable[[], Result]:
    return lambda: ask("migrations-documented", base="HEAD")


def test_nothing_new(shop: Repository, look: Ask) -> None:
    result = look()
    assert result.status is Status.PASSED
    assert result.found.startswith("0 new revisions since ")
    assert result.found.endswith(", 1 older: all documented, none edited")


def test_the_first_commit_is_new_as_a_whole(shop: Repository, ask: Ask) -> None:
    assert ask("migrations-documented").found.startswith("1 new revision since 4b825dc642cb, 0 older")


def test_the_erp_is_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "examples" / "erp")
    found = trees.read()
    assert [fault for one in found.revisions.values() for fault in documentation.faults(one)] == []


@pytest.mark.parametrize(
    ("docstring", "name", "told"),
    [
        ("", "a2", "says only 'a2'"),
        (
            "empty message\n\nRevision ID: a2\nRevises: a1\nCreate Date: 2027-01-31 12:00:00\n",
            "a2",
            "says only 'empty message'",
        ),
        ("add note to orders\n\nRevision ID: add\nRevises: a1", "add_note_to_orders", "says only 'add note to orders'"),
        ("Auto-generated.", "a2", "says only 'Auto-generated.'"),
        ("\n", "a2", "it has no docstring"),
    ],
)
def test_an_empty_message(shop: Repository, look: Ask, docstring: str, name: str, told: str) -> None:
    revision(shop, name, "a1", docstring=docstring)
    path = f"migrations/versions/{name}_it.py"
    if name != "a2":
        (shop.path / path).rename(shop.path / f"migrations/versions/{name}.py")
        path = f"migrations/versions/{name}.py"
        text = (shop.path / path).read_text().replace(f"revision = '{name}'", "revision = 'a2'", 1)
        (shop.path / path).write_text(text)
    result = look()
    assert (result.status, told in result.found) == (Status.FAILED, True), result.found
    assert [(one["path"], one["line"], one["rule"]) for one in result.evidence] == [(path, 1, "docstring")]


def test_other_scripts_and_merges(shop: Repository, look: Ask) -> None:
    revision(shop, "b1", "a1", docstring="注文にメモを追加する。")
    revision(shop, "c1", "a1", docstring="إضافة ملاحظة إلى الطلبات")
    revision(shop, "m1", ("b1", "c1"), docstring="empty message")
    assert look().status is Status.PASSED
    revision(shop, "m1", ("b1", "c1"), "op.drop_table('x')", docstring="empty message")
    assert "says only 'empty message'" in look().found


def test_the_message_in_a_file_name_that_alembic_cut(shop: Repository, look: Ask) -> None:
    message = "add a note for customers to all of the orders"
    revision(shop, "a2", "a1", docstring=message)
    old = shop.path / "migrations/versions/a2_it.py"
    old.rename(shop.path / "migrations/versions/a2_add_a_note_for_customers_to_all_of_th.py")
    assert "says only" in look().found
    revision(shop, "a2", "a1", docstring=message + ".\n\nThey write it when they order.")
    (shop.path / "migrations/versions/a2_add_a_note_for_customers_to_all_of_th.py").unlink()
    assert look().status is Status.PASSED


@pytest.mark.parametrize(
    ("upgrade", "downgrade", "told"),
    [
        ("op.drop_table('invoices')", "pass", ["`upgrade` drops invoices"]),
        ("op.drop_column('invoices', 'tax')", "pass", ["`upgrade` drops tax of invoices"]),
        ("op.create_index('ix_a', 'invoices', ['a'])", "op.drop_index('ix_a', 'invoices')", ["`upgrade` locks ix_a of invoices", "`downgrade` drops ix_a of invoices"]),
        ("op.create_index('ix_a', 'invoices', ['a'], postgresql_concurrently=True)", "pass", []),
        ("op.alter_column('invoices', 'a', nullable=False)", "op.alter_column('invoices', 'a', nullable=True)", ["`upgrade` locks a of invoices"]),
        ("op.execute('ALTER TABLE invoices ALTER COLUMN a TYPE bigint')", "pass", ["`upgrade` locks a of invoices"]),
        ("op.execute('DROP TABLE invoices')", "pass", ["`upgrade` drops"]),
        ("op.execute('TRUNCATE invoices')", "pass", ["`upgrade` deletes rows of invoices"]),
        ("op.execute(f'DROP {x}')", "pass", ["`upgrade` executes a statement that is put together at run time"]),
        ("op.create_table('invoices')\nop.create_index('i', 'invoices', ['a'])", "op.drop_table('invoices')", ["`downgrade` drops invoices"]),
        ("op.add_column('invoices', sa.Column('tax'))", "op.drop_column('invoices', 'tax')", ["`downgrade` drops tax of invoices"]),
        ("op.create_table('orders')", "op.drop_table('orders')", []),
        ("op.drop_table('order_notes')", "pass", ["`upgrade` drops order_notes"]),
    ],
)  # fmt: skip
def test_what_is_locked_or_dropped_must_be_named(
    shop: Repository, look: Ask, upgrade: str, downgrade: str, told: list[str]
) -> None:
    revision(shop, "a2", "a1", upgrade, downgrade, GOOD)
    result = look()
    found = [str(one["message"]) for one in result.evidence]
    assert len(found) == len(told), found
    assert all(one in other for one, other in zip(told, found, strict=True)), found
    assert result.status is (Status.FAILED if told else Status.PASSED)
    lines = f"{GOOD}\n\nLocks: the table, for a moment.\nDowngrade: drops it again.\n"
    revision(shop, "a2", "a1", upgrade, downgrade, lines)
    assert look().status is Status.PASSED
    named = f"{GOOD} It is about invoices, order notes, and what executes at run time"
    revision(shop, "a2", "a1", upgrade, downgrade, named)
    assert look().status is (Status.FAILED if "run time" in str(told) else Status.PASSED)


def test_comments_and_docstrings_of_a_release_may_change(shop: Repository, look: Ask) -> None:
    path = shop.path / "migrations/versions/a1_it.py"
    text = path.read_text().replace("The orders", "All orders")
    text = text.replace("def upgrade():\n", 'def upgrade():\n    """Go up."""\n    # A remark.\n')
    path.write_text(text.replace("op.create_table('orders')", "op.create_table(\n        'orders',\n    )"))
    assert look().status is Status.PASSED
    path.rename(path.with_name("a1_renamed.py"))
    assert look().status is Status.PASSED


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("op.create_table('orders')", "op.create_table('order')", 8),
        ("op.drop_table('orders')", "pass", 9),
        ("op.create_table('orders')", "op.create_table('orders')\n    op.create_table('more')", 9),
        ("down_revision = None", "down_revision = ()", 5),
        ("from alembic import op", "import os\nfrom alembic import op", 3),
    ],
)
def test_a_release_that_was_edited(shop: Repository, look: Ask, old: str, new: str, line: int) -> None:
    path = shop.path / "migrations/versions/a1_it.py"
    path.write_text(path.read_text().replace(old, new))
    result = look()
    assert result.status is Status.FAILED
    assert [(one["path"], one["line"], one["rule"]) for one in result.evidence] == [
        ("migrations/versions/a1_it.py", line, "edited")
    ]
    assert "databases that have it will never see the edit" in result.found


def test_a_release_that_is_gone(shop: Repository, look: Ask) -> None:
    revision(shop, "b1", None, docstring=GOOD)
    (shop.path / "migrations/versions/a1_it.py").unlink()
    result = look()
    assert [one["rule"] for one in result.evidence] == ["removed"]
    assert "revision a1 was there before this change and is gone" in result.found


def test_hostile_docstrings(shop: Repository, look: Ask) -> None:
    revision(shop, "a2", "a1", "op.drop_table('x\\n::error::\\x1b[2J|`y')", docstring=GOOD)
    result = look()
    assert result.status is Status.FAILED
    assert all(sign not in result.found for sign in ("\n", "\x1b"))


def test_no_tree_is_no_pass(repository: Repository, ask: Ask) -> None:
    repository.commit()
    result = ask("migrations-documented")
    assert (result.status, "there is no alembic.ini" in result.found) == (Status.ERROR, True)
