"""The lines of the bundled checklist that ask a database, as a consumer's file sets them up, through the gate itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import declared
import pytest
from databases import Cluster
from support import Repository
from trees import revision, tree

from deploy_gate import cli

LINES = ("migrations-documented", "migrations-staged", "rollback-migration", "staging-db", "db-pool", "db-connections")
FILE = """
version: 1
extends: default
environments:
  staging:
    branch: develop
    database_variable: STAGING_DATABASE_URL
items:
  staging-db: {with: {system-identifier: "%s"}}
"""


def looked(phase: str, *lines: str) -> dict[str, Any]:
    """Status by line, after the gate has run."""
    argv = ["gate", "--phase", phase, "--environment", "staging", "--report", "report", "--only", *lines]
    cli.main(argv)
    items = json.loads(Path("report/report.json").read_text())["items"]
    return {one["id"]: one for one in items}


@pytest.fixture
def shop(repository: Repository, cluster: Cluster) -> Repository:
    tree(repository)
    revision(
        repository, "a1", None, "op.create_table('orders')", "op.drop_table('orders')", "The orders of all customers."
    )
    identifier = cluster.run("postgres", "SELECT system_identifier FROM pg_control_system()")[0][0]
    repository.write("checklist.yml", FILE % identifier)
    repository.commit()
    return repository


def test_they_pass_on_a_database_that_is_as_it_should_be(
    shop: Repository, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cluster.database("CREATE TABLE alembic_version AS SELECT text 'a1' AS version_num") as name:
        monkeypatch.setenv("STAGING_DATABASE_URL", cluster.url(name))
        found = looked("pre-deploy", *LINES[:4]) | looked("verify", "db-pool") | looked("monitor", "db-connections")
        # A first release has none to return to, and the line says so.
        expected = {**dict.fromkeys(LINES, "passed"), "rollback-migration": "warned"}
        assert {one: found[one]["status"] for one in found} == expected, found
        assert cluster.server.password not in json.dumps(found)
        assert found["db-pool"]["target"] == 80
        cluster.run(name, "UPDATE alembic_version SET version_num = 'b7'")
        behind = looked("pre-deploy", *LINES[:4])
    [failed] = map(set, declared.faults("database").values())
    assert {one for one in behind if behind[one]["status"] == "failed"} == failed
    assert {one for one in behind if behind[one]["status"] == "passed"} == set(LINES[:4]) - failed


def test_without_the_variable_nobody_can_tell(shop: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STAGING_DATABASE_URL", raising=False)
    found = looked("pre-deploy", "migrations-staged", "staging-db")
    assert {one["status"] for one in found.values()} == {"error"}
    assert "the environment variable STAGING_DATABASE_URL is not set" in found["staging-db"]["found"]


def test_without_a_declaration_they_are_to_be_set_up(shop: Repository) -> None:
    shop.write("checklist.yml", "version: 1\nextends: default\nenvironments: {staging: {branch: develop}}\n")
    found = looked("pre-deploy", "migrations-staged", "staging-db", "rollback-migration")
    assert {one["found"] for one in found.values()} == {"not set up: database_variable of the environment"}
