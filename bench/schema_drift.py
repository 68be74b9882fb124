"""Recall, false alarms and time of schema-drift beside what a user would pick instead, all in one run.

`python3 bench/schema_drift.py [--tables 1000,10000] [--cases 400]`. The cases are those of the tests; the peers are
alembic's compare_metadata, migra, and a diff of two `pg_dump --schema-only` without comments and order.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

from deploy_gate import bootstrap  # noqa: E402 - found by the line above

if __name__ == "__main__" and Path(sys.prefix).resolve() != bootstrap.ensure("dev").resolve():
    python = bootstrap.python(bootstrap.ensure("dev"))
    sys.exit(subprocess.call([python, __file__, *sys.argv[1:]]))

import schema_pairs  # noqa: E402 - only there in the environment that was just entered
from schema_cases import Case  # noqa: E402

from deploy_gate.postgres import scratch  # noqa: E402
from deploy_gate.postgres.address import Address  # noqa: E402
from deploy_gate.postgres.catalog import compare  # noqa: E402
from deploy_gate.postgres.scratch import Server  # noqa: E402

Tool = Callable[[Address, Address], bool | None]


def ours(left: Address, right: Address) -> bool:
    """Whether we tell a difference."""
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(schema_pairs.read, (left, right))
    return any(found.level == "difference" for found in compare(one, other))


def dumps(server: Server) -> Tool:
    """Whether the dumps of both schemas differ as sets of lines."""

    def lines(address: Address) -> list[str]:
        assert server.programs
        command = [str(server.programs / "pg_dump"), "--schema-only", "-d", address.conninfo]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        text = text.replace(str(address.parts["dbname"]), "DATABASE")
        return sorted(line for line in text.splitlines() if not re.match(r"--|\\(un)?restrict|\s*$", line))

    def differs(left: Address, right: Address) -> bool:
        with ThreadPoolExecutor(2) as pool:
            one, other = pool.map(lines, (left, right))
        return one != other

    return differs


@contextmanager
def peers() -> Iterator[dict[str, Tool]]:
    """alembic and migra, in one process of their own environment."""
    python = bootstrap.python(bootstrap.ensure("peers"))
    command: list[str | Path] = [python, "-W", "ignore", Path(__file__).with_name("drift_peers.py")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:

        def ask(tool: str) -> Tool:
            def differs(left: Address, right: Address) -> bool | None:
                assert child.stdin
                assert child.stdout
                child.stdin.write(json.dumps({"tool": tool, "left": url(left), "right": url(right)}) + "\n")
                child.stdin.flush()
                answer: bool | None = json.loads(child.stdout.readline())["differs"]
                return answer

            return differs

        yield {"alembic": ask("alembic"), "migra": ask("migra")}
        assert child.stdin
        child.stdin.close()


def url(address: Address) -> str:
    """An address on a socket as SQLAlchemy takes it."""
    parts = address.parts
    return f"postgresql://{parts['user']}@/{parts['dbname']}?host={quote(str(parts['host']), safe='')}"


def judge_cases(server: Server, tools: dict[str, Tool], cases: list[Case]) -> None:
    """Each tool on each case, in databases of its own."""
    missed: dict[str, list[str]] = {name: [] for name in tools}
    alarmed: dict[str, list[str]] = {name: [] for name in tools}
    broke = dict.fromkeys(tools, 0)
    for case in cases:
        with schema_pairs.pair(server, case) as (left, right):
            for name, tool in tools.items():
                answer = tool(left, right)
                broke[name] += answer is None
                if bool(answer) != bool(case.told):
                    (missed if case.told else alarmed)[name].append(case.name)
    differing = sum(bool(case.told) for case in cases)
    print(f"\n{len(cases)} cases: {differing} differ, {len(cases) - differing} do not\n")
    print(f"{'tool':<14}{'found':>8}{'false alarms':>14}{'broke off':>11}")
    for name in tools:
        found = 100 * (differing - len(missed[name])) / max(differing, 1)
        print(f"{name:<14}{found:>7.1f}%{len(alarmed[name]):>14}{broke[name]:>11}")
    for kind, lists in (("missed", missed["ours"]), ("false alarm", alarmed["ours"])):
        for one in lists:
            print(f"ours, {kind}: {one}")


def measure_size(server: Server, tools: dict[str, Tool], tables: int) -> None:
    """Two databases of so many tables of 20 columns, one column different."""
    columns = ", ".join(f"c{n} {kind}" for n, kind in zip(range(20), COLUMNS * 4, strict=True))
    with server.database("left") as left, server.database("right") as right:
        for address in (left, right):
            for start in range(0, tables, 500):
                end = min(start + 500, tables) - 1
                make = f"for n in {start}..{end} loop execute format('create table t%s ({columns})', n); end loop"
                schema_pairs.execute(address, f"do $$begin {make}; end$$")
            schema_pairs.execute(address, "analyze pg_catalog.pg_class, pg_catalog.pg_attribute, pg_catalog.pg_attrdef")
        schema_pairs.execute(right, f"alter table t{tables // 2} alter c2 set default 7")
        print(f"\n{tables} tables of 20 columns")
        base = 0.0
        for name, tool in tools.items():
            started = time.perf_counter()
            answer = tool(left, right)
            seconds = time.perf_counter() - started
            base = base or seconds
            print(
                f"{name:<14}{seconds:>8.2f} s{seconds / base:>8.1f} x   {'found it' if answer else 'missed it'}",
                flush=True,
            )


COLUMNS = ["int not null", "text default ''x''", "numeric(10,2) default 0", "timestamptz default now()", "varchar(20)"]


def main() -> None:
    """Both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", default="1000,10000")
    parser.add_argument("--cases", type=int, default=len(schema_pairs.CASES))
    options = parser.parse_args()
    with scratch.server() as server, peers() as others:
        tools: dict[str, Tool] = {"ours": ours, **others, "pg_dump": dumps(server)}
        judge_cases(server, tools, schema_pairs.CASES[: options.cases])
        for tables in map(int, filter(None, options.tables.split(","))):
            measure_size(server, tools, tables)


if __name__ == "__main__":
    main()
