"""Credentials in one image: in its files, also those that a later layer takes away, in its settings and its history."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from deploy_gate.facts import dockercli, imagetar, secret_patterns, tracked
from deploy_gate.facts.imagetar import Contents, Image, Look
from deploy_gate.result import brief

_SETTINGS_FILE = re.compile(r"(?i)\.env(?:\.[\w-]+)?|[\w.-]+\.env|\.envrc|credentials")
_EXAMPLE = re.compile(r"(?i).*(?:example|sample|template|dist|defaults?)")
_LOGIN_FILES = {
    ".pgpass": re.compile(rb"(?m)^[^#:\s][^:\n]*:[^:\n]*:[^:\n]*:[^:\n]*:[^\n]{3,}"),
    ".netrc": re.compile(rb"(?m)\bpassword\s+\S{3,}"),
    ".npmrc": re.compile(rb"(?m)_(?:authToken|password|auth)\s*=\s*(?!\$)\S{8,}"),
    ".htpasswd": re.compile(rb"(?m)^[^\s:#]+:(?:\$|\{SHA\}|[A-Za-z0-9./]{13}$)"),
}
_ARGUMENTS = re.compile(r"\|(\d{1,3}) ")
_ASSIGNED = re.compile(r"""([A-Za-z_][\w.-]{0,100})=("(?:[^"\\]|\\.)*"|'[^']*'|[^\s;&|]*)""")


@dataclass(frozen=True, slots=True)
class Find:
    """Where a credential is, and by which rule; never what it is."""

    place: str
    """A path, or `env:NAME`, `label:NAME`, `arg:NAME`, `history`, `attestation`."""
    rule: str
    layer: int = 0
    gone_in: int = 0
    name: str = ""
    """The setting's name, by which the Dockerfile's line is found."""


@dataclass(slots=True)
class Looked:
    """One image of one platform: what was looked at, and what was found."""

    layers: int
    files: int
    bytes: int
    finds: list[Find]
    ignored: int
    platform: str = ""


def search(reference: str, ignore: list[str]) -> list[Looked]:
    """Look at all of an image, for every platform that is here; CouldNotTell when any of it could not be read."""
    known = secret_patterns.rules()
    with dockercli.saved(reference) as stream:
        contents = imagetar.read(stream, _look(known))
    patterns = [tracked.glob(one.strip("/")) for one in ignore]
    found = [_found(image, patterns, known) for image in contents.images]
    # They go with the image as a whole, whatever its platforms.
    found[0].finds += dict.fromkeys(_attested(contents, known))
    return found


def _found(image: Image, patterns: list[re.Pattern[str]], known: tuple[secret_patterns.Rule, ...]) -> Looked:
    finds = [
        Find(hit.path, hit.rule, hit.layer, hit.gone_in)
        for hit in image.hits
        if not any(one.fullmatch(hit.path) for one in patterns)
    ]
    ignored = len(image.hits) - len(finds)
    finds += dict.fromkeys(_settings(image.settings, known))
    return Looked(image.layers, image.files, image.bytes, finds, ignored, image.platform)


def _attested(contents: Contents, known: tuple[secret_patterns.Rule, ...]) -> Iterator[Find]:
    """What the builder attests may quote build arguments, also of stages that leave nothing else in the image."""
    for paper in contents.papers:
        for name, value in _arguments(paper.content):
            yield from _setting("arg", name, value, known)
        yield from (Find("attestation", rule) for rule in paper.rules)


def _arguments(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, one in value.items():
            if str(key).startswith("build-arg:"):
                yield str(key).removeprefix("build-arg:"), str(one)
            else:
                yield from _arguments(one)
    elif isinstance(value, list):
        for one in value:
            yield from _arguments(one)


def _look(known: tuple[secret_patterns.Rule, ...]) -> Look:
    def look(path: str, data: bytes, last: bool) -> list[str]:
        until = len(data) if last else max(len(data) - secret_patterns.BEHIND, 0)
        found = list(secret_patterns.matching(data, known, until))
        name = PurePosixPath(path).name
        if name in _LOGIN_FILES and _LOGIN_FILES[name].search(data):
            found.append("login-file")
        if _is_settings(name) and any(secret_patterns.telling(*pair) for pair in secret_patterns.assignments(data)):
            found.append("secret-setting")
        return found

    return look


def _is_settings(name: str) -> bool:
    return bool(_SETTINGS_FILE.fullmatch(name)) and not _EXAMPLE.fullmatch(name)


def _settings(config: dict[str, Any], known: tuple[secret_patterns.Rule, ...]) -> Iterator[Find]:
    """Environment, labels, command and history of an image."""
    for part in ("config", "container_config"):
        own = config.get(part)
        own = own if isinstance(own, dict) else {}
        for text in _texts(own.get("Env")):
            name, _, value = text.partition("=")
            yield from _setting("env", name, value, known)
        labels = own.get("Labels")
        for name, value in (labels if isinstance(labels, dict) else {}).items():
            yield from _setting("label", str(name), str(value), known)
        if part == "config":
            words = [*_texts(own.get("Cmd")), *_texts(own.get("Entrypoint"))]
            words += _texts((own.get("Healthcheck") or {}).get("Test"))
            yield from _text("command", "\n".join(words), known)
    layer = 0
    for entry in config.get("history") or []:
        layer += not entry.get("empty_layer")
        text = f"{entry.get('created_by', '')}\n{entry.get('comment', '')}"
        yield from _history(text, 0 if entry.get("empty_layer") else layer, known)


def _setting(kind: str, name: str, value: str, known: tuple[secret_patterns.Rule, ...]) -> Iterator[Find]:
    place = f"{kind}:{brief(name, 100)}"
    if secret_patterns.telling(name, value):
        yield Find(place, "secret-setting", name=name)
    for rule in secret_patterns.matching(value.encode(), known, len(value.encode())):
        yield Find(place, rule, name=name)


def _history(text: str, layer: int, known: tuple[secret_patterns.Rule, ...]) -> Iterator[Find]:
    """Build arguments stand before the command that saw them; ENV and LABEL keep what a later one has replaced."""
    kind = "arg" if _ARGUMENTS.search(text) else "history"
    for name, value in _ASSIGNED.findall(text):
        if secret_patterns.telling(name, value):
            yield Find(f"{kind}:{brief(name, 100)}", "secret-setting", layer, name=name)
    yield from _text("history", text, known, layer)


def _text(place: str, text: str, known: tuple[secret_patterns.Rule, ...], layer: int = 0) -> Iterator[Find]:
    raw = text.encode(errors="replace")
    for rule in secret_patterns.matching(raw, known, len(raw)):
        yield Find(place, rule, layer)


def _texts(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
