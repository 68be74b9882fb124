"""What migrations-reversible costs: `python3 bench/reversible.py [REVISIONS]`.

A tree of 120 revisions that create and change tables goes up, down and up, revision after revision: once by the driver
alone, which is the migrations themselves, and once by the whole check, with rows made and catalogs compared. Exit 1
when a goal is missed: 30 s for the tree, 150 ms a revision beyond the migration itself.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
for folder in ("scripts", "tests"):
    sys.path.insert(0, str(ROOT / folder))

from runnable import INPUTS, Tree  # noqa: E402 - found through the lines above
from support import Repository  # noqa: E402

REVISIONS = 120
GOAL_SECONDS, GOAL_MILLISECONDS = 30.0, 150.0
KINDS = (
    ("CREATE TABLE t{n} (id serial PRIMARY KEY, name text NOT NULL, n int, at timestamptz)", "DROP TABLE t{n}"),
    ("ALTER TABLE t{m} ADD COLUMN x{n} int DEFAULT 3", "ALTER TABLE t{m} DROP COLUMN x{n}"),
    ("CREATE INDEX i{n} ON t{m} (name)", "DROP INDEX i{n}"),
    ("ALTER TABLE t{m} ADD CONSTRAINT c{n} CHECK (n > 0)", "ALTER TABLE t{m} DROP CONSTRAINT c{n}"),
)


def main() -> int:
    """Build the tree, run it both ways, compare."""
    from deploy_gate.catalog import Catalog
    from deploy_gate.engine.child import guarded

    count = int(sys.argv[1]) if len(sys.argv) > 1 else REVISIONS
    with tempfile.TemporaryDirectory() as scratch_folder:
        os.chdir(scratch_folder)
        tree = Tree(Repository(Path.cwd()))
        for number in range(count):
            up, down = (text.format(n=number, m=number - number % 4) for text in KINDS[number % 4])
            tree.add(f"r{number:04}", up, down)
        bare = driven(count)
        started = time.perf_counter()
        inputs = {**INPUTS, "last": count, "rows": True}
        result = guarded(lambda: Catalog().get("migrations-reversible").function(**inputs))
        seconds = time.perf_counter() - started
        os.chdir("/")
    each = (seconds - bare) / count * 1000
    print(result.found)
    print(f"{count} revisions: {seconds:.1f} s (goal {GOAL_SECONDS:g}), the migrations themselves {bare:.1f} s")
    print(f"beyond the migration itself: {each:.0f} ms a revision (goal {GOAL_MILLISECONDS:g})")
    return 0 if result.measured == 0 and seconds < GOAL_SECONDS and each < GOAL_MILLISECONDS else 1


def driven(count: int) -> float:
    """Seconds for up, down and up of every revision and nothing else, the start of server and interpreter included."""
    from deploy_gate.migrations import session, target
    from deploy_gate.postgres import scratch

    where = target.target(
        python=sys.executable,
        config="alembic.ini",
        section="alembic",
        variables=["DATABASE_URL"],
        x=[],
        driver="",
        env=[],
    )
    started = time.perf_counter()
    with scratch.server() as server, server.database("bench") as address, session.running(where, address) as running:
        for number in range(count):
            name = f"r{number:04}"
            for outcome in (running.upgrade([name]), running.downgrade([name]), running.upgrade([name])):
                if outcome.fault:
                    raise AssertionError(outcome.fault)
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
