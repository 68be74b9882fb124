"""A PostgreSQL to break things on: a service container by its URL, else a cluster of our own that leaves nothing.

The cluster listens on a UNIX socket in a private folder alone, so that nothing else on the machine or the network
reaches it. See `supervisor` for how it ends with us, whatever ends us.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import secrets
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deploy_gate import leftovers, process
from deploy_gate.postgres import address, supervisor
from deploy_gate.postgres.address import Address
from deploy_gate.postgres.link import connected, said
from deploy_gate.result import CouldNotTell, brief, one_line

if TYPE_CHECKING:
    from deploy_gate.postgres.link import Connection

LABEL = "the scratch PostgreSQL"
_UNPRIVILEGED = "nobody"
_START_SECONDS = 60
_END_SECONDS = 15
_PROGRAMS = ("initdb", "postgres")
_VERSIONS = Path("/usr/lib/postgresql")
_HINT = re.compile(r"[^a-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL server on which databases may be made; `programs` holds its client programs, None behind a URL."""

    home: Address
    programs: Path | None
    label: str

    @contextmanager
    def database(self, hint: str) -> Iterator[Address]:
        """A fresh, empty UTF-8 database with a random name, dropped when the block is left, whoever still uses it."""
        name = f"deploy_gate_{_HINT.sub('_', hint.lower())[:20]}_{secrets.token_hex(6)}"
        with connected(self.home) as connection:
            _create(connection, name, self.home)
        try:
            yield Address(self.label, _inside(self.home, name))
        finally:
            with suppress(CouldNotTell), connected(self.home) as connection:
                _drop(connection, name)


@contextmanager
def server(url_variable: str = "") -> Iterator[Server]:
    """The server behind the URL in the environment variable `url_variable`, if one is named, else one of our own.

    CouldNotTell when there is none to be had, or its user may not create databases.
    """
    if url_variable:
        home = address.of(url_variable)
        with connected(home) as connection:
            _may_create(connection, home)
        yield Server(home, None, url_variable)
        return
    programs = find_programs()
    user = _other_user()
    folder, lock = leftovers.make(user)
    try:
        with _supervised(folder, programs, user, lock):
            conninfo = f"host='{folder}' user=postgres dbname=postgres"
            yield Server(Address(LABEL, conninfo), programs, LABEL)
    finally:
        leftovers.remove(folder, lock)


def find_programs() -> Path:
    """The folder of this machine's newest server programs; CouldNotTell, with what to install, when there are none."""
    versions = sorted(_VERSIONS.glob("*/bin"), key=lambda one: _number(one.parent.name), reverse=True)
    candidates = (*versions, *_configured())
    found = next((one for one in candidates if all((one / name).is_file() for name in _PROGRAMS)), None)
    if found is None:
        raise CouldNotTell(
            f"there is no PostgreSQL server on this machine (looked in {_VERSIONS} and asked pg_config)",
            "run `apt-get install postgresql`, or start a service container and name the environment variable that"
            " holds its URL in the input `scratch-url`",
        )
    return found


def _number(version: str) -> float:
    try:
        return float(version)
    except ValueError:
        return 0.0


def _configured() -> Iterator[Path]:
    if program := shutil.which("pg_config"):
        done = process.run([program, "--bindir"], timeout=10)
        if not done.code and done.out.startswith("/"):
            yield Path(done.out.strip())


def _other_user() -> int | None:
    """PostgreSQL refuses to run as root: then `nobody` runs it."""
    return pwd.getpwnam(_UNPRIVILEGED).pw_uid if os.geteuid() == 0 else None


@contextmanager
def _supervised(folder: Path, programs: Path, user: int | None, lock: int) -> Iterator[None]:
    argv = [sys.executable, "-I", "-S", supervisor.__file__, str(folder), str(programs)]
    child = subprocess.Popen(
        [*argv, "" if user is None else str(user), str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=process.allowed_environment(),
        cwd="/",
        pass_fds=(lock,),
        start_new_session=True,
    )
    with child:
        try:
            _wait_for(child)
            yield
        finally:
            _end(child)


def _wait_for(child: subprocess.Popen[bytes]) -> None:
    if child.stdout is None:
        raise AssertionError
    ready = select.select([child.stdout], [], [], _START_SECONDS)[0]
    line = child.stdout.readline() if ready else b""
    answer = json.loads(line) if line else {"failed": f"it was not ready within {_START_SECONDS} s"}
    if "ready" not in answer:
        fix = "start a service container instead, and name the variable that holds its URL in the input `scratch-url`"
        raise CouldNotTell(f"{LABEL} could not be started: {one_line(str(answer['failed']), 300)}", fix)


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.stdin:
        child.stdin.close()
    try:
        child.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


def _may_create(connection: Connection, home: Address) -> None:
    row = connection.execute(
        "SELECT rolsuper OR rolcreatedb, rolname FROM pg_catalog.pg_roles WHERE rolname = current_user"
    ).fetchone()
    if row and not row[0]:
        found = f"{home.label}: its user {brief(str(row[1]))} may not create databases"
        raise CouldNotTell(found, f"run `ALTER ROLE {brief(str(row[1]))} CREATEDB` there, or name another user")


def _create(connection: Connection, name: str, home: Address) -> None:
    import psycopg
    from psycopg import sql

    words = ""
    # The second way is for a server whose own locale does not go with UTF-8.
    for more in ("", " LC_COLLATE 'C' LC_CTYPE 'C'"):
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'" + more)
        try:
            connection.execute(statement.format(sql.Identifier(name)))
        except psycopg.errors.InvalidParameterValue as fault:
            words = said(fault)
        else:
            return
    raise CouldNotTell(f"{home.label}: no UTF-8 database can be made there: {words}", "use another server")


def _drop(connection: Connection, name: str) -> None:
    from psycopg import sql

    force = " WITH (FORCE)" if connection.info.server_version >= 130000 else ""
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}" + force).format(sql.Identifier(name)))


def _inside(home: Address, database: str) -> str:
    from psycopg.conninfo import make_conninfo

    return make_conninfo(home.conninfo, dbname=database)
