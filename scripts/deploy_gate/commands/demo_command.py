"""`demo`: the product on real input: a shop, its database, an S3 server, and its workflow under a local runner."""

from __future__ import annotations

import json
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import NoReturn

from deploy_gate import arguments, bootstrap, descendants, process
from deploy_gate.report.answer import coloured, paint
from deploy_gate.result import CouldNotTell
from deploy_gate.workbench import act, services, shop, stage
from deploy_gate.workbench.tls import https

WORKFLOW = "gate.yml"
JOBS = ("code", "rest")
BROKEN = "erp/services/pricing.py"
FAULTS = {
    "lint": "an import that nothing uses",
    "types": "a text where a number was promised",
    "backup-fresh": "a backup that is 47 minutes old",
    "schema-parity": "an index that somebody made by hand in production",
}


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything that stands while the demonstration runs."""

    shop: shop.Shop
    stage: act.Stage
    objects: Path
    dump: bytes
    database: services.Database


def run(argv: list[str]) -> int:
    """Show a green run, then one with four faults; exit 1 when the gate saw anything else than those four."""
    parser = arguments.Parser("demo", "Run the example shop's workflow for real: first all is well, then four faults.")
    parser.add_argument("--output", type=Path, default=Path("deploy-gate-demo"), help="folder for the reports")
    output = parser.parse(argv).output.absolute()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    descendants.adopt_orphans()
    try:
        return _run(output)
    finally:
        descendants.kill_adopted()


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    """End as Ctrl-C does, so that every server is ended too."""
    raise KeyboardInterrupt


def _run(output: Path) -> int:
    with tempfile.TemporaryDirectory(prefix="deploy-gate-demo-") as scratch, bench(Path(scratch)) as stands:
        _say("first run, all is well; about a minute, most of it installing the shop's packages")
        green = _show("green", stands, output)
        _say("second run, with four faults: " + "; ".join(FAULTS.values()))
        break_it(stands)
        red = _show("red", stands, output)
    return _conclude(green, red, output)


@contextmanager
def bench(scratch: Path) -> Iterator[Bench]:
    """Export this commit, start the servers, build the shop and its first backup."""
    with ExitStack() as stack:
        _say("exporting this commit as tsh/deploy-gate@v1")
        staged = stage.export(bootstrap.ROOT, scratch / "gate")
        _say("starting PostgreSQL, Redis, an S3 server and a TLS server on loopback")
        database = stack.enter_context(services.postgres(scratch / "postgres"))
        redis = stack.enter_context(services.redis())
        objects = scratch / "objects"
        objects.mkdir()
        bucket = stack.enter_context(services.s3(objects))
        front = stack.enter_context(https(scratch / "certificates"))
        asked = database.run("psql", "-Atc", "SELECT system_identifier FROM pg_control_system()")
        addresses = {"7400000000000000001": asked.out.strip()}
        addresses |= {"http://127.0.0.1:9000": bucket.url, "https://127.0.0.1:8443": front.url}
        made = shop.create(scratch / "erp", addresses, front.authority)
        _say("migrating and backing up the shop's database")
        dump = _backup(made, database, scratch)
        shop.put_backup(objects, dump, timedelta(minutes=3))
        variables = {"TEST_DATABASE_URL": database.url("erp_test", "psycopg"), "TEST_REDIS_URL": redis}
        environment = {"FORCE_COLOR": "1"} if coloured(sys.stdout) else {}
        hidden = {**bucket.environment, "STAGING_DATABASE_URL": database.url("erp", "psycopg")}
        hidden |= {"PRODUCTION_DATABASE_URL": database.url("erp_production", "psycopg")}
        where = act.Stage(scratch / "run", staged.references, hidden, variables, environment)
        yield Bench(made, where, objects, dump, database)


def _backup(made: shop.Shop, database: services.Database, scratch: Path) -> bytes:
    """The shop's own migrations and test data in a real database, dumped the way a backup job would."""
    database.run("psql", "-qc", "create database erp")
    database.run("psql", "-qc", "create database erp_test")
    python = bootstrap.python(bootstrap.ensure_lock("erp", shop.EXAMPLE / "requirements.txt"))
    env = {"DATABASE_URL": database.url("erp", "psycopg"), "PYTHONDONTWRITEBYTECODE": "1"}
    env |= {"SECRET_KEY": secrets.token_hex(32), "SEED_PASSWORD": secrets.token_hex(16)}
    for command in (["alembic", "upgrade", "head"], ["erp.seed"]):
        done = process.run([python, "-m", *command], timeout=120, cwd=made.path, env=env)
        if done.code:
            raise CouldNotTell(f"{command[0]} of the shop failed: {done.last_words()}", "see examples/erp/README.md")
    database.run("psql", "-qc", "create database erp_production template erp")
    dump = scratch / "erp.dump"
    database.run("pg_dump", "--format=custom", f"--file={dump}", database="erp")
    return dump.read_bytes()


def break_it(stands: Bench) -> None:
    """Put the four faults in: two in the code, one in the bucket, one in a database."""
    stands.shop.replace(BROKEN, "from decimal import", "import os\nfrom decimal import")
    stands.shop.append(BROKEN, '\n\nSMALLEST_ORDER: int = "ten"\n')
    stands.shop.commit("chore: four faults, two of them outside of this repository")
    shop.put_backup(stands.objects, stands.dump, timedelta(minutes=47))
    patch = "create index by_hand on orders (created_at)"
    stands.database.run("psql", "-qc", patch, database="erp_production")


def _show(name: str, stands: Bench, output: Path) -> list[dict[str, str]]:
    """Run the workflow, print each job's table, keep its report; returns the items of all jobs."""
    where = replace(stands.stage, scratch=stands.stage.scratch / name)
    where.scratch.mkdir(parents=True)
    done = act.run(stands.shop.path, WORKFLOW, where)
    items: list[dict[str, str]] = []
    for job in JOBS:
        if job not in done.jobs or not (done.artifact(f"report-{job}") / "report.json").exists():
            log = "\n".join(line for one in done.jobs.values() for line in one.log[-15:])
            raise CouldNotTell(f"job '{job}' left no report: {done.said[-500:]}\n{log}", "read the log above")
        print("\n".join(_table(done.jobs[job].log)))
        folder = output / f"{name}-{job}"
        shutil.copytree(done.artifact(f"report-{job}"), folder, dirs_exist_ok=True)
        items += json.loads((folder / "report.json").read_text())["items"]
    return items


def _table(log: list[str]) -> Iterator[str]:
    """The table that the gate printed, without the progress before it."""
    start = next((place for place, line in enumerate(log) if not line.strip()), 0)
    yield from log[start:]


def _conclude(green: list[dict[str, str]], red: list[dict[str, str]], output: Path) -> int:
    bad = ("failed", "error")
    first, second = (sorted(item["id"] for item in items if item["status"] in bad) for items in (green, red))
    for name in ("green", "red"):
        for job in JOBS:
            _say(f"report of the {name} run, job {job}: {output / f'{name}-{job}' / 'report.html'}")
    if first or second != sorted(FAULTS):
        _say(f"not as it should be: red first {first or 'nothing'}, then {second}, expected {sorted(FAULTS)}")
        return 1
    _say(f"as it should be: nothing red first, then exactly {', '.join(second)}")
    return 0


def _say(text: str) -> None:
    print(paint(f"demo: {text}", "1", coloured(sys.stdout)), flush=True)
