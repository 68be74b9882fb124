from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from erp.models import Base

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]

CATALOG = text("""
SELECT 'column', table_name || '.' || column_name, concat_ws(' ', data_type, is_nullable, column_default)
FROM information_schema.columns WHERE table_schema = current_schema()
UNION ALL
SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()
UNION ALL
SELECT 'constraint', conname, pg_get_constraintdef(oid) || convalidated
FROM pg_constraint WHERE connamespace = current_schema()::regnamespace
UNION ALL
SELECT 'type', typname, typtype::text FROM pg_type WHERE typnamespace = current_schema()::regnamespace AND typtype = 'e'
ORDER BY 1, 2, 3
""")
OLD_ORDER = text("""
INSERT INTO orders (customer_id, created_by, kind, status, subtotal, tax, total, created_at)
VALUES (1, 1, :kind, 'placed', 100, 5, 105, now())
""")
OLD_WORLD = text("""
INSERT INTO users (email, name, role, password_hash, created_at) VALUES ('a@b.example', 'A', 'admin', 'x', now());
INSERT INTO customers (name, kind, created_at) VALUES ('C', 'retail', now());
""")


def catalog(url: str) -> list[tuple[str, ...]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(CATALOG)]
    engine.dispose()
    return [row for row in rows if "alembic_version" not in row[1]]


def test_every_revision_goes_down_as_it_came_up(
    make_schema: Callable[[], str], migrate: Callable[[str, str], None]
) -> None:
    url = make_schema()
    revisions = [found.revision for found in ScriptDirectory.from_config(Config(ROOT / "alembic.ini")).walk_revisions()]
    for revision in reversed(revisions):
        before = catalog(url)
        migrate(url, revision)
        after = catalog(url)
        migrate(url, "-1")
        assert catalog(url) == before, revision
        migrate(url, revision)
        assert catalog(url) == after, revision
    migrate(url, "base")
    assert catalog(url) == []


def test_migrations_make_what_the_models_say(migrated: str) -> None:
    engine = create_engine(migrated)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    engine.dispose()
    assert differences == []


def test_old_orders_get_references_and_old_code_keeps_working(
    make_schema: Callable[[], str], migrate: Callable[[str, str], None]
) -> None:
    url = make_schema()
    migrate(url, "0009")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(OLD_WORLD)
        connection.execute(OLD_ORDER, [{"kind": "retail"}, {"kind": "wholesale"}] * 700)
    migrate(url, "0010")
    with engine.begin() as connection:
        connection.execute(OLD_ORDER, [{"kind": "retail"}] * 2)
        found = list(connection.scalars(text("SELECT reference FROM orders ORDER BY id")))
    engine.dispose()
    assert found[:2] == ["R-000001", "W-000002"]
    assert (len(found), len(set(found)), None in found) == (1402, 1402, False)
