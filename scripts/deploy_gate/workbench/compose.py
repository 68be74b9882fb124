"""`docker compose` (version 2): the machine's own plugin, else the one of a locked wheel."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from deploy_gate import bootstrap, process
from deploy_gate.result import CouldNotTell
from deploy_gate.workbench.dockerd import Docker


def provide(docker: Docker) -> str:
    """See that `docker compose` works with this daemon's client; returns its version."""
    plugin = docker.folder / "config" / "cli-plugins" / "docker-compose"
    plugin.parent.mkdir(exist_ok=True)
    version = _version(docker)
    for find in (_users, _standalone, _locked):
        if not version and (path := find()):
            plugin.unlink(missing_ok=True)
            plugin.symlink_to(path)
            version = _version(docker)
    if not version:
        found = "there is no `docker compose` (version 2)"
        raise CouldNotTell(found, "install docker-compose-v2 or docker-compose-plugin")
    return version


def _version(docker: Docker) -> str:
    # Where distributions put plugins the client looks by itself.
    done = docker.run("compose", "version", "--short")
    return "" if done.code else done.out.strip()


def _users() -> Path | None:
    # Hidden by the DOCKER_CONFIG of our own.
    path = Path.home() / ".docker" / "cli-plugins" / "docker-compose"
    return path if path.exists() else None


def _standalone() -> Path | None:
    found = shutil.which("docker-compose")
    with suppress(CouldNotTell):
        if found and process.run([found, "version", "--short"], timeout=20).out.strip().startswith(("2", "v2", "5")):
            return Path(found)
    return None


def _locked() -> Path | None:
    # Its wheel is for one Python; elsewhere the machine has to bring a plugin.
    with suppress(bootstrap.SetupError):
        return bootstrap.site_packages(bootstrap.ensure("compose")) / "compose" / "docker-compose"
    return None
