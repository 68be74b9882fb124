"""A docker daemon of its own for a demonstration or a test: nothing of it is shared, nothing of it stays.

It runs in its own PID and mount namespace: when whoever started it dies, the kernel ends daemon, containerd and every
container, and their mounts are gone with it. A bridge and control groups live outside; they bear the number of the
process they are for, and the next daemon takes away those of processes that are gone.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from deploy_gate import leftovers, process
from deploy_gate.process import Finished
from deploy_gate.result import CouldNotTell
from deploy_gate.workbench import packages
from deploy_gate.workbench.bridge import bridge
from deploy_gate.workbench.server import running

_STORAGE = ("overlay2", "vfs")
# A containerd of the machine's own is hidden, so that the daemon starts another below itself.
_INIT = 'mkdir -p /run/containerd && mount -t tmpfs tmpfs /run/containerd && exec "$@"'
_CLIENTS = ("/usr/bin/docker", "/usr/local/bin/docker")


@dataclass(frozen=True, slots=True)
class Docker:
    """A running daemon: its folder (`bin`, `config`), the storage it uses, and how it is talked to."""

    folder: Path
    storage: str

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs so that `docker` is this one; the classic builder, since that needs no registry."""
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        config = str(self.folder / "config")
        return {"DOCKER_HOST": self.address, "DOCKER_CONFIG": config, "DOCKER_BUILDKIT": "0", "PATH": path}

    @property
    def address(self) -> str:
        """Of its socket."""
        return f"unix://{self.folder / 's'}"

    def run(self, *args: str, stdin: bytes | IO[bytes] = b"", timeout: float = 120, **env: str) -> Finished:
        """Run the client, whatever comes of it."""
        argv: list[str | Path] = [self.folder / "bin" / "docker", *args]
        return process.run(argv, timeout=timeout, stdin=stdin, env={**self.environment, **env})

    def ask(self, *args: str, stdin: bytes | IO[bytes] = b"", timeout: float = 120, **env: str) -> str:
        """What the client prints; CouldNotTell when it fails."""
        done = self.run(*args, stdin=stdin, timeout=timeout, **env)
        if done.code:
            raise CouldNotTell(f"docker {args[0]} failed: {done.last_words()}", f"run docker {args[0]} by hand")
        return done.out.strip()


@contextmanager
def dockerd() -> Iterator[Docker]:
    """A new, empty daemon without a way out to the network; CouldNotTell where none can be started.

    Its ports are published on loopback as ever, since that is the machine's own.
    """
    if os.geteuid() != 0:
        raise CouldNotTell("a docker daemon of its own needs root", "run this as root, on a machine of its own")
    server, unshare = packages.ensure("dockerd"), packages.ensure("unshare")
    with _folder() as folder, bridge() as (link, pool):
        words: list[str | Path] = [
            *(unshare, "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
            *("sh", "-c", _INIT, "init", server),
            *("--host", f"unix://{folder / 's'}", "--pidfile", folder / "pid"),
            *("--data-root", folder / "data", "--exec-root", folder / "exec", "--config-file", _config(folder)),
            *("--bridge", link, "--default-address-pool", f"base={pool},size=27", "--cgroup-parent", f"/{link}"),
            *("--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false"),
        ]
        with _first_that_runs(words, folder) as storage:
            docker = Docker(folder, storage)
            _client(docker)
            try:
                yield docker
            finally:
                _end(docker)


@contextmanager
def _folder() -> Iterator[Path]:
    leftovers.sweep()
    folder, lock = leftovers.make()
    try:
        yield folder
    finally:
        leftovers.remove(folder, lock)


@contextmanager
def _first_that_runs(words: list[str | Path], folder: Path) -> Iterator[str]:
    troubles = []
    for storage in _STORAGE:
        try:
            with _started([*words, "--storage-driver", storage]):
                yield storage
                return
        except _NotUp as fault:
            troubles.append(f"{storage}: {fault.found}")
            shutil.rmtree(folder / "data", ignore_errors=True)
    raise CouldNotTell(f"no docker daemon can be started here: {'; '.join(troubles)}", "run dockerd by hand")


class _NotUp(CouldNotTell):
    """It did not come up; anything else that goes wrong later is not this."""


@contextmanager
def _started(words: list[str | Path]) -> Iterator[None]:
    server = running(words, "API listen on", env={"HTTP_PROXY": "", "HTTPS_PROXY": ""})
    try:
        server.__enter__()
    except CouldNotTell as fault:
        raise _NotUp(fault.found, fault.fix) from None
    try:
        yield
    finally:
        server.__exit__(None, None, None)


def _config(folder: Path) -> Path:
    # The machine's own /etc/docker/daemon.json is not for this one.
    for name in ("bin", "config", "data", "exec"):
        (folder / name).mkdir()
    path = folder / "daemon.json"
    path.write_text("{}")
    return path


def _client(docker: Docker) -> None:
    """Link the first client that can talk to it; what is called docker on a machine may be something else."""
    found = [one for one in (shutil.which("docker"), *_CLIENTS) if one and Path(one).exists()]
    link = docker.folder / "bin" / "docker"
    for one in dict.fromkeys(found):
        link.unlink(missing_ok=True)
        link.symlink_to(one)
        with suppress(CouldNotTell):
            if docker.run("version", "--format", "{{.Server.Version}}", timeout=60).code == 0:
                return
    raise CouldNotTell("there is no docker client that can talk to a daemon", "install docker.io or docker-cli")


def _end(docker: Docker) -> None:
    """Containers and networks by docker itself, which takes their bridges and control groups away; then the daemon."""
    with suppress(CouldNotTell):
        docker.run("swarm", "leave", "--force")
        for kind in (("ps", "--all"), ("network", "ls", "--filter", "type=custom")):
            names = docker.run(*kind, "--quiet").out.split()
            if names:
                remove = ("rm", "--force", "--volumes") if kind[0] == "ps" else ("network", "rm")
                docker.run(*remove, *names)
    with suppress(OSError):
        os.kill(_listener(docker.folder / "s"), signal.SIGKILL)


def _listener(path: Path) -> int:
    """The process that listens on a socket, by its number out here: it is the first of its own namespace."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.connect(str(path))
        told = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    number: int = struct.unpack("3i", told)[0]
    return number
