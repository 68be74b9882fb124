"""The example ERP, running: uvicorn over PostgreSQL and Redis on loopback, its faults switched by a file."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from deploy_gate import bootstrap, process
from deploy_gate.result import CouldNotTell
from deploy_gate.workbench import services
from deploy_gate.workbench.server import running
from deploy_gate.workbench.services import Database
from deploy_gate.workbench.shop import EXAMPLE

APPLICATION = "erp.app:create_app"
# A password hash bears its own cost: cheap ones make log-ins cheap, and nothing else different.
_SEED = """
from argon2 import PasswordHasher
from erp import seed
from erp.services import passwords
passwords.hasher = lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
raise SystemExit(seed.main())
"""


@dataclass(frozen=True, slots=True)
class Erp:
    """A running ERP; every seeded account has the same password."""

    url: str
    database: Database
    redis: str
    password: str
    switch: Path

    def set_faults(self, *names: str) -> None:
        """Switch exactly these faults on, from the next request on."""
        fresh = self.switch.with_suffix(".new")
        fresh.write_text(",".join(names), encoding="utf-8")
        fresh.replace(self.switch)


def interpreter() -> Path:
    """An environment with what the ERP needs to run, built once for each state of its lock."""
    return bootstrap.python(bootstrap.ensure_lock("erp", EXAMPLE / "requirements.txt"))


@contextmanager
def serving(folder: Path, application: str = APPLICATION, **settings: str) -> Iterator[Erp]:
    """A seeded ERP with a PostgreSQL server of its own; see `over`."""
    with services.postgres(folder / "pg") as database, over(database, folder, application, **settings) as found:
        yield found


@contextmanager
def over(database: Database, folder: Path, application: str = APPLICATION, **settings: str) -> Iterator[Erp]:
    """A seeded ERP on a free port, in a new database `erp` of a server; its files lie in `folder`.

    `application` may name another factory, in a module in `folder`, that wraps the real one; `settings` are further
    variables of its environment.
    """
    command: list[str | Path] = [interpreter(), "-m", "uvicorn", "--factory", application, "--port", "0"]
    with prepared(database, folder, **settings) as (found, env), ExitStack() as stack:
        said = stack.enter_context(running(command, r"running on (http://[0-9.:]+)", env=env, timeout=120))
        yield replace(found, url=said[1])


@contextmanager
def prepared(database: Database, folder: Path, **settings: str) -> Iterator[tuple[Erp, dict[str, str]]]:
    """All of it but the application, so without an address; and the environment that the application wants."""
    with services.redis() as redis, ExitStack() as stack:
        database.run("psql", "-qc", "create database erp")
        stack.callback(database.run, "psql", "-qc", "drop database erp with (force)")
        password, switch = secrets.token_hex(12), folder / "faults"
        env = {"DATABASE_URL": database.url("erp", "psycopg"), "REDIS_URL": redis, "SEED_PASSWORD": password}
        env |= {"SECRET_KEY": secrets.token_hex(32), "ERP_FAULTS_FILE": str(switch), "LOGIN_RATE_LIMIT": "1000"}
        env |= {"ENVIRONMENT": "test", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": f"{folder}{os.pathsep}{EXAMPLE}"}
        env |= settings
        _prepare(interpreter(), env)
        yield Erp("", database, redis, password, switch), env


def _prepare(python: Path, env: dict[str, str]) -> None:
    """Migrate and seed."""
    for command in (["-m", "alembic", "upgrade", "head"], ["-c", _SEED]):
        done = process.run([python, *command], timeout=120, cwd=EXAMPLE, env=env)
        if done.code:
            raise CouldNotTell(f"the ERP cannot be prepared: {done.last_words()}", "see examples/erp/README.md")
