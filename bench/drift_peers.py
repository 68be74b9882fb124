"""Answers whether two databases differ, as other tools see it; run by schema_drift.py in the peers' own environment.

Reads lines of JSON `{"tool", "left", "right"}` (SQLAlchemy URLs), writes `{"differs", "seconds"}` for each; `differs`
is null with an `error` where the tool breaks off.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any


def alembic(left: str, right: str) -> bool:
    """Reflect the left side, and let autogenerate compare the right one with it, types and defaults included."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from sqlalchemy import MetaData, create_engine, text

    schemas: list[str] = []
    metadata = MetaData()
    engine = create_engine(left)
    with engine.connect() as connection:
        names = connection.execute(
            text("select nspname from pg_namespace where nspname !~ '^pg_|^information_schema$'")
        )
        schemas = [row[0] for row in names]
        for schema in schemas:
            metadata.reflect(connection, schema=None if schema == "public" else schema, views=False)
    engine.dispose()
    engine = create_engine(right)
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True, "include_schemas": True}
        found = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    engine.dispose()
    return bool(found)


def migra(left: str, right: str) -> bool:
    """The statements that would make the left side the right one."""
    from migra import Migration
    from sqlbag import S

    with S(left) as here, S(right) as there:
        migration = Migration(here, there)
        migration.set_safety(False)
        migration.add_all_changes(privileges=True)
        return bool(migration.statements)


TOOLS = {"alembic": alembic, "migra": migra}


def main() -> None:
    """Answer until the input ends."""
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        started = time.perf_counter()
        answer: dict[str, Any] = {"differs": None}
        try:
            answer["differs"] = TOOLS[asked["tool"]](asked["left"], asked["right"])
        except Exception as fault:  # noqa: BLE001 - another tool's fault is its answer
            answer["error"] = f"{type(fault).__name__}: {fault}"[:200]
        print(json.dumps({**answer, "seconds": time.perf_counter() - started}), flush=True)


if __name__ == "__main__":
    main()
