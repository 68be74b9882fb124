"""database-connections against a real server whose sessions the test opens and counts itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from databases import Cluster

from deploy_gate.catalog import Catalog
from deploy_gate.postgres.sessions import Sessions
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Result, Status

Ask = Callable[..., Result]
Look = Callable[..., Result]


@pytest.fixture
def shop(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database of its own, so that other sessions do not count."""
    with cluster.database() as name:
        monkeypatch.setenv("LIVE", cluster.url(name))
        yield name


@pytest.fixture
def look(ask: Ask, shop: str) -> Look:
    return lambda **given: ask("database-connections", url_variable="LIVE", **{"database": shop, **given})


@pytest.fixture
def opened(cluster: Cluster, shop: str) -> Iterator[Callable[[int], list[psycopg.Connection[Any]]]]:
    """Opens sessions that stay until the test ends."""
    with ExitStack() as stack:

        def one() -> psycopg.Connection[Any]:
            connection = psycopg.connect(cluster.url(shop), autocommit=True)
            stack.callback(connection.close)
            return connection

        yield lambda count: [one() for _ in range(count)]


@pytest.mark.parametrize(
    ("count", "status", "band"),
    [
        (0, Status.PASSED, "normal"),
        (5, Status.PASSED, "normal"),
        (6, Status.WARNED, "watch"),
        (7, Status.WARNED, "watch"),
        (8, Status.FAILED, "warning"),
        (9, Status.FAILED, "warning"),
        (10, Status.FAILED, "critical"),
    ],
)
def test_a_pool_of_ten(look: Look, opened: Callable[[int], object], count: int, status: Status, band: str) -> None:
    opened(count)
    result = look(pool=10)
    assert result.status is status
    assert f"{count} of 10 connections used ({count * 10}.0 %), the limit is 80 %" in result.found
    assert str(result.evidence[0]["message"]).startswith(f"band {band};")
    assert result.found.startswith("critical: ") is (band == "critical")


def test_the_whole_server(look: Look, opened: Callable[[int], object]) -> None:
    opened(3)
    result = look(database="")
    used = result.evidence[0]["used"]
    assert isinstance(used, int)
    assert used >= 3
    assert f"{used} of 47 connections used" in result.found
    assert result.found.endswith("counted against max_connections 50 less 3 reserved")


def test_by_user(look: Look, cluster: Cluster, shop: str, opened: Callable[[int], object]) -> None:
    opened(2)
    address = cluster.role(shop)
    user = address.split("//")[1].split(":")[0]
    with psycopg.connect(address), psycopg.connect(address):
        assert "2 of 4 connections used" in look(user=user, pool=4).found
        cluster.run(shop, f"ALTER ROLE {user} CONNECTION LIMIT 3")
        result = look(user=user, limit="60%")
        assert (
            "2 of 3 connections used (66.7 %), the limit is 60 %; counted against the connection limit of"
            in result.found
        )
    cluster.run(shop, f"ALTER DATABASE {shop} CONNECTION LIMIT 8")
    assert "2 of 8 connections used" in look().found


def test_nobody_to_count_is_told(look: Look) -> None:
    result = look(user="nobody-here")
    assert (result.status, "has no user nobody-here, so there are no sessions to count" in result.found) == (
        Status.ERROR,
        True,
    )
    assert "has no database no-such" in look(database="no-such").found


def test_idle_transactions_and_waiting_ones(
    look: Look, cluster: Cluster, shop: str, opened: Callable[[int], list[psycopg.Connection[Any]]]
) -> None:
    cluster.run(shop, "CREATE TABLE t (a int)")
    idle, waiting = opened(2)
    idle.execute("SET application_name = 'a \x1b[2J\n::error::b'")
    idle.execute("BEGIN; LOCK TABLE t; SELECT 'a secret of a query'")
    waiting.pgconn.send_query(b"SELECT * FROM t")
    deadline = time.monotonic() + 20
    while not (result := look(pool=50, idle_in_transaction="1ms")).evidence[0]["waiting"]:
        assert time.monotonic() < deadline
    assert result.status is Status.PASSED
    assert result.evidence[0]["message"] == "band normal; 1 session waiting for a lock; 1 long idle in a transaction"
    message = str(result.evidence[1]["message"])
    assert message.startswith("idle in a transaction for ")
    assert f"postgres in {shop} (a " in message
    assert message.isprintable()
    assert "secret" not in str(result.as_json())
    assert len(look(pool=50, idle_in_transaction="1h").evidence) == 1
    idle.execute("ROLLBACK")


def test_a_role_that_sees_little_counts_all_the_same(
    look: Look, cluster: Cluster, shop: str, opened: Callable[[int], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(3)
    monkeypatch.setenv("LIVE", cluster.role(shop))
    result = look(pool=10)
    assert (result.status, "3 of 10 connections used" in result.found) == (Status.PASSED, True)
    assert result.found.endswith("counted against the pool, 3 of them hidden from this role")
    assert "GRANT pg_read_all_stats TO the role of this address" in str(result.evidence[1]["message"])
    monkeypatch.setenv("LIVE", cluster.role(shop, "pg_read_all_stats"))
    assert look(pool=10).found.endswith("counted against the pool")


def test_a_full_server_is_told(ask: Ask, cluster: Cluster, shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    address = cluster.role(shop)
    user = address.split("//")[1].split(":")[0]
    cluster.run(shop, f"ALTER ROLE {user} CONNECTION LIMIT 1")
    monkeypatch.setenv("LIVE", address)
    with psycopg.connect(address):
        result = ask("database-connections", url_variable="LIVE")
    assert (result.status, "all its connections are taken" in result.found) == (Status.ERROR, True)


def test_nothing_to_divide_by() -> None:
    module = Catalog().get("database-connections").module
    with pytest.raises(CouldNotTell, match="admits no connection"):
        module.judge(Sessions("LIVE", 0, 0, "the connection limit of x"), module.Limits())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"target": 90.0}, "expected rising ones above 0"),
        ({"target": 0.0}, "expected rising ones above 0"),
        ({"critical": 70.0}, "expected rising ones above 0"),
        ({"pool": 0}, "input 'pool' is 0, expected 1 or more"),
    ],
)
def test_wrong_inputs(given: dict[str, Any], message: str) -> None:
    module = Catalog().get("database-connections").module
    with pytest.raises(Misconfigured, match=message):
        module.validate(**{"limit": 80.0, "target": 60.0, "critical": 95.0, "pool": None, **given})
