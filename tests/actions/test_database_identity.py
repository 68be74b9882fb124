"""database-identity against two real clusters: the right one, the other one, and a standby."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import databases
import pytest
from databases import Cluster

from deploy_gate.catalog import Catalog
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Result, Status

Ask = Callable[..., Result]
IDENTIFIER = "SELECT system_identifier::text FROM pg_control_system()"


@pytest.fixture(scope="module")
def staging() -> Iterator[Cluster]:
    """Another cluster, with a database of the same name."""
    with databases.running() as found:
        yield found


@pytest.fixture
def look(ask: Ask, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("DATABASE_URL", cluster.url("postgres"))
    return lambda **given: ask("database-identity", url_variable="DATABASE_URL", **given)


@pytest.fixture
def mine(cluster: Cluster) -> str:
    found: str = cluster.run("postgres", IDENTIFIER)[0][0]
    return found


def test_the_declared_database(look: Ask, mine: str, cluster: Cluster) -> None:
    server = f"127.0.0.1:{cluster.server.port}"
    result = look(system_identifier=mine, database="postgres", server_address=server, not_system_identifier="1, 2")
    assert result.status is Status.PASSED
    assert result.found.endswith(f"is the declared database: system identifier {mine}, database postgres")
    assert look(system_identifier=mine, server_address="127.0.0.1").status is Status.PASSED


def test_the_first_time_it_tells_what_to_declare(look: Ask, mine: str) -> None:
    for given in ({}, {"database": "postgres"}, {"server_address": "127.0.0.1"}, {"not_system_identifier": "1"}):
        result = look(**given)
        assert result.status is Status.ERROR
        assert result.found.endswith(f"has the system identifier {mine}")
        assert result.fix.endswith(f"declare system-identifier: '{mine}' and database: postgres")


def test_production_connected_to_the_database_of_staging(
    look: Ask, mine: str, staging: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = staging.run("postgres", IDENTIFIER)[0][0]
    assert other != mine
    monkeypatch.setenv("DATABASE_URL", staging.url("postgres"))
    result = look(system_identifier=mine, database="postgres")
    assert result.status is Status.FAILED
    assert f"is not the declared database: system identifier {other}, declared is {mine}" in result.found
    named = look(system_identifier=mine, not_system_identifier=other)
    assert (named.status, "is another environment's database" in named.found) == (Status.FAILED, True)
    assert look(not_system_identifier=other).status is Status.FAILED


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"database": "erp"}, "database postgres, declared is erp"),
        ({"server_address": "10.0.0.5"}, "server address 127.0.0.1, declared is 10.0.0.5"),
        ({"server_address": "127.0.0.1:1"}, ", declared is 127.0.0.1:1"),
    ],
)
def test_another_database_of_the_same_cluster(look: Ask, mine: str, given: dict[str, str], told: str) -> None:
    result = look(system_identifier=mine, **given)
    assert (result.status, told in result.found) == (Status.FAILED, True), result.found


def test_hostile_names(ask: Ask, cluster: Cluster, mine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = 'x"\n::error::\x1b[2J%41ä'
    with cluster.database(name=name):
        monkeypatch.setenv("DATABASE_URL", cluster.url(name))
        result = ask("database-identity", url_variable="DATABASE_URL", system_identifier=mine, database="y")
        assert (result.status, result.found.isprintable()) == (Status.FAILED, True)
        right = ask("database-identity", url_variable="DATABASE_URL", system_identifier=mine, database=name)
        assert right.status is Status.PASSED


def test_a_missing_privilege_is_named(ask: Ask, cluster: Cluster, mine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with cluster.database() as name:
        monkeypatch.setenv("DATABASE_URL", cluster.role(name))
        assert ask("database-identity", url_variable="DATABASE_URL", system_identifier=mine).status is Status.PASSED
        cluster.run(name, "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM public")
        result = ask("database-identity", url_variable="DATABASE_URL", system_identifier=mine)
        assert (result.status, "a privilege is missing" in result.found) == (Status.ERROR, True)
        assert result.fix.startswith("GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO")


def test_a_standby() -> None:
    module = Catalog().get("database-identity").module
    seen = module.Seen("DATABASE_URL (erp on db)", "7", "erp", None, None, True)
    result = module.judge(seen, module.Declared("7"))
    assert (result.status, "is a standby of the declared database" in result.found) == (Status.FAILED, True)
    assert module.judge(seen, module.Declared("7", standby=True)).status is Status.PASSED
    assert module.judge(seen, module.Declared("8", standby=True)).status is Status.FAILED
    with pytest.raises(CouldNotTell):
        module.judge(seen, module.Declared("", standby=True))


@pytest.mark.parametrize(
    ("identifier", "others", "message"),
    [
        ("erp", [], "a system identifier is 'erp', expected a whole number"),
        ("", ["1" * 21], "expected a whole number"),
        ("7", ["8", "7"], "'not-system-identifier' holds the value of 'system-identifier'"),
    ],
)
def test_wrong_inputs(identifier: str, others: list[str], message: str) -> None:
    module = Catalog().get("database-identity").module
    with pytest.raises(Misconfigured, match=message):
        module.validate(system_identifier=identifier, not_system_identifier=others)


def test_no_server(ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://ada:hunter2-of-no-use@/erp?host={tmp_path}")
    result = ask("database-identity", url_variable="DATABASE_URL", system_identifier="7")
    assert (result.status, "did not answer" in result.found) == (Status.ERROR, True)
    assert "hunter2" not in str(result.as_json())
