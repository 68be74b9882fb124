"""breaking-changes: commits, API document, migrations, and who may say that it is in order."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trees
from support import Repository

from deploy_gate.catalog import Catalog
from deploy_gate.facts.attestations import Attestation
from deploy_gate.result import Result, Status

Ask = Callable[..., Result]
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def api(*paths: str) -> str:
    answers = {"200": {"description": "fine"}}
    return json.dumps({"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": {path: {"get": {"responses": answers}} for path in paths}})  # fmt: skip


@pytest.fixture
def live(repository: Repository) -> str:
    """The commit that is live, with an API and a migration."""
    repository.write("openapi.json", api("/orders", "/products"))
    trees.tree(repository)
    trees.revision(repository, "a1", None, "op.create_table('orders', sa.Column('id', sa.Integer))")
    return repository.commit("feat: first")


def test_nothing_breaks(ask: Ask, repository: Repository, live: str) -> None:
    repository.write("openapi.json", api("/orders", "/products", "/customers"))
    trees.revision(repository, "b2", "a1", "op.add_column('orders', sa.Column('note', sa.Text))")
    repository.commit("feat: customers\n\nThis is no breaking change")
    result = ask("breaking-changes", since=live)
    assert result.status is Status.PASSED
    assert result.found == f"0 breaking changes in 1 commit, 3 API paths, 1 revision since {live[:7]}"


@pytest.mark.parametrize("message", ["fix(api)!: x", "feat: x\n\nBREAKING CHANGE: y"])
def test_a_commit_that_says_so(ask: Ask, repository: Repository, live: str, message: str) -> None:
    repository.commit(message)
    repository.commit("fix: later")
    result = ask("breaking-changes", since=live)
    assert (result.status, result.measured) == (Status.FAILED, 1)
    assert result.evidence[0]["rule"] == "breaking-commit"


def test_a_path_that_is_gone(ask: Ask, repository: Repository, live: str) -> None:
    repository.write("openapi.json", api("/orders"))
    repository.commit("fix: quietly")
    result = ask("breaking-changes", since=live)
    assert result.status is Status.FAILED
    assert "GET /products: is removed" in result.found


def test_a_document_that_is_gone(ask: Ask, repository: Repository, live: str) -> None:
    (repository.path / "openapi.json").unlink()
    repository.commit("fix: quietly")
    assert "openapi.json was removed" in ask("breaking-changes", since=live).found


def test_a_migration_that_takes_away(ask: Ask, repository: Repository, live: str) -> None:
    trees.revision(repository, "b2", "a1", "op.drop_table('orders')")
    repository.commit("fix: quietly")
    result = ask("breaking-changes", since=live)
    assert result.status is Status.FAILED
    assert result.evidence[0]["rule"] == "breaking-migration"
    assert result.evidence[0]["path"] == "migrations/versions/b2_it.py"


def test_without_document_and_migrations(ask: Ask, repository: Repository) -> None:
    start = repository.commit("feat: first")
    repository.commit("fix: second")
    assert "1 commit, no API document, no migrations since" in ask("breaking-changes", since=start).found


def test_an_unknown_base_and_a_broken_document(ask: Ask, repository: Repository, live: str) -> None:
    assert ask("breaking-changes", since="c" * 40).status is Status.ERROR
    repository.write("openapi.json", "{")
    repository.commit("fix: oops")
    assert ask("breaking-changes", since=live).status is Status.ERROR


def acknowledge(repository: Repository, **more: Any) -> str:
    tree = repository.git("rev-parse", "HEAD^{tree}")
    at = datetime.now(UTC) - timedelta(minutes=more.pop("minutes", 5))
    one = {"item": "commits-reviewed", "release": tree, "by": "ada", "at": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
    path = repository.path.parent / "said.jsonl"
    path.write_text(json.dumps({**one, "evidence": "clients were told", **more}) + "\n")
    return str(path)


def test_acknowledged(ask: Ask, repository: Repository, live: str) -> None:
    repository.commit("feat!: new orders")
    # A commit without a change has the same tree: this one is another release.
    repository.write("new.py", "")
    repository.commit("fix: more")
    result = ask("breaking-changes", since=live, acknowledged=acknowledge(repository), roles="qa: Ada")
    assert result.status is Status.PASSED
    assert result.found.endswith("; acknowledged by ada: clients were told")


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"release": "c" * 40}, "it is of another release, cccccccccccc"),
        ({"by": "eve"}, "that person holds no role"),
        ({"by": "аda"}, "that person holds no role"),
        ({"minutes": 60 * 24 * 8}, "it is 8 d old, the limit is 7 d"),
        ({"minutes": -60}, "it is dated in the future"),
        ({"evidence": "  "}, "it gives no reason"),
    ],
)
def test_an_acknowledgement_that_does_not_count(more: dict[str, Any], reason: str) -> None:
    module = Catalog().get("breaking-changes").module
    wanted = module.Wanted("commits-reviewed", "a" * 40, frozenset({"ada"}), 7 * 86400.0)
    at = NOW - timedelta(minutes=more.pop("minutes", 5))
    fields = {"item": "commits-reviewed", "release": "a" * 40, "by": "Ada", "evidence": "clients were told"} | more
    facts = module.Facts("abc", "1 commit", [module.Finding("commit", "feat!: x")], [Attestation(at=at, **fields)])
    result = module.judge(facts, wanted, NOW)
    assert result.status is Status.FAILED
    assert result.found.endswith(f"acknowledgement does not count: {reason}")


def test_a_commit_after_the_acknowledgement(ask: Ask, repository: Repository, live: str) -> None:
    repository.commit("feat!: new orders")
    path = acknowledge(repository)
    repository.write("more.py", "")
    repository.commit("fix: one more thing")
    assert ask("breaking-changes", since=live, acknowledged=path).status is Status.FAILED


def test_an_acknowledgement_of_another_item(ask: Ask, repository: Repository, live: str) -> None:
    repository.commit("feat!: new orders")
    path = acknowledge(repository, item="lint")
    assert ask("breaking-changes", since=live, acknowledged=path).status is Status.FAILED
