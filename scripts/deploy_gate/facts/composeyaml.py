"""A compose file as plain values: anchors, merge keys and `${…}` resolved, bounded however it is written.

PyYAML's own constructor keeps the last of two equal keys and can be made to work for ever by merges of merges; here
every node is turned into a value once, and shared. Numbers stay the texts they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deploy_gate.result import CouldNotTell, brief

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 60
STAND_IN = "1"
"""What a required variable without a value is taken to be: legal as port, size, number and name."""
_VARIABLE = re.compile(
    r"\$(?:(?P<dollar>\$)|(?P<plain>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)(?:(?P<how>:?[-+?])(?P<rest>.*))?\})",
    re.ASCII | re.DOTALL,
)
_REQUIRED = re.compile(rb"\$\{([A-Za-z_][A-Za-z0-9_]{0,199}):?\?")
_FIX = "correct the file; `docker compose config` says what is wrong with it"


class Reset:
    """`!reset`: the value of the file before is taken away."""


@dataclass(frozen=True, slots=True)
class Override:
    """`!override`: this value stands in for the one of the file before, instead of being merged with it."""

    value: Any


@dataclass(slots=True)
class File:
    """The values of one file, and the line of each service."""

    path: str
    data: dict[str, Any]
    lines: dict[str, int] = field(default_factory=dict)


def required(raw: bytes) -> set[str]:
    """Names that the file insists on: `${NAME:?…}`."""
    return {one.decode() for one in _REQUIRED.findall(raw)}


def read(raw: bytes, path: str, environment: Mapping[str, str]) -> File:
    """The values; CouldNotTell for anything that is no mapping in YAML."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        depth = 0
        for event in yaml.parse(raw, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise _unreadable(path, f"it is nested deeper than {MAX_DEPTH} levels")
        root = yaml.compose(raw, Loader=loader)
    except (yaml.YAMLError, ValueError) as fault:
        mark = getattr(fault, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise _unreadable(path, f"it is no YAML{where}") from None
    values = _Values(path, environment)
    data = values.of(root, 0) if root is not None else {}
    if not isinstance(data, dict):
        raise _unreadable(path, "it is no mapping")
    return File(path, data, _lines(root))


def interpolate(text: str, environment: Mapping[str, str], depth: int = 0) -> str:
    """The text with its variables filled in, as the compose specification says."""
    found, place = "", 0
    while (start := text.find("$", place)) >= 0:
        found += text[place:start]
        end = _end(text, start)
        match = _VARIABLE.fullmatch(text[start:end])
        found += _filled(match, environment, depth) if match else text[start:end]
        place = end
    return found + text[place:]


def _end(text: str, start: int) -> int:
    """Behind the variable that begins here; braces may be nested."""
    if text[start + 1 : start + 2] != "{":
        match = re.compile(r"\$(?:\$|[A-Za-z_]\w*)?", re.ASCII).match(text, start)
        return match.end() if match else start + 1
    depth = 0
    for place in range(start, len(text)):
        depth += (text[place] == "{") - (text[place] == "}")
        if place > start and not depth:
            return place + 1
    return len(text)


def _filled(match: re.Match[str], environment: Mapping[str, str], depth: int) -> str:
    if match["dollar"]:
        return "$"
    name, how = match["plain"] or match["name"], match["how"] or ""
    value = environment.get(name)
    there = bool(value) if how.startswith(":") else value is not None
    if how.endswith("?"):
        return value if there and value is not None else STAND_IN
    rest = match["rest"] or ""
    if how.endswith("+"):
        return interpolate(rest, environment, depth + 1) if there and depth < MAX_DEPTH else ""
    if how and not there:
        return interpolate(rest, environment, depth + 1) if depth < MAX_DEPTH else ""
    return value or ""


class _Values:
    """Nodes to values, each once: what an alias names is shared, not copied."""

    def __init__(self, path: str, environment: Mapping[str, str]) -> None:
        self.path, self.environment = path, environment
        self.known: dict[int, Any] = {}
        self.open: set[int] = set()

    def of(self, node: Any, depth: int) -> Any:
        key = id(node)
        if key not in self.known:
            if key in self.open or depth > MAX_DEPTH:
                raise _unreadable(self.path, "its aliases are nested too deeply")
            self.open.add(key)
            self.known[key] = self.tagged(node, depth)
            self.open.discard(key)
        return self.known[key]

    def tagged(self, node: Any, depth: int) -> Any:
        if node.tag == "!reset":
            return Reset()
        value = self.plain(node, depth)
        return Override(value) if node.tag == "!override" else value

    def plain(self, node: Any, depth: int) -> Any:
        if isinstance(node.value, str):
            return self.scalar(node)
        if node.value and isinstance(node.value[0], tuple):
            return self.mapping(node, depth)
        return [self.of(one, depth + 1) for one in node.value] if node.id == "sequence" else {}

    def scalar(self, node: Any) -> Any:
        if node.tag.endswith(":null"):
            return None
        text = interpolate(node.value, self.environment)
        if node.tag.endswith(":bool"):
            return text.lower() in ("true", "yes", "on", "y")
        return text

    def mapping(self, node: Any, depth: int) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            name = key.value if isinstance(key.value, str) else ""
            found = self.of(value, depth + 1)
            if key.tag.endswith(":merge"):
                for one in found if isinstance(found, list) else [found]:
                    if not isinstance(one, dict):
                        raise _unreadable(self.path, f"line {key.start_mark.line + 1} merges what is no mapping")
                    merged = {**one, **merged}
            elif name in own:
                shown, line = brief(name, 60), key.start_mark.line + 1
                raise _unreadable(self.path, f"the key {shown} stands there twice (line {line})")
            else:
                own[name] = found
        return {**merged, **own}


def _lines(root: Any) -> dict[str, int]:
    for key, value in (root.value if root is not None else []) or []:
        if key.value == "services" and isinstance(value.value, list):
            return {str(one[0].value): one[0].start_mark.line + 1 for one in value.value if isinstance(one, tuple)}
    return {}


def _unreadable(path: str, why: str) -> CouldNotTell:
    return CouldNotTell(f"the compose file {brief(path, 200)} cannot be read: {why}", _FIX)
