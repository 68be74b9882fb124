"""YAML as a strict, bounded tree with a line number for every key: no anchors, no tags, no duplicate keys.

The parser's events are turned into plain values here, because PyYAML's own constructor keeps the last of two equal
keys silently, reads a bare `on` as true and turns dates into objects before anybody can say where a bad one stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml

from deploy_gate.facts import textfile
from deploy_gate.problems import Misconfigured, Problem, shown

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 20
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?[0-9]{1,17}\.[0-9]{1,17}")
_CONSTANTS: dict[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None}
_HINTS = {
    "cannot start any token": "; indent with blanks, not tabs, and quote a text that starts with `, @ or %",
    "mapping values are not allowed": "; check the indentation, and quote a text that contains ': '",
}

Lines = dict[tuple[str | int, ...], int]


@dataclass(slots=True)
class Document:
    """The values of one file, the 1-based line of each key's path, and the bytes it was read from."""

    path: str
    data: dict[str, Any]
    lines: Lines
    raw: bytes = b""


@dataclass(slots=True)
class _Open:
    """A mapping or sequence whose end has not come yet."""

    value: dict[str, Any] | list[Any]
    where: tuple[str | int, ...]
    key: str | None = None
    seen: set[str] = field(default_factory=set)


def read(path: Path) -> Document:
    """The mapping in a file; Misconfigured, with file and line, for anything that is not a plain YAML mapping."""
    name = shown(path)
    try:
        raw = textfile.read_regular(path, MAX_BYTES + 1)
    except (OSError, ValueError) as fault:
        raise Misconfigured([Problem(name, 0, f"cannot be read: {textfile.reason(fault)}")]) from None
    if raw is None:
        raise Misconfigured([Problem(name, 0, "is not a regular file")])
    if len(raw) > MAX_BYTES:
        raise Misconfigured([Problem(name, 0, f"is larger than {MAX_BYTES // 1024} KiB; a checklist is a few pages")])
    return parse(raw, name)


def parse(raw: bytes, name: str) -> Document:
    """The mapping in `raw`; `name` is how errors call the file."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = raw[: fault.start].count(b"\n") + 1
        raise Misconfigured([Problem(name, line, "is not UTF-8; save the file as UTF-8")]) from None
    builder = _Builder(name)
    try:
        for event in _events(text):
            builder.take(event)
    except (yaml.YAMLError, ValueError) as fault:
        raise Misconfigured([_not_yaml(fault, raw, name)]) from None
    document = builder.document()
    document.raw = raw
    return document


def _not_yaml(fault: Exception, raw: bytes, name: str) -> Problem:
    if isinstance(fault, yaml.MarkedYAMLError):
        mark = fault.problem_mark or fault.context_mark
        problem = str(fault.problem)
        hint = next((hint for words, hint in _HINTS.items() if words in problem), "")
        return Problem(name, mark.line + 1 if mark else 0, f"is not YAML: {problem}{hint}")
    position = getattr(fault, "position", None)
    line = raw[:position].count(b"\n") + 1 if isinstance(position, int) else 0
    return Problem(name, line, f"is not YAML: {str(fault).splitlines()[0]}")


def _events(text: str) -> Iterator[yaml.Event]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    yield from yaml.parse(text, Loader=loader)


class _Builder:
    """Events in, one tree out; iterative, so that a deeply nested file cannot exhaust the stack."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.root: Any = None
        self.documents = 0
        self.stack: list[_Open] = []
        self.lines: Lines = {}

    def document(self) -> Document:
        if self.root is None:
            raise Misconfigured([Problem(self.name, 0, "is empty; it needs at least `version: 1`")])
        if not isinstance(self.root, dict):
            raise Misconfigured([Problem(self.name, 1, "is not a mapping; it starts with `version: 1`")])
        return Document(self.name, self.root, self.lines)

    def take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self.refuse(line, "holds more than one document; keep one")
        elif isinstance(event, yaml.AliasEvent):
            self.refuse(line, f"uses the alias *{str(event.anchor)[:80]}; write the value out")
        elif isinstance(event, yaml.NodeEvent):
            self.node(event, line)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self.stack.pop()

    def node(self, event: yaml.NodeEvent, line: int) -> None:
        if event.anchor is not None:
            self.refuse(line, f"uses the anchor &{event.anchor[:80]}; write the value out where it is needed")
        if (tag := getattr(event, "tag", None)) is not None:
            self.refuse(line, f"uses the tag {tag[:80]!r}; only plain values are read")
        if isinstance(event, yaml.ScalarEvent):
            plain = event.implicit[0]
            self.scalar(event.value, plain, line)
        elif len(self.stack) >= MAX_DEPTH:
            self.refuse(line, f"is nested deeper than {MAX_DEPTH} levels")
        else:
            value: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
            self.stack.append(_Open(value, self.place(value, line)))

    def scalar(self, text: str, plain: bool, line: int) -> None:
        top = self.stack[-1] if self.stack else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            if text in top.seen:
                first = self.lines[(*top.where, text)]
                self.refuse(line, f"has the key {text[:80]!r} twice (first on line {first}); keep one")
            if plain and text == "<<":
                self.refuse(line, "uses the merge key <<; write the values out")
            top.seen.add(text)
            top.key = text
            self.lines[(*top.where, text)] = line
        else:
            self.place(_plain(text) if plain else text, line)

    def place(self, value: Any, line: int) -> tuple[str | int, ...]:
        """Put a value where it belongs and return its path."""
        if not self.stack:
            self.root = value
            return ()
        top = self.stack[-1]
        if isinstance(top.value, list):
            top.value.append(value)
            where = (*top.where, len(top.value) - 1)
            self.lines[where] = line
            return where
        if top.key is None:
            self.refuse(line, "has a key that is not a plain text")
        top.value[top.key] = value
        where, top.key = (*top.where, top.key), None
        return where

    def refuse(self, line: int, message: str) -> NoReturn:
        raise Misconfigured([Problem(self.name, line, message)])


def _plain(text: str) -> Any:
    """An unquoted scalar by YAML 1.2's core schema: `on`, `yes` and dates stay texts."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
