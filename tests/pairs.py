"""Two servers on loopback that are alike until a test makes them differ: real ssh servers, programs of the test's own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy_gate.workbench import erp
from deploy_gate.workbench.sshd import Sshd, sshd

ID = "1f" * 32
SETTINGS = "# of the shop\nREDIS_URL=redis://cache:6379/0\nSECRET_KEY='of one side'\nDEBUG=false\nEMPTY=\n"
PROGRAMS: Mapping[str, str] = {
    "redis-server": "echo 'Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1'",
    "nginx": """echo 'nginx version: nginx/1.22.1' >&2
[ "$1" = -V ] && echo "configure arguments: --with-http_ssl_module --add-dynamic-module=/build/echo-module/" >&2
exit 0""",
    "psql": "echo 'psql (PostgreSQL) 15.9'",
    "crontab": """printf '# mine\\n0 3 * * *   backup --token c0ffee\\n'""",
    "systemctl": "echo 'backup.timer enabled enabled'",
    "docker": f"""case "$*" in
--version) echo 'Docker version 27.3.1, build ce12230';;
version*) echo 27.3.1;;
"compose version"*) echo v2.29.7;;
ps*) echo {ID};;
inspect*) printf '"erp-blue" "backend" "sha256:{"ab" * 32}" "erp/backend:7"\\n';;
*) exit 1;;
esac""",
}


@dataclass
class Machine:
    """One of the two."""

    door: Sshd
    home: Path

    @property
    def env_file(self) -> Path:
        return self.home / "app.env"

    def program(self, name: str, body: str) -> None:
        """Put a program of that name first on the path there."""
        path = self.home / "bin" / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def reset(self) -> None:
        """As it was in the beginning."""
        for path in (self.home / "bin").iterdir():
            path.unlink()
        for name, body in PROGRAMS.items():
            self.program(name, body)
        self.env_file.write_text(SETTINGS)


@dataclass
class Pair:
    """Production and staging."""

    production: Machine
    staging: Machine

    @property
    def inputs(self) -> dict[str, str]:
        """What a check on both wants to know."""
        return {
            "host": self.production.door.host,
            "staging_host": self.staging.door.host,
            "host_keys": self.production.door.pins + self.staging.door.pins,
            "env_files": str(self.production.env_file),
            "staging_env_files": str(self.staging.env_file),
        }

    @property
    def keys(self) -> dict[str, str]:
        """The variables with the keys that log in."""
        return {"SSH_PRIVATE_KEY": self.production.door.key, "STAGING_SSH_PRIVATE_KEY": self.staging.door.key}


@contextmanager
def running() -> Iterator[Pair]:
    """Up until the block is left. Not below pytest's own folder, as paths of sockets are short."""
    with ExitStack() as stack:
        machines = []
        for _ in range(2):
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pair-")))
            (home / "bin").mkdir()
            settings = f"HOME={home} PATH={home}/bin:/usr/local/bin:/usr/bin:/bin TZ=Asia/Baghdad"
            machines.append(Machine(stack.enter_context(sshd(home, SetEnv=settings)), home))
        yield Pair(*machines)


def interpreter() -> str:
    """A Python with the ERP's packages, and so with pydantic-settings."""
    return str(erp.interpreter())
