"""A server to look at: a real sshd, a real nginx, two slots, and the host program, all on loopback."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fleet import PATIENT
from slots.world import World, world

from deploy_gate.workbench.sshd import Sshd, sshd

SH = ("sh", "-c")


@dataclass(frozen=True)
class Server:
    """The host, and how to reach it."""

    world: World
    door: Sshd
    programs: Path
    """A folder that is first on the path of whoever logs in."""

    @property
    def inputs(self) -> dict[str, str]:
        """What every check on a host wants to know."""
        return {"host": self.door.host, "config": str(self.world.config)}

    def program(self, name: str, body: str) -> None:
        """Put a program of that name on the path there."""
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)


@contextmanager
def serving() -> Iterator[Server]:
    """Up until the block is left. Not below pytest's own folder: nginx's workers could not enter that."""
    with tempfile.TemporaryDirectory(prefix="slots-") as folder, tempfile.TemporaryDirectory(prefix="home-") as home:
        programs = Path(home) / "bin"
        programs.mkdir()
        settings = f"HOME={home} PATH={programs}:/usr/local/bin:/usr/bin:/bin"
        with world(Path(folder), **PATIENT) as here, sshd(Path(home), SetEnv=settings) as door:
            yield Server(here, door, programs)
