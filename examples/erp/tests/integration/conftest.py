"""The application over real PostgreSQL and Redis, in a schema and under a prefix of its own.

Nothing that is in the database or in Redis already is read, changed or deleted.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, make_url, text

from erp.settings import DatabaseSettings
from tests.world import World, fill_with_seed, make_settings, make_world

ROOT = Path(__file__).parents[2]


def address(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        pytest.fail(f"{name} is not set: integration tests need a real server, see README.md", pytrace=False)
    return value


@pytest.fixture(scope="session")
def redis_url() -> str:
    return address("REDIS_URL")


@pytest.fixture(scope="session")
def make_schema() -> Iterator[Callable[[], str]]:
    """Return a maker of empty schemas; it gives the URL of a new one, and all are dropped in the end."""
    url = make_url(DatabaseSettings(database_url=address("DATABASE_URL")).database_url)
    engine = create_engine(url)
    names: list[str] = []

    def make() -> str:
        names.append(f"erp_test_{secrets.token_hex(6)}")
        execute(engine, f"CREATE SCHEMA {names[-1]}")
        own = url.update_query_dict({"options": f"-csearch_path={names[-1]}"})
        return own.render_as_string(hide_password=False)

    yield make
    for name in names:
        execute(engine, f"DROP SCHEMA {name} CASCADE")
    engine.dispose()


def execute(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


@pytest.fixture(scope="session")
def migrate() -> Callable[[str, str], None]:
    """Return a function that brings the database at a URL to a revision, up or down, as the command would."""

    def run(url: str, revision: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DATABASE_URL", url)
            config = Config(ROOT / "alembic.ini")
            down = revision == "base" or revision.startswith("-")
            (command.downgrade if down else command.upgrade)(config, revision)

    return run


@pytest.fixture(scope="session")
def migrated(make_schema: Callable[[], str], migrate: Callable[[str, str], None]) -> str:
    """The URL of a schema at the newest revision, filled with the seed."""
    url = make_schema()
    migrate(url, "head")
    world = make_world(make_settings(database_url=url), fill_with_seed)
    world.state.close()
    return url


@pytest.fixture
def build(migrated: str, redis_url: str) -> Iterator[Callable[..., World]]:
    """Return a builder of applications over the same database and Redis, as two slots are."""
    built: list[World] = []
    common = {"database_url": migrated, "redis_url": redis_url, "redis_prefix": f"erp-test-{secrets.token_hex(6)}"}

    def build_world(**values: Any) -> World:
        built.append(make_world(make_settings(**{**common, **values}), lambda _state: None))
        return built[-1]

    yield build_world
    for world in built:
        world.client.close()
        world.state.close()


@pytest.fixture
def world(build: Callable[..., World]) -> World:
    return build()
