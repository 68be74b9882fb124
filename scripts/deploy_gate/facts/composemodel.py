"""The services of a compose project, as the checks of images and services see them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy_gate.facts import composefile, composeyaml, dockercli
from deploy_gate.result import CouldNotTell, brief

STANDARD = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
_REFUSED = {"secrets", "ssh", "privileged", "entitlements", "ulimits", "isolation"}


@dataclass(frozen=True, slots=True)
class Build:
    """How an image is built; `refused` names what this check does not do, since it sees no secret."""

    context: str
    dockerfile: str = ""
    inline: str = ""
    target: str = ""
    network: str = ""
    platform: str = ""
    args: tuple[tuple[str, str | None], ...] = ()
    contexts: tuple[tuple[str, str], ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def file(self) -> Path | None:
        """The Dockerfile; None for one that stands in the compose file, or in a context that is no folder."""
        if self.inline or "://" in self.context or self.context.startswith("git@"):
            return None
        return Path(self.context, self.dockerfile or "Dockerfile")


@dataclass(frozen=True, slots=True)
class Service:
    """One service; sizes and numbers are the texts that stand in the model."""

    name: str
    image: str
    path: str = ""
    line: int = 0
    build: Build | None = None
    health: dict[str, Any] | None = None
    memory: str = ""
    cpus: str = ""


@dataclass(slots=True)
class Project:
    """All services, and who resolved them."""

    services: dict[str, Service] = field(default_factory=dict)
    resolver: str = ""

    def built(self) -> list[Service]:
        """Those with a build section."""
        return [one for one in self.services.values() if one.build]


def find(given: Sequence[str]) -> list[Path]:
    """The compose files: those that were named, else the usual one and what overrides it; none when there is none."""
    if given:
        return [Path(one) for one in given]
    first = next((Path(name) for name in STANDARD if Path(name).exists()), None)
    if first is None:
        return []
    over = [Path(f"{stem}.override{end}") for stem in ("compose", "docker-compose") for end in (".yaml", ".yml")]
    return [first, *[one for one in over if one.exists()][:1]]


def load(given: Sequence[str], env_file: str = "", env: Sequence[str] = ()) -> Project:
    """The project; CouldNotTell when there is none, or nothing can make sense of it."""
    files = find(given)
    if not files:
        fix = "name your compose file as `file`, or declare the item `not-applicable` with the reason"
        raise CouldNotTell(f"there is no compose file here ({', '.join(STANDARD)})", fix)
    raws = [composefile.content(path) for path in files]
    handed = {name: os.environ[name] for name in env if name in os.environ}
    variables = composefile.environment(files[0].parent, env_file, handed)
    needed = {name for raw in raws for name in composeyaml.required(raw)}
    variables = {**dict.fromkeys(needed, composeyaml.STAND_IN), **{k: v for k, v in variables.items() if v}}
    model, resolver = _resolved(files, variables)
    project = Project(resolver=resolver)
    name = _project_name(model.name, files[0])
    for service, value in model.services.items():
        project.services[service] = _service(service, value, name, model.places.get(service, (str(files[0]), 1)))
    if not project.services:
        raise CouldNotTell(f"{brief(str(files[0]), 200)} names no service", "name another compose file as `file`")
    return project


def with_images(given: Sequence[str], env_file: str, env: Sequence[str]) -> Project:
    """The project whose images are looked at: without a compose file, the one of the Dockerfile here."""
    if not find(given) and Path("Dockerfile").exists():
        return alone(Path("Dockerfile"))
    return load(given, env_file, env)


def alone(dockerfile: Path) -> Project:
    """A repository that has a Dockerfile and no compose file: one image, called `app`."""
    folder = str(dockerfile.parent.absolute())
    image = f"{_project_name('', dockerfile)}-app"
    service = Service("app", image, str(dockerfile), 1, Build(folder, dockerfile.name))
    return Project({"app": service}, "the Dockerfile alone")


def _resolved(files: list[Path], variables: dict[str, str]) -> tuple[composefile.Model, str]:
    """By docker compose where it is; by ourselves where it is not, or where it wants a file of secrets to be there."""
    version = dockercli.compose()
    if not version:
        return composefile.load(files, variables), "deploy-gate's own reading"
    try:
        data = dockercli.resolve(files, variables)
    except CouldNotTell as fault:
        if not re.search(r"env file .* not found|Failed to load .*no such file", fault.found):
            raise
        return composefile.load(files, variables), "deploy-gate's own reading, an env_file being absent"
    model = composefile.Model(name=str(data.get("name") or ""))
    model.services = {str(key): dict(value) for key, value in (data.get("services") or {}).items()}
    own = composeyaml.read(composefile.content(files[0]), str(files[0]), variables)
    path = os.path.relpath(files[0])
    model.places = {name: (path, own.lines.get(name, 1)) for name in model.services}
    return model, f"docker compose {version}"


def _project_name(told: str, file: Path) -> str:
    name = told or file.absolute().parent.name
    return re.sub(r"[^a-z0-9_-]", "", name.lower()).lstrip("_-") or "app"


def _service(name: str, value: dict[str, Any], project: str, place: tuple[str, int]) -> Service:
    build = _build(value)
    image = str(value.get("image") or "") or (f"{project}-{name}" if build else "")
    deploy = value.get("deploy")
    limits = _mapping(_mapping(_mapping(deploy).get("resources")).get("limits"))
    health = value.get("healthcheck")
    return Service(
        name=name,
        image=image,
        path=place[0],
        line=place[1],
        build=build,
        health=health if isinstance(health, dict) else None,
        memory=_first(limits.get("memory"), value.get("mem_limit")),
        cpus=_first(limits.get("cpus"), value.get("cpus"), value.get("cpu_quota")),
    )


def _build(value: dict[str, Any]) -> Build | None:
    told = value.get("build")
    if not isinstance(told, dict):
        return None
    platforms = told.get("platforms") or [value.get("platform")]
    return Build(
        context=str(told.get("context") or "."),
        dockerfile=str(told.get("dockerfile") or ""),
        inline=str(told.get("dockerfile_inline") or ""),
        target=str(told.get("target") or ""),
        network=str(told.get("network") or ""),
        platform=str(platforms[0] or "") if isinstance(platforms, list) else "",
        args=tuple(
            (name, None if one is None else str(one)) for name, one in composefile.pairs(told.get("args")).items()
        ),
        contexts=tuple((name, str(one)) for name, one in composefile.pairs(told.get("additional_contexts")).items()),
        refused=tuple(sorted(key for key in _REFUSED if told.get(key))),
    )


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _first(*values: Any) -> str:
    return next((str(one).strip() for one in values if one not in (None, "")), "")
