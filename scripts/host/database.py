"""PostgreSQL through a configured `psql`: a question, and one session that holds an advisory lock."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from host.files import append_to
from host.machine import Machine
from host.processes import environment, run
from host.trouble import BUSY, UNKNOWN, Trouble

_QUIET = ("-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1")
KEY = 0x510_7500
# Of a statement two words, no more: it may hold a password.
_AT_WORK = (
    "SELECT format('process %s %s for %s s (%s)', pid, state, round(extract(epoch FROM now() - "
    "coalesce(xact_start, state_change, now()))), substring(query FROM '[[:alpha:]]+(?:[[:space:]]+[[:alnum:]_.]+)?')) "
    "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle' "
    "ORDER BY xact_start LIMIT 10"
)


def ask(machine: Machine, sql: str, env: Mapping[str, str] | None = None) -> str:
    """What one statement answers."""
    argv = [*machine.settings.commands.psql, *_QUIET, "-c", sql]
    # Warnings (a collation that changed, a psql that is older) are no part of the answer.
    ended = run(argv, 15, machine.log_file("psql"), env, errors=machine.log_file("psql-errors"))
    if not ended.good:
        raise Trouble(
            f"psql {ended.why()}",
            "the database does not answer, or the connection in commands.psql is wrong",
            "run commands.psql by hand on this host",
            UNKNOWN,
        )
    return ended.said.strip()


def numbers(machine: Machine, *names: str) -> list[int]:
    """Settings of the server as numbers; a name with a minus comes back negative."""
    return [(-1 if name[0] == "-" else 1) * int(ask(machine, f"SHOW {name.lstrip('-')}")) for name in names]


def bounds(machine: Machine) -> dict[str, str]:
    """What makes libpq set `lock_timeout` in every session of a child."""
    return {"PGOPTIONS": f"-c lock_timeout={machine.settings.limits.lock_timeout * 1000:.0f}ms"}


def read_back(machine: Machine) -> str:
    """`lock_timeout` as a session with our bounds sees it; Trouble when the setting did not arrive."""
    wanted = machine.settings.limits.lock_timeout * 1000
    told = ask(machine, "SELECT setting FROM pg_settings WHERE name = 'lock_timeout'", bounds(machine))
    if told != f"{wanted:.0f}":
        raise Trouble(
            f"lock_timeout is {told} ms in a session of ours, {wanted:.0f} ms was asked for",
            "a connection pooler between here and the database drops the setting",
            "let commands.psql and the migration connect to the database directly",
        )
    return f"{told} ms"


def at_work(machine: Machine) -> str:
    """The sessions of this database that are not idle: process, state, seconds, first words of the statement."""
    return "; ".join(line for line in ask(machine, _AT_WORK).splitlines() if line) or "no session is at work"


@contextmanager
def advisory_lock(machine: Machine) -> Iterator[None]:
    """Hold the migration lock in one session, for as long as the block takes; it ends with that session."""
    argv = [*machine.settings.commands.psql, *_QUIET]
    errors = machine.log_file("psql-errors")
    with (
        append_to(errors) as err,
        subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err, env=environment(bounds(machine))
        ) as session,
    ):
        try:
            told = _say(session, f"SELECT 'lock ' || pg_try_advisory_lock({KEY});", 15)
            if told != "lock true":
                raise Trouble(
                    f"another migration holds the lock of this database ({told or f'no answer, see {errors}'})",
                    "another deployment migrates right now, or an old session of psql was left open",
                    "wait for it; `SELECT * FROM pg_locks WHERE locktype = 'advisory'` shows its session",
                    BUSY if told == "lock false" else UNKNOWN,
                )
            yield
            if _say(session, "SELECT 'held';", 15) != "held":
                raise Trouble(
                    "the session that held the migration lock ended too early",
                    "the database was restarted, or the connection was cut; the migration may have run beside another",
                    "compare the live revision with the expected one before you go on",
                )
        finally:
            if session.stdin is not None:
                with suppress(OSError):
                    session.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                session.wait(5)
            session.kill()


def _say(session: subprocess.Popen[bytes], sql: str, seconds: float) -> str:
    """Send a statement, return the first line that comes back; empty when none comes in time."""
    if session.stdin is None or session.stdout is None:
        raise AssertionError
    with suppress(OSError):
        session.stdin.write(sql.encode() + b"\n")
        session.stdin.flush()
    line, until = b"", time.monotonic() + seconds
    with selectors.DefaultSelector() as waiting:
        waiting.register(session.stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n") and waiting.select(max(0.0, until - time.monotonic())):
            more = os.read(session.stdout.fileno(), 1)
            if not more:
                break
            line += more
    return line.decode(errors="replace").strip()
