"""A host whose slots are compose projects on a docker daemon of its own, and another daemon that builds: what CI is."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fleet import Fleet, Told
from slots.world import HERE, NEW, OLD, World, end, lasting_port, write_nginx
from support import ROOT

from deploy_gate import process
from deploy_gate.result import CouldNotTell
from deploy_gate.workbench import images, packages
from deploy_gate.workbench.dockerd import Docker, dockerd
from deploy_gate.workbench.server import running
from deploy_gate.workbench.sshd import sshd
from host.boot import restore
from host.releases import folder, receive
from host.setup import initialise

BROKEN = "d" * 40
_DOCKERFILE = f"""
FROM {images.BASE}
COPY alembic /usr/local/bin/alembic
ARG RELEASE
ARG BROKEN=
ENV BUILT=$RELEASE BROKEN=$BROKEN
COPY app.py /app/app.py
CMD ["python3", "/app/app.py"]
"""
_ALEMBIC = '#!/bin/sh\necho "alembic $* of $BUILT with $PGOPTIONS"\n'


@dataclass
class Containers:
    """The host, reached by ssh; `server` is its docker, `builder` that of CI."""

    world: World
    server: Docker
    builder: Docker
    fleet: Fleet
    images: dict[str, str]

    def reset(self) -> None:
        """OLD live in blue, and no release beside it."""
        self.world.reset()
        for path in folder(self.world.machine).iterdir():
            if path.name != OLD:
                shutil.rmtree(path)

    def build(self, release: str, *, broken: str = "") -> str:
        """Build a release where CI would; returns its image's id."""
        self.images[release] = build(self.builder, release, broken)
        return self.images[release]

    def has(self, image: str) -> bool:
        """Whether the host has an image."""
        return self.server.run("image", "inspect", image).code == 0

    def command(self, *argv: str, **env: str) -> str:
        """Run a program on the host by hand."""
        done = process.run(argv, timeout=120, env={**self.server.environment, **env})
        assert done.code == 0, done
        return done.out

    def log(self, name: str) -> str:
        """What one of the host's commands printed."""
        return (self.world.home / "logs" / f"{name}.log").read_text()

    @property
    def scratch(self) -> str:
        """A file on the host."""
        return str(self.world.work / "scratch")

    def receive_by(self, *argv: str) -> None:
        """Another command for receiving; until the next reset."""
        changed = {**self.world.changes["commands"], "receive": list(argv)}
        self.world.configure(**{**self.world.changes, "commands": changed})

    def receive(self, release: str, image: str) -> None:
        """Bring the archive of that image's build, without a connection."""
        built = next(name for name, one in self.images.items() if one == image)
        with self.archive(built).open("rb") as stream:
            text = json.dumps({"release": release, "images": {"backend": image}})
            receive(self.world.machine, text, stdin=stream.fileno())

    def archive(self, release: str) -> Path:
        """What `docker save` writes of it."""
        return _saved(self.builder, release)

    def manifest(self, release: str, image: str, **more: Any) -> Path:
        """Of one service."""
        path = self.world.work / f"{release[:8]}.json"
        path.write_text(json.dumps({"release": release, "images": {"backend": image} if image else {}, **more}))
        return path

    def deploy(self, release: str, image: str) -> Told:
        """As a workflow would, the archive streamed."""
        archive, manifest = str(self.archive(release)), str(self.manifest(release, image))
        return self.fleet.deploy(release, archive=archive, manifest=manifest)

    def image(self, slot: str) -> str:
        """The id of the image that a slot's container runs; empty when none runs."""
        name = self.server.run("ps", "--quiet", "--filter", f"label=com.docker.compose.project=erp-{slot}").out.strip()
        return self.server.ask("inspect", "--format", "{{.Image}}", name) if name else ""


def build(docker: Docker, release: str, broken: str = "") -> str:
    """The image `erp:RELEASE`."""
    words = ("--build-arg", f"RELEASE={release}", "--build-arg", f"BROKEN={broken}")
    return images.build(docker, f"erp:{release}", _DOCKERFILE, files(release), *words)


