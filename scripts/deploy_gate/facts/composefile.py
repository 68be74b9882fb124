"""Compose files as one model, where no `docker compose` does it: several files, `extends`, `include`, `.env`.

What a check asks for is resolved as the compose specification says (compose-spec, 10 Fragments to 15 Include); other
keys are merged without being understood.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy_gate import dotenv
from deploy_gate.facts import composeyaml, textfile
from deploy_gate.facts.composeyaml import MAX_BYTES, Override, Reset
from deploy_gate.result import CouldNotTell, brief

MAX_FILES = 50
MAX_CHAIN = 20
_REPLACED = {"command", "entrypoint", "test"}
_PAIRS = {"args", "environment", "labels", "additional_contexts"}
_NOT_INHERITED = {"extends", "depends_on", "links", "volumes_from"}


@dataclass(slots=True)
class Model:
    """Services by name, as plain values, and where each begins."""

    services: dict[str, dict[str, Any]] = field(default_factory=dict)
    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    name: str = ""


def content(path: Path) -> bytes:
    """The bytes of a compose file; CouldNotTell when there is none."""
    raw = textfile.read(path, MAX_BYTES)
    if raw is None:
        raise CouldNotTell(f"there is no compose file {brief(str(path), 200)}", "correct the input `file`")
    return raw


def environment(folder: Path, env_file: str, own: Mapping[str, str]) -> dict[str, str]:
    """The variables of `.env` beside the file (or of `env_file`), and over them those that were handed through."""
    path = Path(env_file) if env_file else folder / ".env"
    raw = textfile.read(path, MAX_BYTES)
    if raw is None and env_file:
        raise CouldNotTell(f"there is no file {brief(env_file, 200)}", "correct the input `env-file`")
    try:
        found = dotenv.parse((raw or b"").decode(errors="replace"))
    except ValueError as fault:
        raise CouldNotTell(f"{brief(str(path), 200)} cannot be read: {fault}", "correct that line") from None
    return {**found, **own}


def load(files: list[Path], variables: Mapping[str, str]) -> Model:
    """One model of all files; a later one is laid over the earlier. CouldNotTell for what cannot be resolved."""
    model = _Loader(variables).files(files, files[0].parent)
    seen: set[int] = set()
    for one in model.services.values():
        _strip(one, seen)
    return model


class _Loader:
    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables, self.count = variables, 0

    def files(self, paths: list[Path], folder: Path) -> Model:
        """Files that belong together: the paths in them are relative to the first one's folder."""
        model = Model()
        for path in paths:
            self._add(model, path, folder)
        for service in model.services.values():
            build = service.get("build")
            if isinstance(build, dict) and not build.get("context"):
                service["build"] = {**build, "context": str(folder.absolute())}
        return model

    def read(self, path: Path) -> composeyaml.File:
        self.count += 1
        if self.count > MAX_FILES:
            raise CouldNotTell(f"the compose files name more than {MAX_FILES} others", "include fewer, and no circle")
        return composeyaml.read(content(path), str(path), self.variables)

    def _add(self, model: Model, path: Path, folder: Path) -> None:
        file = self.read(path)
        model.name = model.name or _text(file.data.get("name"))
        for one in _listed(file.data.get("include")):
            self._include(model, one, folder)
        services = file.data.get("services") or {}
        if not isinstance(services, dict):
            raise CouldNotTell(f"`services` of {brief(str(path), 200)} is no mapping", "correct the compose file")
        for name, value in services.items():
            if isinstance(value, Reset):
                model.services.pop(name, None)
                continue
            own = self._extended(name, file, path, folder, 0)
            model.services[name] = merged(model.services.get(name, {}), own)
            model.places.setdefault(name, (os.path.relpath(path), file.lines.get(name, 1)))

    def _include(self, model: Model, entry: Any, folder: Path) -> None:
        told = entry if isinstance(entry, dict) else {"path": entry}
        paths = [folder / _text(one) for one in _listed(told.get("path"))]
        if not paths or any("://" in _text(one) or _text(one).startswith("git@") for one in _listed(told.get("path"))):
            raise CouldNotTell("`include` names what is no file of the repository", "install docker compose")
        place = _text(told.get("project_directory"))
        found = self.files(paths, folder / place if place else paths[0].parent)
        for name, value in found.services.items():
            model.services.setdefault(name, value)
            model.places.setdefault(name, found.places[name])

    def _extended(self, name: str, file: composeyaml.File, path: Path, folder: Path, depth: int) -> dict[str, Any]:
        own = (file.data.get("services") or {}).get(name)
        own = own.value if isinstance(own, Override) else own
        if not isinstance(own, dict):
            where = f"{brief(str(path), 200)}"
            raise CouldNotTell(f"there is no service {brief(name)} in {where}", "correct the compose file")
        own = _absolute(own, folder)
        told = own.get("extends")
        if not told:
            return own
        if depth > MAX_CHAIN:
            raise CouldNotTell(f"service {brief(name)} extends itself", "correct `extends` in the compose file")
        told = told if isinstance(told, dict) else {"service": told}
        if told.get("file"):
            path = folder / _text(told["file"])
            file, folder = self.read(path), path.parent
        base = self._extended(_text(told.get("service")), file, path, folder, depth + 1)
        kept = {key: value for key, value in base.items() if key not in _NOT_INHERITED}
        return dict(merged(kept, {key: value for key, value in own.items() if key != "extends"}))


def merged(base: Any, over: Any, key: str = "") -> Any:
    """Mappings key by key, lists one behind the other, commands and single values replaced."""
    if isinstance(over, Override):
        return over.value
    if key in _PAIRS:
        base, over = pairs(base), pairs(over)
    if isinstance(base, dict) and isinstance(over, dict):
        found = dict(base)
        for name, value in over.items():
            if isinstance(value, Reset):
                found.pop(name, None)
            else:
                found[name] = merged(found.get(name), value, name)
        return found
    if isinstance(base, list) and isinstance(over, list) and key not in _REPLACED:
        return [*base, *(one for one in over if one not in base)]
    return base if over is None else over


def pairs(value: Any) -> dict[str, Any]:
    """`[NAME=value]` and `{NAME: value}` are the same."""
    if isinstance(value, list):
        split = [(str(one).partition("=")) for one in value]
        return {name: text if equals else None for name, equals, text in split}
    return dict(value) if isinstance(value, dict) else {}


def _absolute(service: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The service with its `build` as a mapping whose context is absolute."""
    build = service.get("build")
    if isinstance(build, str):
        build = {"context": build}
    if not isinstance(build, dict):
        return service
    context = _text(build.get("context"))
    local = context and "://" not in context and not context.startswith("git@")
    return {**service, "build": {**build, "context": str((folder / context).absolute())} if local else build}


def _strip(value: Any, seen: set[int]) -> None:
    """Take away tags that had nothing to stand in for; what several share is walked once."""
    if isinstance(value, dict) and id(value) not in seen:
        seen.add(id(value))
        for name, one in list(value.items()):
            if isinstance(one, Reset):
                del value[name]
            elif isinstance(one, Override):
                value[name] = one.value
            else:
                _strip(one, seen)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
