"""What `backup-restore` needs beside `pg_restore` alone. Goal: its restore takes at most 1.1 times as long.

    python3 bench/restore.py [thousand rows, default 1500]

Both restore the same dump into the same scratch server, by turns, three times; the fastest run of each counts.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TABLES = 4
TURNS = 3
GOAL = 1.1
FILL = """
create table t{0} (id bigint primary key, customer int, total numeric(12, 2), note text, made timestamptz);
insert into t{0} select i, i % 1000, i * 1.5, md5(i::text), now() - i * interval '1 s' from generate_series(1, {1}) i;
create index on t{0} (customer); create index on t{0} (made);
"""


@contextmanager
def dump(rows: int) -> Iterator[tuple[Any, Path]]:
    """A server, and a dump of four tables with indexes."""
    from deploy_gate.postgres import scratch
    from deploy_gate.postgres.link import connected

    with scratch.server() as server, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.dump"
        with server.database("bench") as address:
            with connected(address) as connection:
                for number in range(TABLES):
                    connection.execute(FILL.format(number, rows // TABLES).encode())
            client(server, "pg_dump", "--format=custom", f"--file={path}", str(address.parts["dbname"]))
        yield server, path


def client(server: Any, program: str, *args: str) -> float:
    """Run a client program as the superuser; the seconds it took."""
    from deploy_gate import process

    done = process.run(
        [server.programs / program, *args],
        timeout=3600,
        env={"PGHOST": str(server.home.parts["host"]), "PGUSER": "postgres"},
    )
    if done.code:
        raise SystemExit(done.last_words())
    return done.seconds


def alone(server: Any, path: Path, jobs: int) -> float:
    """pg_restore as a person would run it."""
    with server.database("alone") as address:
        return client(
            server, "pg_restore", "--no-owner", f"--jobs={jobs}", f"--dbname={address.parts['dbname']}", str(path)
        )


def ours(server: Any, path: Path, jobs: int) -> tuple[float, float]:
    """Seconds that the check reports, and those of all it does: role, database, restore, rows, clean-up."""
    from deploy_gate.catalog import Catalog
    from deploy_gate.inputs import bind
    from deploy_gate.postgres.link import connected

    os.environ["BENCH_URL"] = server.home.conninfo
    capability = Catalog().get("backup-restore")
    tables = ",".join(f"t{number}" for number in range(TABLES))
    texts = {"file": str(path), "scratch-url": "BENCH_URL", "jobs": str(jobs), "tables": tables}
    bound = bind(capability.manifest.inputs, capability.hints, texts)
    os.environ["PATH"] = f"{server.programs}:{os.environ['PATH']}"
    with connected(server.home) as connection:
        connection.execute("CHECKPOINT")
    started = time.perf_counter()
    result = capability.function(**bound.values)
    whole = time.perf_counter() - started
    if result.status != "passed":
        raise SystemExit(result.found)
    return float(str(result.measured)), whole


def main(rows: int) -> int:
    """Print the table; 1 when the goal is missed."""
    worst = 0.0
    with dump(rows) as (server, path):
        print(f"{rows} rows, a dump of {path.stat().st_size / 1e6:.1f} MB, fastest of {TURNS} turns")
        head = f"{'jobs':>4}{'pg_restore alone':>18}{'its restore':>13}{'ratio':>7}{'all it does':>13}{'ratio':>7}"
        print(f"{head}  (goal for the restore: at most {GOAL})")
        for jobs in (1, 2):
            turns = [(alone(server, path, jobs), *ours(server, path, jobs)) for _ in range(TURNS)]
            base, restore, whole = (min(column) for column in zip(*turns, strict=True))
            worst = max(worst, restore / base)
            ratios = f"{restore:>11.2f} s{restore / base:>7.2f}{whole:>11.2f} s{whole / base:>7.2f}"
            print(f"{jobs:>4}{base:>16.2f} s{ratios}")
    return 0 if worst <= GOAL else 1


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
    from deploy_gate import bootstrap

    for lock in ("core", "database"):
        bootstrap.add(lock)
    sys.exit(main(1000 * (int(sys.argv[1]) if len(sys.argv) > 1 else 1500)))
