"""The catalogs of every version that we say we know: the same cases, as far as that version has the objects."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import npm_postgres
import psycopg
import pytest
import schema_pairs
from schema_cases import Case
from schema_pairs import ALONE, TOGETHER

from deploy_gate.postgres import scratch
from deploy_gate.postgres.address import Address
from deploy_gate.postgres.catalog import Catalog, compare
from deploy_gate.postgres.scratch import Server

pytestmark = pytest.mark.long

# What came with 13, 14 and 15, or is refused before 16: these cases' DDL is no SQL there.
_SINCE = {
    13: {"statistics-objects-target"},
    14: {"compression", "function-atomic", "function-atomic-twin", "range-multirange", "function-returns"},
    15: {
        *("unique-nulls-not-distinct", "sequence-unlogged", "extension-version"),
        *("publication-rows", "publication-columns", "publication-schema"),
    },
}
# These roles came with 14.
_SINCE[14] |= {"policy-roles-order-twin", "grant-order-twin", "grant-owner-twin"}


@pytest.fixture(scope="module", params=sorted(npm_postgres.PINNED))
def server(request: pytest.FixtureRequest) -> Iterator[tuple[int, Server]]:
    # Not pytest's folder: the path of a socket has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="pg") as folder, npm_postgres.server(request.param, Path(folder)) as made:
        yield request.param, made


def known(major: int, case: Case) -> bool:
    return not any(case.name in names for since, names in _SINCE.items() if major < since)


def filled(address: Address, side: str, cases: list[Case]) -> Catalog:
    for case in cases:
        schema = schema_pairs.schema_of(case)
        head = f"set search_path = {schema}, public; "
        schema_pairs.execute(address, f"create schema {schema}", head + case.both, head + getattr(case, side))
    return schema_pairs.read(address)


def test_all_cases_and_the_same_schema_on_version_15(server: tuple[int, Server]) -> None:
    major, made = server
    cases = [case for case in TOGETHER if known(major, case)]
    with ExitStack() as stack:
        left, right = (stack.enter_context(made.database(side)) for side in ("left", "right"))
        catalogs = filled(left, "left", cases), filled(right, "right", cases)
        told = schema_pairs.by_case(compare(*catalogs))
        assert {case.name: told[case.name] for case in cases} == {case.name: set(case.told) for case in cases}
        assert told[""] == set()
        here = stack.enter_context(scratch.server())
        other = filled(stack.enter_context(here.database("other")), "left", cases)
        found = [one for one in compare(catalogs[0], other) if one.level == "difference"]
        assert [one for one in found if one.kind not in DIFFERS] == []


# The functions behind encodings have another argument since 14, and a procedure's arguments say IN.
DIFFERS = {"conversion", "function"}


def test_objects_of_no_schema(server: tuple[int, Server]) -> None:
    major, made = server
    for case in ALONE:
        if known(major, case):
            with schema_pairs.pair(made, case) as (left, right):
                found = schema_pairs.told(compare(schema_pairs.read(left), schema_pairs.read(right)))
                assert (case.name, found) == (case.name, set(case.told))
                for address in (left, right):
                    forget_subscriptions(address)


def forget_subscriptions(address: Address) -> None:
    """A database with a subscription cannot be dropped."""
    with psycopg.connect(address.conninfo, autocommit=True) as connection:
        query = "select subname from pg_subscription s join pg_database d on d.oid = subdbid and datname = current_database()"
        for (name,) in connection.execute(query).fetchall():
            for what in (
                "alter subscription {} disable",
                "alter subscription {} set (slot_name = none)",
                "drop subscription {}",
            ):
                connection.execute(what.format(name).encode())
