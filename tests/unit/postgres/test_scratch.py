"""The scratch server: there when asked for, alone in its folder, and gone afterwards whatever happened."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from support import ROOT

from deploy_gate import leftovers
from deploy_gate.engine.executor import Job, run_all
from deploy_gate.facts import deadline
from deploy_gate.postgres import scratch
from deploy_gate.postgres.address import Address
from deploy_gate.postgres.link import connected
from deploy_gate.postgres.scratch import Server
from deploy_gate.result import CouldNotTell, Result, Status, passed

HOLDER = """
import sys
sys.path.insert(0, sys.argv[1])
from deploy_gate.postgres import scratch
with scratch.server() as server, server.database("kept") as address:
    folder = address.parts["host"]
    print(folder, open(folder + "/data/postmaster.pid").readline().strip(), flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with scratch.server() as made:
        yield made


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place for private folders that no other run sweeps: that one may be deleting what we look for."""
    # Not under `tmp_path`: the server's user must reach it, by a short path.
    with tempfile.TemporaryDirectory(prefix="dg-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        monkeypatch.setenv("RUNNER_TEMP", folder)
        yield Path(folder)


def value(address: Address, query: str) -> object:
    with connected(address) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row
    return row[0]


def gone(pid: int) -> bool:
    """Whether a process ends, sooner or later."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    ended = select.select([handle], [], [], 20)[0]
    os.close(handle)
    return bool(ended)


def test_a_fresh_database_with_room_for_every_character(server: Server) -> None:
    with server.database("Möbel; DROP") as address:
        assert (
            value(address, "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()")
            == "UTF8"
        )
        assert value(address, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == 0
        name = str(value(address, "SELECT current_database()"))
    assert name.startswith("deploy_gate_m_bel_drop_")
    with pytest.raises(CouldNotTell, match="does not exist"), connected(address):
        pass


def test_two_databases_know_nothing_of_each_other(server: Server) -> None:
    with server.database("x") as one, server.database("x") as other:
        with connected(one) as connection:
            connection.execute("CREATE TABLE t ()")
        assert value(other, "SELECT to_regclass('t') IS NULL") is True


def test_a_database_goes_though_somebody_is_in_it(server: Server) -> None:
    with server.database("x") as address:
        guest = psycopg.connect(address.conninfo, autocommit=True)
    with pytest.raises(psycopg.OperationalError):
        guest.execute("SELECT 1")
    assert value(server.home, "SELECT count(*) FROM pg_database WHERE datname LIKE 'deploy_gate%'") == 0


def test_only_a_socket_that_nobody_else_reaches(server: Server) -> None:
    folder = Path(str(server.home.parts["host"]))
    assert len(f"{folder}/.s.PGSQL.5432") < 108
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert value(server.home, "SHOW listen_addresses") == ""
    assert server.programs is not None
    assert (server.programs / "pg_restore").is_file()


def test_nothing_is_left_when_the_block_is_left() -> None:
    with scratch.server() as made:
        folder = Path(str(made.home.parts["host"]))
        pid = int((folder / "data/postmaster.pid").read_text().split()[0])
    assert not folder.exists()
    assert not Path(f"/proc/{pid}").exists()


@pytest.fixture
def holder() -> Iterator[tuple[subprocess.Popen[str], Path, int]]:
    """Another process that holds a scratch server; the server's folder and process."""
    argv = [sys.executable, "-c", HOLDER, str(ROOT / "scripts")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        folder, pid = process.stdout.readline().split()
        yield process, Path(folder), int(pid)
        process.kill()


def test_a_parent_that_was_killed_leaves_neither_server_nor_folder(
    holder: tuple[subprocess.Popen[str], Path, int],
) -> None:
    process, folder, pid = holder
    lock = os.open(folder / "lock", os.O_RDWR)
    process.send_signal(signal.SIGKILL)
    assert gone(pid)
    # Given up by the last process that uses the folder: the supervisor, when its work is done.
    deadline.within(20, lambda: fcntl.flock(lock, fcntl.LOCK_EX))
    os.close(lock)
    assert not folder.exists()


def test_a_supervisor_that_was_killed_leaves_neither(holder: tuple[subprocess.Popen[str], Path, int]) -> None:
    process, folder, pid = holder
    supervisor = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(supervisor, signal.SIGKILL)
    assert process.stdin
    process.stdin.close()
    assert process.wait(20) == 0
    assert gone(pid)
    assert not folder.exists()


def test_a_check_that_the_engine_had_to_kill_leaves_neither(tmp_path: Path, alone: Path) -> None:
    def hang() -> Result:
        with scratch.server() as made:
            (tmp_path / "folder").write_text(str(made.home.parts["host"]))
            (tmp_path / "pid").write_text((Path(str(made.home.parts["host"])) / "data/postmaster.pid").read_text())
            os.kill(os.getppid(), signal.SIGTERM)
            signal.pause()
        return passed("never")

    outcome = run_all([Job("x", hang, 60, dict(os.environ))], 1, lambda *_: None)
    assert outcome.cancelled == "SIGTERM"
    assert outcome.results["x"].status is Status.ERROR
    assert gone(int((tmp_path / "pid").read_text().split()[0]))
    assert Path((tmp_path / "folder").read_text()).parent == alone
    assert not list(alone.iterdir())


def test_a_folder_in_use_is_not_swept(alone: Path) -> None:
    folder, lock = leftovers.make()
    assert folder.parent == alone
    leftovers.sweep()
    assert folder.is_dir()
    os.close(lock)
    leftovers.sweep()
    assert not folder.exists()


def test_no_server_to_be_had(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(scratch, "_VERSIONS", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CouldNotTell) as told, scratch.server():
        pass
    assert "there is no PostgreSQL server on this machine" in told.value.found
    assert "apt-get install postgresql" in told.value.fix
    assert "scratch-url" in told.value.fix


def test_programs_that_do_not_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    programs = tmp_path / "99" / "bin"
    programs.mkdir(parents=True)
    for name in ("initdb", "postgres"):
        (programs / name).write_text("#!/bin/sh\necho no space left >&2\nexit 1\n")
        (programs / name).chmod(0o755)
    for folder in (tmp_path, *[one for one in tmp_path.parents if len(one.parts) > 2]):
        folder.chmod(0o755)
    monkeypatch.setattr(scratch, "_VERSIONS", tmp_path)
    with pytest.raises(CouldNotTell, match="initdb failed: no space left"), scratch.server():
        pass


def test_a_server_behind_a_url(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    host = str(server.home.parts["host"])
    with connected(server.home) as connection:
        connection.execute("CREATE ROLE maker LOGIN CREATEDB")
        connection.execute("CREATE ROLE guest LOGIN")
    monkeypatch.setenv("SCRATCH_URL", f"postgresql+asyncpg://maker@/postgres?host={host}")
    with scratch.server("SCRATCH_URL") as given, given.database("x") as address:
        assert given.programs is None
        assert value(address, "SELECT current_user") == "maker"
    monkeypatch.setenv("SCRATCH_URL", f"postgresql://guest@/postgres?host={host}")
    with (
        pytest.raises(CouldNotTell, match="its user guest may not create databases") as told,
        scratch.server("SCRATCH_URL"),
    ):
        pass
    assert "ALTER ROLE guest CREATEDB" in told.value.fix
    monkeypatch.delenv("SCRATCH_URL")
    with pytest.raises(CouldNotTell, match="SCRATCH_URL is not set"), scratch.server("SCRATCH_URL"):
        pass
