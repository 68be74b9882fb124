"""test-data: real tables, full, short and missing, read by a role that may only look."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from databases import Cluster

from deploy_gate.catalog import Catalog
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Result, Status

Ask = Callable[..., Result]


@pytest.fixture
def shop(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    statements = (
        "CREATE TABLE products AS SELECT generate_series(1, 30) AS id",
        'CREATE SCHEMA sales; CREATE TABLE sales."Orders" AS SELECT generate_series(1, 3) AS id',
        "CREATE TABLE secret AS SELECT 1 AS id",
    )
    with cluster.database(*statements) as name:
        role = cluster.role(name, "SELECT ON products", "USAGE ON SCHEMA sales", 'SELECT ON sales."Orders"')
        monkeypatch.setenv("STAGING_DATABASE_URL", role)
        yield name


def run(ask: Ask, tables: str) -> Result:
    return ask("test-data", url_variable="STAGING_DATABASE_URL", tables=tables)


def test_full_and_short_tables(ask: Ask, shop: str) -> None:
    assert shop
    full = run(ask, "products = 30, sales.Orders = 3")
    short = run(ask, "products = 31\nsales.Orders = 3\nnothing = 1")
    assert full.status is Status.PASSED, full.found
    assert "test data is there in 2 tables: products (30 or more rows), sales.Orders (3 or more rows)" in full.found
    assert (short.status, short.measured) == (Status.FAILED, 2)
    assert "products: 30 rows, expected 31 or more; nothing: no such table, expected 1 or more" in short.found
    assert "seed" in short.fix


def test_a_large_table_is_read_no_further_than_its_minimum(ask: Ask, shop: str) -> None:
    assert shop
    result = run(ask, "products = 2")
    assert result.evidence[0]["message"] == "products: 2 (limit 2)"


def test_what_may_not_be_read_is_an_error(ask: Ask, shop: str) -> None:
    assert shop
    result = run(ask, "secret = 1")
    assert result.status is Status.ERROR
    assert "a privilege is missing" in result.found


def test_an_empty_database_is_told(ask: Ask, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    with cluster.database() as name:
        monkeypatch.setenv("STAGING_DATABASE_URL", cluster.url(name))
        assert run(ask, "products = 1").status is Status.FAILED


def test_no_address_is_an_error(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STAGING_DATABASE_URL", raising=False)
    assert run(ask, "products = 1").status is Status.ERROR


@pytest.mark.parametrize("line", ["products", "products = 0", "products = x", 'a"b = 1', "a.b.c = 1", "x; drop = 1"])
def test_a_wrong_line_is_told(line: str) -> None:
    with pytest.raises(Misconfigured, match="expected `table = 10`"):
        Catalog().get("test-data").module.validate(tables=[line])
