"""migrations-rollback: from a live revision back to a release of the history, and whether the answer is true."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from databases import Cluster
from support import Repository
from trees import revision, tree

from deploy_gate.catalog import Catalog
from deploy_gate.facts import base
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Result, Status

Ask = Callable[..., Result]


@pytest.fixture
def shop(repository: Repository) -> Repository:
    """The live release `v1` at a1; what a test adds is the candidate."""
    tree(repository)
    revision(repository, "a1", None, "op.create_table('orders')", "op.drop_table('orders')")
    repository.commit()
    repository.git("tag", "v1")
    return repository


@pytest.fixture
def back(shop: Repository, ask: Ask) -> Callable[..., Result]:
    def run(**given: object) -> Result:
        return ask("migrations-rollback", **{"to": "v1", "live_revision": "a1", **given})

    return run


def test_nothing_new(shop: Repository, back: Ask) -> None:
    result = back()
    assert result.status is Status.PASSED
    assert result.found.startswith("switch-only: ")
    assert result.found.endswith("knows every revision of this commit, none is pending on the live database")


def test_what_only_adds(shop: Repository, back: Ask) -> None:
    revision(
        shop, "a2", "a1", "op.add_column('orders', sa.Column('note', sa.Text))", "op.drop_column('orders', 'note')"
    )
    result = back()
    assert (result.status, result.measured) == (Status.PASSED, "switch-only")
    assert "lacks 1 revision of this commit, which only add: a2" in result.found
    assert back(live_revision="a2").measured == "switch-only", "already applied, but the release does not know it"


def test_what_takes_away_is_listed_with_its_statements(shop: Repository, back: Ask) -> None:
    revision(shop, "a2", "a1", "op.add_column('orders', sa.Column('n', sa.Text))", "op.drop_column('orders', 'n')")
    down = "op.add_column('orders', sa.Column('total'))\nfor one in ('a', 'b'):\n    op.execute(f'COMMENT {one}')\nop.execute('ANALYZE\\n  orders')"
    path = revision(shop, "a3", "a2", "op.drop_column('orders', 'total')", down)
    revision(shop, "a4", "a3", "op.create_table('x')", "op.drop_table('x')")
    result = back()
    assert (result.status, result.measured) == (Status.PASSED, "downgrade-first")
    assert "a3 takes away what" in result.found
    assert "2 revisions to go down, 4 statements" in result.found
    told = [(one["path"], one["line"], one["message"]) for one in result.evidence if one["rule"] == "downgrade"]
    assert told == [
        ("migrations/versions/a4_it.py", 10, "a4: op.drop_table('x')"),
        (path, 10, "a3: op.add_column('orders', sa.Column('total'))"),
        (path, 12, "a3: op.execute(f'COMMENT {one}') (in a loop)"),
        (path, 13, "a3: ANALYZE orders"),
    ]
    assert [(one["line"], one["message"]) for one in result.evidence if one["rule"] == "contract"] == [
        (8, "a3: op.drop_column('orders', 'total'): the running release may use what it takes away or alters")
    ]
    refused = back(allow="switch-only")
    assert (refused.status, refused.found.endswith("allowed is switch-only")) == (Status.FAILED, True)
    assert "split the change" in refused.fix


@pytest.mark.parametrize(
    ("down", "docstring", "more", "reason"),
    [
        ("pass", "", "", "a2: it has no downgrade"),
        ("raise NotImplementedError", "", "", "a2: it has no downgrade"),
        ("op.create_table('orders')", "Gone.\n\nIrreversible: the rows are lost.", "", "a2: the rows are lost."),
        ("op.create_table('orders')", "", "irreversible = 'by law'", "a2: by law"),
    ],
)
def test_what_cannot_be_undone(shop: Repository, back: Ask, down: str, docstring: str, more: str, reason: str) -> None:
    path = revision(shop, "a2", "a1", "op.drop_table('orders')", down, docstring, more)
    revision(shop, "a3", "a2", "op.create_table('t')", "op.drop_table('t')")
    result = back()
    assert (result.status, result.measured) == (Status.FAILED, "forward-only")
    assert f"1 revision cannot be undone ({reason})" in result.found
    assert next(one for one in result.evidence if one["rule"] == "irreversible")["path"] == path
    assert back(allow="forward-only, switch-only").status is Status.PASSED


def test_an_addition_needs_no_downgrade(shop: Repository, back: Ask) -> None:
    revision(shop, "a2", "a1", "op.create_table('t')", "raise NotImplementedError")
    revision(shop, "a3", "a2", "op.drop_table('orders')", "op.create_table('orders')")
    result = back()
    assert result.measured == "downgrade-first"
    assert "1 revision to go down, 1 statement" in result.found
    revision(shop, "a4", "a3", "op.create_table('u')", "pass")
    assert "a4: it has no downgrade" in back().found, "it stands on the one that has to go"


def test_a_merge_is_nothing_to_undo(shop: Repository, back: Ask) -> None:
    revision(shop, "b1", "a1", "op.drop_table('x')", "op.create_table('x')")
    revision(shop, "c1", "a1", "op.create_table('y')", "op.drop_table('y')")
    revision(shop, "m", ("b1", "c1"))
    result = back()
    assert (result.measured, "2 revisions to go down, 1 statement" in result.found) == ("downgrade-first", True)


def test_declared(shop: Repository, back: Ask) -> None:
    revision(shop, "a2", "a1", "op.drop_index('ix')", "pass", "Less.\n\nExpand: nobody reads by it.")
    result = back()
    assert result.measured == "switch-only"
    assert [one["message"] for one in result.evidence] == [
        "a2: op.drop_index('ix'): the running release may use what it takes away or alters",
        "a2: declared as only adding: nobody reads by it.",
    ]


def test_histories_that_part(shop: Repository, back: Ask) -> None:
    result = back(live_revision="b9")
    assert (result.status, "holds b9, which this commit does not know" in result.found) == (Status.FAILED, True)
    revision(shop, "a2", "a1")
    shop.commit()
    shop.git("tag", "v2")
    (shop.path / "migrations/versions/a2_it.py").unlink()
    lost = back(to="v2")
    assert (lost.status, "has a2, which this commit lacks" in lost.found) == (Status.FAILED, True)


def test_a_release_that_never_reached_the_live_database(shop: Repository, back: Ask) -> None:
    revision(shop, "a2", "a1", "op.drop_table('orders')", "pass")
    shop.commit()
    shop.git("tag", "merged")
    assert back(to="merged", live_revision="a2").measured == "switch-only"
    assert back(to="merged", live_revision="a1").measured == "forward-only", "a2 is still to come"


def test_the_live_revision_from_the_database(
    shop: Repository, ask: Ask, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    revision(shop, "a2", "a1", "op.drop_table('orders')", "op.create_table('orders')")
    shop.commit()
    table = "CREATE TABLE alembic_version AS SELECT text 'a1' AS version_num"
    with cluster.database(table) as name:
        monkeypatch.setenv("LIVE", cluster.url(name))
        result = ask("migrations-rollback", url_variable="LIVE")
        assert (result.measured, "a2 takes away" in result.found) == ("downgrade-first", True), "the parent is the base"
        cluster.run(name, "UPDATE alembic_version SET version_num = 'zz'")
        assert "LIVE (shop_" in ask("migrations-rollback", url_variable="LIVE").found
    with cluster.database() as name:
        monkeypatch.setenv("LIVE", cluster.url(name))
        empty = ask("migrations-rollback", url_variable="LIVE")
        assert empty.status is Status.ERROR
        assert " has no version table alembic_version, so its revision is not known" in empty.found


def test_first_commit_and_missing_history(shop: Repository, ask: Ask) -> None:
    first = ask("migrations-rollback", live_revision="a1")
    assert first.status is Status.WARNED
    assert first.found.endswith(f"({base.EMPTY_TREE[:12]} has none): there is no earlier one to return to")
    named = ask("migrations-rollback", live_revision="a1", to=base.EMPTY_TREE)
    assert named.status is Status.ERROR
    result = ask("migrations-rollback", live_revision="a1", to="nowhere")
    assert (result.status, "is not in this clone" in result.found) == (Status.ERROR, True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "expected one of the inputs 'url-variable' and 'live-revision'"),
        ({"live_revision": ["a"], "url_variable": "X"}, "expected one of the inputs"),
        ({"live_revision": ["a"], "allow": ["switch"]}, "input 'allow' holds 'switch', expected switch-only"),
        ({"live_revision": ["a"], "allow": []}, "input 'allow' is empty"),
    ],
)
def test_wrong_inputs(given: dict[str, object], message: str) -> None:
    module = Catalog().get("migrations-rollback").module
    values = {"live_revision": [], "url_variable": "", "allow": ["switch-only"], **given}
    with pytest.raises(Misconfigured, match=message):
        module.validate(**values)
