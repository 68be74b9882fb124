"""Builds pairs of schemas on a scratch server and compares them: all ordinary cases in one pair of databases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg
from schema_cases import Case, attached, routines, spelling, surroundings, tables

from deploy_gate.postgres import catalog
from deploy_gate.postgres.address import Address
from deploy_gate.postgres.catalog import Catalog, Difference
from deploy_gate.postgres.link import connected
from deploy_gate.postgres.scratch import Server

CASES = [*tables.CASES, *attached.CASES, *routines.CASES, *surroundings.CASES, *spelling.CASES]
TOGETHER = [one for one in CASES if not one.alone]
ALONE = [one for one in CASES if one.alone]


def schema_of(case: Case) -> str:
    """The schema that a case has to itself in the shared pair."""
    return f"c{CASES.index(case):04d}"


def execute(address: Address, *statements: str) -> None:
    """Run DDL, each text in a round trip of its own; `database current` stands for the database's name."""
    name = str(address.parts["dbname"])
    with psycopg.connect(address.conninfo, autocommit=True) as connection:
        for statement in filter(None, statements):
            connection.execute(statement.replace("database current", f"database {name}").encode())


@contextmanager
def pair(server: Server, case: Case) -> Iterator[tuple[Address, Address]]:
    """Two databases that hold a case of its own."""
    with server.database("left") as left, server.database("right") as right:
        execute(left, case.both, case.left)
        execute(right, case.both, case.right)
        yield left, right


@contextmanager
def shared(server: Server) -> Iterator[tuple[Address, Address]]:
    """Two databases that hold all ordinary cases, each in its schema."""
    with ExitStack() as stack:
        left, right = (stack.enter_context(server.database(side)) for side in ("left", "right"))
        for address, side in ((left, "left"), (right, "right")):
            for case in TOGETHER:
                schema = schema_of(case)
                head = f"create schema {schema}; set search_path = {schema}, public"
                execute(address, head + "; " + case.both, f"set search_path = {schema}, public; " + getattr(case, side))
        yield left, right


def read(address: Address) -> Catalog:
    """What is in a database."""
    with connected(address) as connection:
        return catalog.read(connection)


def told(differences: list[Difference]) -> set[str]:
    """Differences as the cases write them."""
    return {f"{one.kind} {one.name} {one.side}" for one in differences if one.level == "difference"}


def by_case(differences: list[Difference]) -> dict[str, set[str]]:
    """The differences of the shared pair, for each case's name; what belongs to no case is under an empty name."""
    names = {schema_of(case): case.name for case in TOGETHER}
    found: dict[str, set[str]] = defaultdict(set)
    for text in told(differences):
        schema = next((one for one in names if f"{one}." in text), "")
        found[names.get(schema, "")].add(text.replace(f"{schema}.", "") if schema else text)
    return found
