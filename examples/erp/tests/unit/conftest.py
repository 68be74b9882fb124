"""An application over SQLite in memory, with neither Redis nor a network."""

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from argon2 import PasswordHasher

from erp.models import Base
from erp.services import passwords
from erp.state import State
from tests.world import World, fill_with_seed, make_settings, make_world


@pytest.fixture(autouse=True, scope="session")
def cheap_passwords() -> Iterator[None]:
    """Hash with the least cost there is: what is tested is that passwords are hashed, not how long it takes."""
    with pytest.MonkeyPatch.context() as patch:
        cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        patch.setattr(passwords, "hasher", lambda: cheap)
        yield


def raw(state: State) -> sqlite3.Connection:
    """Return the one connection that SQLite in memory has."""
    return cast(sqlite3.Connection, state.engine.raw_connection().driver_connection)


@pytest.fixture(scope="session")
def template(cheap_passwords: None) -> Iterator[sqlite3.Connection]:  # noqa: ARG001 -- only has to come first
    """A seeded database, made once and copied for every test."""

    def fill(state: State) -> None:
        Base.metadata.create_all(state.engine)
        fill_with_seed(state)

    world = make_world(make_settings(database_url="sqlite://"), fill)
    yield raw(world.state)
    world.state.close()


@pytest.fixture
def build(template: sqlite3.Connection) -> Iterator[Callable[..., World]]:
    """Return a builder of worlds with the settings a test wants."""
    built: list[World] = []

    def build_world(**values: Any) -> World:
        settings = make_settings(database_url="sqlite://", **values)
        built.append(make_world(settings, lambda state: template.backup(raw(state))))
        return built[-1]

    yield build_world
    for world in built:
        world.client.close()
        world.state.close()


@pytest.fixture
def world(build: Callable[..., World]) -> World:
    return build()