def files(release: str) -> dict[str, str]:
    """The repository of that release; only its last layer differs from another's."""
    program = (HERE / "container.py").read_text() + f"# {release}\n"
    return {"app.py": program, "alembic": _ALEMBIC, "Dockerfile": _DOCKERFILE}


def page() -> str:
    """The configuration of docs/host.md: compose projects."""
    text = (ROOT / "docs" / "host.md").read_text()
    return text.split("```json\n")[1].split("```")[0]


def commands(work: Path, configuration: str) -> dict[str, list[str]]:
    """Those a user is told to write, with this host's folder."""
    found: dict[str, list[str]] = json.loads(configuration.replace("/srv/erp", str(work)))["commands"]
    return {name: argv for name, argv in found.items() if name != "psql"}


@contextmanager
def containers(configuration: str, begin: Callable[[Docker], object]) -> Iterator[Containers]:
    """OLD live in blue, green empty; skipped, with the reason, where a program for it is not to be had.

    `begin` makes the host's daemon ready for the commands of that configuration.
    """
    with ExitStack() as stack:
        try:
            for program in ("nginx", "sshd"):
                packages.ensure(program)
            server, builder = (stack.enter_context(dockerd()) for _ in range(2))
            begin(server)
        except CouldNotTell as fault:
            pytest.skip(f"no docker: {fault.found}; {fault.fix}")
        # Not below pytest's own folder: nginx's workers could not enter that.
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slots-")))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in server.environment.items():
            patch.setenv(name, value)
        here = _host(stack, work, configuration, server.environment)
        images.python_base(builder)
        old = build(builder, OLD)
        with _saved(builder, OLD).open("rb") as archive:
            text = json.dumps({"release": OLD, "images": {"backend": old}})
            receive(here.machine, text, stdin=archive.fileno())
        restore(here.machine)
        nginx = [*here.settings.nginx.command, "-g", "daemon off;"]
        stack.enter_context(running(nginx, "start worker process"))
        here.good("guard", "start")
        env = " ".join(f"{name}={value}" for name, value in server.environment.items())
        door = stack.enter_context(sshd(work / "ssh", SetEnv=f"HOME={work} {env}"))
        yield Containers(here, server, builder, Fleet([here], [door], patience=400), {OLD: old})


def _host(stack: ExitStack, work: Path, configuration: str, env: dict[str, str]) -> World:
    for place in ("erp/compose.slot.yaml", "swarm/slot.sh"):
        example = ROOT / "examples" / place
        (work / example.name).write_text(example.read_text().replace("/srv/erp", str(work)))
        (work / example.name).chmod(example.stat().st_mode)
    (work / "erp.env").write_text("SECRET_KEY=of-a-test\n")
    (work / "faults").mkdir()
    changes = {
        "commands": {"digests": [], **commands(work, configuration)},
        "front": {"seconds": 30},
        # Containers share two cores with everything else here: slow is not broken.
        "health": {"timeout": 10},
        "guard": {"interval": 0.5, "looks": 5, "guard-for": 60},
        "limits": {"start": 90, "ready": 60, "stop": 60, "lock": 20, "drain": 0.1, "drain-most": 2},
    }
    here = World(work, packages.ensure("nginx"), lasting_port(), _ports(), changes, env)
    here.configure(**changes)
    stack.callback(end, here)
    initialise(here.machine, "blue", OLD)
    write_nginx(here)
    return here


def _ports() -> dict[str, int]:
    return {"blue": lasting_port(), "green": lasting_port()}


def _saved(docker: Docker, release: str) -> Path:
    path = docker.folder / f"{release[:8]}.tar"
    docker.ask("save", "--output", str(path), f"erp:{release}")
    return path


__all__ = ["BROKEN", "NEW", "OLD", "Containers", "containers"]
