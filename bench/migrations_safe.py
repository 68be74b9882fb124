"""How much migrations-safe finds, beside bare squawk: `python3 bench/migrations_safe.py [ROWS]`.

Measures each case of `tests/ddl.py` on filled tables: how long it keeps locks that block the release (pg_locks and
clock, against the same on empty tables), and whether what the release does still works afterwards. Then asks the check
and squawk, with all its rules on the same text. Prints every disagreement; exits 1 when the check misses a hazard or
flags what does no harm.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
for folder in ("scripts", "tests"):
    sys.path.insert(0, str(ROOT / folder))


import ddl  # noqa: E402 - found through the lines above

from deploy_gate import bootstrap  # noqa: E402

if TYPE_CHECKING:
    from deploy_gate.postgres.scratch import Server

APP = "bench_app"
LONG_SECONDS, LONG_RATIO = 0.03, 5.0
_LOCKS = """
SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation LEFT JOIN pg_index i ON i.indexrelid = c.oid
WHERE l.pid = pg_backend_pid() AND c.oid = ANY(%s)
AND (l.mode = 'AccessExclusiveLock'
     OR (c.relkind IN ('r', 'p') AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock')))
"""
STYLE = {
    *("require-lock-timeout", "require-statement-timeout", "prefer-robust-stmts", "prefer-bigint-over-int"),
    *("prefer-text-field", "prefer-identity", "prefer-bigint-over-smallint", "prefer-timestamp-tz"),
    *("require-table-schema", "identifier-too-long", "ban-char-field", "prefer-big-int", "require-enum-value-ordering"),
    *("ban-uncommitted-transaction", "transaction-nesting"),
}


@dataclass(frozen=True, slots=True)
class Truth:
    """What a case does: seconds for which the release waits (on filled and on empty tables), and what breaks."""

    full: float
    empty: float
    broken: str

    @property
    def word(self) -> str:
        """The worst of it."""
        if self.full >= LONG_SECONDS and self.full >= LONG_RATIO * self.empty:
            return "long"
        return "breaking" if self.broken else "short" if self.full else "harmless"


def main() -> int:
    """Measure, ask both, compare."""
    from deploy_gate.postgres import scratch

    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 500_000
    squawk = bootstrap.tool(bootstrap.ensure("migrations"), "squawk")
    with scratch.server() as server, tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["BENCH_URL"] = f"postgresql://postgres@/postgres?host={server.home.parts['host']}"
        with server.database("full") as full, server.database("empty") as empty:
            prepare(full.conninfo, rows)
            prepare(empty.conninfo, 10)
            return compare(server, str(full.parts["dbname"]), str(empty.parts["dbname"]), squawk)


def prepare(conninfo: str, rows: int) -> None:
    """The shop's schema with so many rows."""
    import psycopg

    with psycopg.connect(conninfo, autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (APP,)).fetchone()
        for text in [*ddl.SCHEMA[bool(known) :], *ddl.ROWS]:
            connection.execute(text.replace("{app}", APP).replace("{n}", str(rows)).encode())
        connection.execute("VACUUM ANALYZE")
        for text in ddl.RELEASE:
            if fault := released(connection, text):
                raise AssertionError(fault)


def released(connection: Any, text: str) -> str:
    """What goes wrong when the release does this; its effects are undone."""
    import psycopg

    try:
        with connection.transaction(force_rollback=True):
            connection.execute(f"SET LOCAL ROLE {APP}")
            cursor = connection.execute(text)
            row = cursor.fetchone() if cursor.description else (True,)
    except psycopg.Error as fault:
        return f"{text[:50]}: {str(fault).splitlines()[0]}"
    return "" if row and row[0] is not False else f"{text[:50]}: no row"


def truth(server: Server, full: str, empty: str, case: Sequence[str]) -> Truth:
    """What the case does."""
    seconds, broken = held(server, full, case)
    return Truth(seconds, held(server, empty, case)[0], broken)


def held(server: Server, template: str, case: Sequence[str]) -> tuple[float, str]:
    """Run a case on a copy: how long locks were held that block, and the first thing of the release that breaks."""
    import psycopg

    name = "bench_copy"
    with psycopg.connect(server.home.conninfo, autocommit=True) as home:
        home.execute(f'CREATE DATABASE {name} TEMPLATE "{template}" STRATEGY file_copy')
        try:
            address = f"{server.home.conninfo.replace('dbname=postgres', '')} dbname={name}"
            with psycopg.connect(address) as work, psycopg.connect(address, autocommit=True) as other:
                seconds = sum(transaction(work, part) for part in parts(case))
                broken = next(filter(None, (released(other, text) for text in ddl.RELEASE)), "")
                return seconds, broken
        finally:
            home.execute(f"DROP DATABASE {name} WITH (FORCE)")


def parts(case: Sequence[str]) -> list[list[str]]:
    """The transactions of a case."""
    found: list[list[str]] = [[]]
    for text in case:
        if text.startswith("+"):
            found += [[text], []]
        else:
            found[-1].append(text)
    return [one for one in found if one]


def transaction(work: Any, texts: Sequence[str]) -> float:
    """Seconds from the first lock that blocks to the end; writes of whole tables count, since rows are locks too."""
    relations = [row[0] for row in work.execute("SELECT oid FROM pg_class WHERE oid >= 16384").fetchall()]
    files = dict(work.execute("SELECT oid, pg_relation_filenode(oid) FROM pg_class WHERE oid >= 16384").fetchall())
    work.commit()
    work.autocommit = texts[0].startswith("+")
    since, total = None, 0.0
    for text in texts:
        own = text.startswith("+")
        began = time.perf_counter()
        cursor = work.execute(text.removeprefix("+").replace("{app}", APP).encode())
        took = time.perf_counter() - began
        if own:
            total += took if blocks(work, text, files) else 0
            continue
        heavy = text.split()[0] in ("UPDATE", "DELETE") and cursor.rowcount > 5 and "fresh" not in text
        if since is None and (heavy or work.execute(_LOCKS, (relations,)).fetchone()[0]):
            since = began
    if since is not None:
        total += time.perf_counter() - since
    work.commit()
    return total


def blocks(work: Any, text: str, files: dict[int, int]) -> bool:
    """Of a statement that committed by itself no lock is left to see: the manual's words, and rewritten files."""
    now = dict(work.execute("SELECT oid, pg_relation_filenode(oid) FROM pg_class WHERE oid >= 16384").fetchall())
    rewritten = any(now.get(oid, file) != file for oid, file in files.items())
    return "CONCURRENTLY" not in text and (rewritten or "CREATE INDEX" in text)


def compare(server: Server, full: str, empty: str, squawk: Path) -> int:
    """Print the table's sums and every disagreement."""
    sums: dict[str, list[int]] = {}
    wrong = 0
    for number, case in enumerate(ddl.CASES):
        real = truth(server, full, empty, case)
        ours, theirs = asked(number, case), bare(squawk, case)
        row = sums.setdefault(real.word, [0, 0, 0])
        row[0] += 1
        row[1] += bool(ours)
        row[2] += bool(theirs)
        hazard = real.word in ("long", "breaking")
        if bool(ours) is not hazard:
            wrong += 1
        if bool(ours) is not hazard or bool(theirs) is not hazard:
            text = "; ".join(case)[:100]
            print(
                f"{real.word:<9} {real.full * 1000:6.0f} ms  ours: {', '.join(ours) or '-':<28} "
                f"squawk: {', '.join(theirs) or '-':<40} {text}  {real.broken[:90]}"
            )
    print(f"\n{'':<10} cases  ours  squawk")
    for word in ("long", "breaking", "short", "harmless"):
        cases, found, others = sums.get(word, [0, 0, 0])
        print(f"{word:<10} {cases:5}  {found:4}  {others:6}")
    print(f"wrong: {wrong} of {len(ddl.CASES)}")
    return 1 if wrong else 0


def asked(number: int, case: Sequence[str]) -> list[str]:
    """The rules by which the check flags the case, as the last revision of a small tree."""
    from runnable import INPUTS, Tree
    from support import Repository

    from deploy_gate.catalog import Catalog
    from deploy_gate.engine.child import guarded
    from deploy_gate.result import Status

    folder = Path(f"case{number}")
    folder.mkdir()
    os.chdir(folder)
    tree = Tree(Repository(Path.cwd()))
    role = f"> op.execute(\"DO 'BEGIN CREATE ROLE {APP}; EXCEPTION WHEN duplicate_object THEN END'\")"
    tree.add("schema", [role, *(one.replace("{app}", APP) for one in ddl.SCHEMA[1:])], "SELECT 1")
    tree.add("case", [step(one.replace("{app}", APP)) for one in case], "SELECT 1")
    inputs: dict[str, Any] = {**INPUTS, "last": 1, "acknowledged": [], "scratch_url": "BENCH_URL"}
    result = guarded(lambda: Catalog().get("migrations-safe").function(**inputs))
    os.chdir("..")
    if result.status is Status.ERROR:
        print(f"case {number}: {result.found}")
    return sorted({str(one["rule"]) for one in result.evidence}) or (["?"] if result.status is Status.ERROR else [])


def step(text: str) -> str:
    """A statement, in a block of its own where it commits by itself."""
    if not text.startswith("+"):
        return text
    return f">with op.get_context().autocommit_block():\n    op.execute({text[1:]!r})"


def bare(squawk: Path, case: Sequence[str]) -> list[str]:
    """The rules by which squawk alone flags the text, style left out."""
    path = Path("case.sql")
    path.write_text(";\n".join(one.removeprefix("+").replace("{app}", APP) for one in case) + ";\n")
    done = subprocess.run([squawk, "--reporter", "json", path], check=False, capture_output=True, text=True, timeout=60)
    return sorted({str(one["rule_name"]) for one in json.loads(done.stdout)} - STYLE)


if __name__ == "__main__":
    sys.exit(main())
