"""The archive of `docker save` read once, as a stream: every file of every layer, and the images' own settings.

Read are the layouts of all dockers: that of OCI (`index.json`, `blobs/sha256/…`), whose layers may be compressed with
gzip or zstd, and the older one (`…/layer.tar`). Nothing is unpacked.
"""

from __future__ import annotations

import json
import posixpath
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any

from deploy_gate.facts import imagelayout
from deploy_gate.facts.imagelayout import FIX, Described
from deploy_gate.facts.layerstream import CHUNK, Headed, Readable, drain
from deploy_gate.facts.secret_patterns import BEHIND
from deploy_gate.result import CouldNotTell, brief

MAX_SETTINGS = 4 * 1024 * 1024
MAX_PATHS = 200_000
MAX_FILES = 3_000_000
_TAKE_AWAY, _OPAQUE = ".wh.", ".wh..wh..opq"

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


@dataclass(frozen=True, slots=True)
class Image:
    """One image of the archive: there are several when it was built for several platforms."""

    layers: int
    files: int
    bytes: int
    hits: tuple[Hit, ...]
    settings: dict[str, Any]

    @property
    def platform(self) -> str:
        """Such as linux/arm64."""
        parts = (str(self.settings.get(one) or "") for one in ("os", "architecture", "variant"))
        return "/".join(filter(None, parts))


@dataclass(frozen=True, slots=True)
class Paper:
    """A statement of the builder about the build, and the rules that hold for its text."""

    content: Any
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contents:
    """What the archive holds."""

    images: tuple[Image, ...]
    papers: tuple[Paper, ...] = ()


@dataclass(slots=True)
class _Layer:
    found: list[tuple[str, str]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    opaque: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    files: int = 0
    bytes: int = 0


def read(stream: IO[bytes], look: Look) -> Contents:
    """Everything in the archive; CouldNotTell when a layer or the settings cannot be read: they could hold anything."""
    reader = _Reader(look)
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                if member.issym():
                    # A layer that is the same as another one, in the older layout.
                    reader.links[member.name] = posixpath.normpath(f"{member.name}/../{member.linkname}")
                file = archive.extractfile(member) if member.isreg() else None
                if file is not None:
                    reader.member(member, file)
    except (tarfile.TarError, EOFError, OSError, ValueError) as fault:
        raise CouldNotTell(f"the image's archive cannot be read to its end: {brief(str(fault))}", FIX) from None
    return reader.result()


class _Reader:
    def __init__(self, look: Look) -> None:
        self.look = look
        self.layers: dict[str, _Layer] = {}
        self.links: dict[str, str] = {}
        self.texts: dict[str, Any] = {}
        self.rules: dict[str, tuple[str, ...]] = {}
        self.changed: set[str] = set()
        """Blobs whose content is not what their names say."""
        self.files = 0

    def member(self, member: tarfile.TarInfo, file: IO[bytes]) -> None:
        """A member of the outer archive: a document is JSON, all else is a layer, and a blob is what its name says."""
        head = Headed(file)
        named = member.name.endswith((".json", "VERSION", "oci-layout", "repositories"))
        if named or head.is_text():
            raw = head.read(MAX_SETTINGS) if member.size <= MAX_SETTINGS else b""
            self.texts[member.name] = _json(raw)
            self.rules[member.name] = tuple(dict.fromkeys(_looked(raw, head, member.name, self.look)))
        else:
            self.layers[member.name] = self.layer(head.plain())
        folder, _, digest = member.name.rpartition("/")
        if folder == "blobs/sha256" and head.digest() != digest:
            self.changed.add(member.name)

    def layer(self, file: IO[bytes]) -> _Layer:
        layer = _Layer()
        with tarfile.open(fileobj=file, mode="r|") as archive:
            for member in archive:
                self.files += 1
                if self.files > MAX_FILES:
                    raise CouldNotTell(f"the image has more than {MAX_FILES} files", "build smaller images")
                self.entry(layer, member, archive)
        drain(file)
        return layer

    def entry(self, layer: _Layer, member: tarfile.TarInfo, archive: tarfile.TarFile) -> None:
        path = member.name.removeprefix("./").strip("/")
        folder, _, base = path.rpartition("/")
        layer.files += 1
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
                layer.bytes += member.size
                layer.found += [(path, rule) for rule in _looked(b"", file, path, self.look)]

    def result(self) -> Contents:
        """Images with their layers in order, by the archive's documents; CouldNotTell for what was not in it."""
        self.layers |= {name: self.layers[to] for name, to in self.links.items() if to in self.layers}
        found = imagelayout.images(self.texts, self.layers)
        images = [self.image(one) for one in found if not one.papers]
        papers = [Paper(self.texts[name], self.rules[name]) for one in found if one.papers for name in one.layers]
        return Contents(tuple(images), tuple(papers))

    def image(self, described: Described) -> Image:
        changed = self.changed.intersection((described.config, *described.layers))
        if changed:
            raise CouldNotTell(f"{brief(changed.pop())} of the image has another content than its digest says", FIX)
        ordered = [self.layers[name] for name in described.layers]
        hits = [
            Hit(number, path, rule, _gone(path, ordered, number))
            for number, layer in enumerate(ordered, 1)
            for path, rule in dict.fromkeys(layer.found)
        ]
        files, size = (sum(getattr(one, key) for one in ordered) for key in ("files", "bytes"))
        return Image(len(ordered), files, size, tuple(hits), dict(self.texts[described.config]))


def _gone(path: str, layers: list[_Layer], number: int) -> int:
    """The first later layer that takes the path away, or writes it anew."""
    parents = {path, *(path[:place] for place, sign in enumerate(path) if sign == "/")}
    for later, layer in enumerate(layers[number:], number + 1):
        if parents & layer.gone or (parents - {path}) & layer.opaque or path in layer.written:
            return later
    return 0


def _looked(held: bytes, file: Readable, path: str, look: Look) -> list[str]:
    """Look at a file, of which some may be read already, in pieces that overlap by as far as a pattern reaches."""
    found: list[str] = []
    while True:
        data = file.read(CHUNK)
        held += data
        last = len(data) < CHUNK
        found += look(path, held, last)
        if last:
            return found
        held = held[-2 * BEHIND :]


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None
