"""Which images an archive holds, by its documents: the manifest of `docker save`, and the index of an OCI layout."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deploy_gate.result import CouldNotTell, brief

FIX = "look at `docker save` of this image by hand; build the image again with a current docker"
_MOST, _DEEPEST = 200, 4


@dataclass(frozen=True, slots=True)
class Described:
    """One image, or papers of one, by the names of members of the archive; the lowest layer first."""

    config: str
    layers: tuple[str, ...]
    papers: bool = False
    """What the builder says of the build (provenance, SBOM): no image, and shipped with it."""


def images(texts: Mapping[str, Any], layers: Collection[str]) -> list[Described]:
    """Every image of the archive, one for each platform that is here, and the papers that go with them.

    An index may list platforms that were never fetched: they are no part of what this machine has. CouldNotTell when
    no image is whole, or when of one that is here something is missing.
    """
    found = list(dict.fromkeys((*_flat(texts.get("index.json"), texts, 0), *_listed(texts.get("manifest.json")))))
    papers = [one for one in found if one.papers]
    own = [one for one in found if not one.papers]
    # Settings are a platform's own, while a layer may be shared with a platform that was not fetched.
    here = [one for one in own if isinstance(texts.get(one.config), dict)]
    if not here:
        raise _unread("the manifest or the settings")
    missing = [name for one in here for name in one.layers if name not in layers]
    missing += [name for one in papers for name in one.layers if name not in texts]
    if missing:
        raise _unread(f"layer {brief(missing[0])}")
    return [*here, *papers]


def _unread(what: str) -> CouldNotTell:
    return CouldNotTell(f"{what} of the image could not be read, so what it holds is not known", FIX)


def _listed(manifest: Any) -> Iterator[Described]:
    """By `manifest.json`, which docker of old has alone."""
    for one in _mappings(manifest):
        yield Described(str(one.get("Config")), tuple(map(str, one.get("Layers") or ())))


def _flat(index: Any, texts: Mapping[str, Any], depth: int) -> Iterator[Described]:
    """The manifests below an index, whatever their depth; one that is not in the archive is left out."""
    entries = _mappings(index.get("manifests")) if isinstance(index, dict) else []
    if len(entries) > _MOST or depth > _DEEPEST:
        raise CouldNotTell(f"the index of the image has more than {_MOST} entries, or {_DEEPEST} levels", FIX)
    for entry in entries:
        document = texts.get(_blob(entry))
        if isinstance(document, dict) and "manifests" in document:
            yield from _flat(document, texts, depth + 1)
        elif isinstance(document, dict):
            layers = tuple(_blob(one) for one in _mappings(document.get("layers")))
            yield Described(_blob(document.get("config")), layers, _is_papers(entry, document))


def _is_papers(entry: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    notes = entry.get("annotations")
    kinds = [str(one.get("mediaType")) for one in _mappings(document.get("layers"))]
    marked = isinstance(notes, dict) and notes.get("vnd.docker.reference.type") == "attestation-manifest"
    return marked or (bool(kinds) and all("in-toto" in kind for kind in kinds))


def _blob(descriptor: Any) -> str:
    """Where the content of a descriptor lies."""
    digest = str(descriptor.get("digest")) if isinstance(descriptor, dict) else ""
    return f"blobs/{digest.replace(':', '/', 1)}"


def _mappings(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
