"""Every kind of object, on a real server: what is told of a difference, and the twin of which nothing may be told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import schema_pairs
from schema_cases import Case
from schema_pairs import ALONE, TOGETHER

from deploy_gate import process
from deploy_gate.postgres import scratch
from deploy_gate.postgres.address import Address
from deploy_gate.postgres.catalog import Catalog, compare
from deploy_gate.postgres.scratch import Server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with scratch.server() as made:
        yield made


@dataclass(frozen=True)
class Shared:
    """The pair of databases that holds all ordinary cases."""

    left: Address
    right: Address
    before: tuple[Catalog, Catalog]
    told: dict[str, set[str]]


@pytest.fixture(scope="module")
def shared(server: Server) -> Iterator[Shared]:
    with schema_pairs.shared(server) as (left, right):
        catalogs = schema_pairs.read(left), schema_pairs.read(right)
        yield Shared(left, right, catalogs, schema_pairs.by_case(compare(*catalogs)))


@pytest.mark.parametrize("case", TOGETHER, ids=lambda one: one.name)
def test_a_pair_in_a_schema_of_its_own(shared: Shared, case: Case) -> None:
    assert shared.told[case.name] == set(case.told)


def test_nothing_is_told_that_belongs_to_no_case(shared: Shared) -> None:
    assert shared.told[""] == set()


@pytest.mark.parametrize("case", ALONE, ids=lambda one: one.name)
def test_a_pair_in_databases_of_its_own(server: Server, case: Case) -> None:
    with schema_pairs.pair(server, case) as (left, right):
        assert schema_pairs.told(compare(schema_pairs.read(left), schema_pairs.read(right))) == set(case.told)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_dump_that_is_restored_is_the_same(server: Server, shared: Shared, side: str) -> None:
    address: Address = getattr(shared, side)
    assert server.programs
    with server.database("restored") as restored:
        dumped = process.run([server.programs / "pg_dump", "-d", address.conninfo], timeout=120)
        assert dumped.code == 0, dumped.err
        script: list[str | Path] = [
            server.programs / "psql",
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            restored.conninfo,
        ]
        done = process.run(script, timeout=120, stdin=dumped.out.encode())
        assert done.code == 0, done.err
        whole = shared.before[0 if side == "left" else 1]
        found = compare(whole, schema_pairs.read(restored))
        # pg_dump cannot tell that the triggers of a foreign key were switched off.
        assert [one for one in found if one.kind != "foreign-key-trigger"] == []


def test_names_of_cases_are_unique() -> None:
    names = [case.name for case in schema_pairs.CASES]
    assert sorted(set(names)) == sorted(names)
