"""The archive of `docker save` read once, as a stream: every file of every layer, and the image's own settings.

Both layouts are read: that of an OCI image (`blobs/sha256/…`) and the older one (`…/layer.tar`). Nothing is unpacked.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any

from deploy_gate.facts.secret_patterns import BEHIND
from deploy_gate.result import CouldNotTell, brief

CHUNK = 1 << 20
MAX_SETTINGS = 4 * 1024 * 1024
MAX_PATHS = 200_000
MAX_FILES = 3_000_000
_TAKE_AWAY, _OPAQUE = ".wh.", ".wh..wh..opq"
_FIX = "look at `docker save` of this image by hand; build the image again with a current docker"

Look = Callable[[str, bytes, bool], list[str]]
"""Given a path, bytes of the file, and whether they are its last: the names of the rules that hold."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that holds for a file in one layer; `layer` counts from 1, the lowest."""

    layer: int
    path: str
    rule: str
    gone_in: int = 0
    """The layer that takes the file away or replaces it; 0: it is in the finished image."""


@dataclass(slots=True)
class Contents:
    """What the archive holds."""

    layers: int = 0
    files: int = 0
    bytes: int = 0
    hits: list[Hit] = field(default_factory=list)
    settings: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class _Layer:
    found: list[tuple[str, str]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    opaque: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)


def read(stream: IO[bytes], look: Look) -> Contents:
    """Everything in the archive; CouldNotTell when a layer or the settings cannot be read: they could hold anything."""
    reader = _Reader(look)
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isreg() else None
                if file is not None:
                    reader.member(member, file)
    except (tarfile.TarError, EOFError, OSError, ValueError) as fault:
        raise CouldNotTell(f"the image's archive cannot be read to its end: {brief(str(fault))}", _FIX) from None
    return reader.result()


class _Reader:
    def __init__(self, look: Look) -> None:
        self.look = look
        self.layers: dict[str, _Layer] = {}
        self.texts: dict[str, Any] = {}
        self.contents = Contents()

    def member(self, member: tarfile.TarInfo, file: IO[bytes]) -> None:
        """A member of the outer archive: settings are JSON, all else is a layer."""
        head = _Headed(file)
        if head.start[:1] in (b"{", b"[") or member.name.endswith((".json", "VERSION", "oci-layout", "repositories")):
            if member.size <= MAX_SETTINGS:
                self.texts[member.name] = _json(head.read(MAX_SETTINGS))
        else:
            self.layers[member.name] = self.layer(member.name, head)

    def layer(self, name: str, file: _Headed) -> _Layer:
        if file.start.startswith(b"\x28\xb5\x2f\xfd"):
            raise CouldNotTell(f"layer {brief(name)} is compressed with zstd, which is not read here", _FIX)
        layer = _Layer()
        with tarfile.open(fileobj=file, mode="r|*") as archive:  # type: ignore[call-overload]
            for member in archive:
                self.contents.files += 1
                if self.contents.files > MAX_FILES:
                    raise CouldNotTell(f"the image has more than {MAX_FILES} files", "build smaller images")
                self.entry(layer, member, archive)
        return layer

    def entry(self, layer: _Layer, member: tarfile.TarInfo, archive: tarfile.TarFile) -> None:
        path = member.name.removeprefix("./").strip("/")
        folder, _, base = path.rpartition("/")
        if base == _OPAQUE:
            layer.opaque.add(folder)
        elif base.startswith(_TAKE_AWAY):
            if len(layer.gone) < MAX_PATHS:
                layer.gone.add(f"{folder}/{base[len(_TAKE_AWAY) :]}".lstrip("/"))
        else:
            if not member.isdir() and len(layer.written) < MAX_PATHS:
                layer.written.add(path)
            file = archive.extractfile(member) if member.isreg() else None
            if file is not None:
                self.contents.bytes += member.size
                layer.found += [(path, rule) for rule in _looked(file, path, self.look)]

    def result(self) -> Contents:
        """Layers in their order, by the manifest; CouldNotTell for one that was not in the archive."""
        manifest = self.texts.get("manifest.json")
        images = [one for one in manifest if isinstance(one, dict)] if isinstance(manifest, list) else []
        names = [str(name) for one in images for name in one.get("Layers") or []]
        configs = [self.texts.get(str(one.get("Config"))) for one in images]
        missing = [name for name in names if name not in self.layers]
        if not images or missing or not all(isinstance(one, dict) for one in configs):
            what = f"layer {brief(missing[0])}" if missing else "the manifest or the settings"
            raise CouldNotTell(f"{what} of the image could not be read, so what it holds is not known", _FIX)
        ordered = [self.layers[name] for name in names]
        self.contents.layers = len(ordered)
        self.contents.settings = [dict(one) for one in configs if one]
        for number, layer in enumerate(ordered, 1):
            for path, rule in dict.fromkeys(layer.found):
                self.contents.hits.append(Hit(number, path, rule, _gone(path, ordered, number)))
        return self.contents


def _gone(path: str, layers: list[_Layer], number: int) -> int:
    """The first later layer that takes the path away, or writes it anew."""
    parents = {path, *(path[:place] for place, sign in enumerate(path) if sign == "/")}
    for later, layer in enumerate(layers[number:], number + 1):
        if parents & layer.gone or (parents - {path}) & layer.opaque or path in layer.written:
            return later
    return 0


def _looked(file: IO[bytes], path: str, look: Look) -> list[str]:
    """Look at a file in pieces that overlap by as far as a pattern reaches."""
    found: list[str] = []
    held = b""
    while True:
        data = file.read(CHUNK)
        held += data
        last = len(data) < CHUNK
        found += look(path, held, last)
        if last:
            return found
        held = held[-2 * BEHIND :]


class _Headed:
    """A stream whose first bytes were looked at and come again."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.start = self.rest = file.read(16)

    def read(self, size: int) -> bytes:
        found, self.rest = self.rest[:size], self.rest[size:]
        return found + self.file.read(size - len(found)) if len(found) < size else found


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None
