"""Builds the images of a project, one after the other: what was built before comes from docker's own cache."""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy_gate import process
from deploy_gate.bootstrap.place import environments_folder
from deploy_gate.facts import dockercli, dockerfile, files, secret_patterns
from deploy_gate.facts.composemodel import Build, Project, Service
from deploy_gate.process import Finished
from deploy_gate.result import CouldNotTell, brief, one_line

TIMEOUT = 3600.0  # the engine's own limit comes first
_LIMIT = 64 * 1024 * 1024
# What docker itself says when nothing is wrong with the Dockerfile.
_SURROUNDINGS = re.compile(
    r"(?i)toomanyrequests|TLS handshake timeout|dial tcp|failed to do request|no space left on device"
    r"|cannot connect to the docker daemon|server misbehaving|service unavailable|authentication required"
    r"|unauthorized|context deadline exceeded|Client\.Timeout exceeded|proxyconnect"
)
_PLACE = re.compile(r"(?m)^\s*(?:Dockerfile|[\w./-]*[Dd]ockerfile[\w.-]*):(\d+)\s*$")
_STEP = re.compile(r"(?m)^Step (\d+)/\d+ :")


@dataclass(frozen=True, slots=True)
class Failure:
    """A build that ended badly, and where in the Dockerfile as far as docker says so."""

    service: str
    words: str
    path: str = ""
    line: int = 0


@dataclass(slots=True)
class Built:
    """Image ids by service, and what could not be built."""

    images: dict[str, str] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    seconds: float = 0.0


def build(project: Project) -> Built:
    """Build every service that has a build section; services with the same section share one build."""
    found = Built()
    known: dict[Build, str | Failure] = {}
    with _alone():
        for service in project.built():
            own = service.build
            if own is None:
                continue
            if own not in known:
                known[own] = _one(service, own, found)
            answer = known[own]
            if isinstance(answer, Failure):
                found.failures += [answer] if answer.service == service.name else []
            else:
                found.images[service.name] = answer
    return found


def images(project: Project, *, build_first: bool) -> dict[str, str]:
    """The image of every service with a build section, by service; CouldNotTell when one is not there."""
    if not project.built():
        fix = "declare the item `not-applicable` with the reason"
        raise CouldNotTell("no service has a `build` section, so there is no image of your own", fix)
    if build_first:
        found = build(project)
        if found.failures:
            first = found.failures[0]
            fix = "mend the build first: the item of image-build says where"
            raise CouldNotTell(f"the image of {first.service} does not build, so there is nothing to look at", fix)
        return found.images
    there = {service.name: dockercli.inspect(service.image) for service in project.built()}
    missing = [name for name, one in there.items() if one is None]
    if missing:
        fix = "build or pull it in this job before this step, or leave `build` at true"
        raise CouldNotTell(f"the image of {', '.join(map(brief, missing[:5]))} is not on this machine", fix)
    return {name: str(one["Id"]) for name, one in there.items() if one}


@contextmanager
def _alone() -> Iterator[None]:
    """One build at a time on this machine: checks that run side by side wait for the first, and find its cache."""
    with (environments_folder().parent / "image-build.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _one(service: Service, build: Build, found: Built) -> str | Failure:
    if build.refused:
        listed = ", ".join(build.refused)
        fix = "build it in a step of your own before, and set `build` to false where there is that input"
        raise CouldNotTell(f"the build of {service.name} asks for {listed}, which this check does not hand over", fix)
    words, environment = _words(service, build)
    stdin = build.inline.encode()
    argv = ["docker", "build", *words, "--", build.context]
    environment["BUILDKIT_PROGRESS"] = "plain"
    done = process.run(argv, timeout=TIMEOUT, env=environment, pass_env=dockercli.READS, stdin=stdin, limit=_LIMIT)
    found.seconds += done.seconds
    if done.code == 0:
        known = dockercli.inspect(service.image)
        if known is None:
            raise CouldNotTell(f"docker built {service.name}, but has no image {brief(service.image)}", "see docker")
        return str(known["Id"])
    return _failure(service, build, done)


def _words(service: Service, build: Build) -> tuple[list[str], dict[str, str]]:
    """Arguments, and the environment that carries their values: a process list shows only names."""
    words = ["--tag", service.image]
    environment: dict[str, str] = {}
    for name, value in build.args:
        plain = value is not None and (name in process.ALLOWED or name.startswith(("DOCKER", "BUILDKIT", "LD_")))
        words += ["--build-arg", f"{name}={value}" if plain else name]
        environment |= {} if plain or value is None else {name: value}
    if build.inline:
        words += ["--file", "-"]
    elif build.dockerfile:
        own = Path(build.dockerfile).is_absolute() or build.file is None
        words += ["--file", build.dockerfile if own else str(Path(build.context, build.dockerfile))]
    for option, text in (("--target", build.target), ("--network", build.network), ("--platform", build.platform)):
        words += [option, text] if text else []
    for name, place in build.contexts:
        words += ["--build-context", f"{name}={place}"]
    return words, environment


def _failure(service: Service, build: Build, done: Finished) -> Failure:
    said = _masked(done.last_words(4), build)
    last = "\n".join((done.err or done.out).splitlines()[-30:])
    if _SURROUNDINGS.search(last):
        fix = "run the job again; if it stays, look at the daemon, its network and its disk"
        raise CouldNotTell(f"the image of {service.name} could not be built here: {said}", fix)
    path = build.file
    line = _line(done, path) if path else 0
    return Failure(service.name, said, files.relative(str(path)) if path else "", line)


def _masked(text: str, build: Build) -> str:
    for name, value in build.args:
        if value and secret_patterns.telling(name, value):
            text = text.replace(value, "***")
    return one_line(text, 400)


def _line(done: Finished, path: Path) -> int:
    """The line that docker names, or that of the step at which it stopped."""
    if match := _PLACE.search(done.err):
        return int(match[1])
    try:
        known = [one.line for one in dockerfile.instructions(dockerfile.read(path))]
    except CouldNotTell:
        return 1
    steps = [int(one) for one in _STEP.findall(done.out + done.err)]
    return known[steps[-1] - 1] if steps and steps[-1] <= len(known) else 1
