"""What of a JSON Schema breaks a client when it changes: other rules for what is sent than for what comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from deploy_gate.result import brief

Way = Literal["request", "response"]
MAX_DEPTH = 60
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_LIKE = ("pattern", "format", "multipleOf")
Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """A schema with its references followed, `allOf` laid together and null taken out."""

    name: str = ""
    types: frozenset[str] = frozenset()
    null: bool = False
    properties: Schema = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    options: tuple[Any, ...] = ()
    rest: Schema = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """What tells one alternative from another."""
        return self.name or f"{sorted(self.types)}{self.rest.get('title', '')}{self.rest.get('format', '')}"


class Reader:
    """Schemas of one document."""

    def __init__(self, document: Schema) -> None:
        self.document = document

    def follow(self, node: Any) -> tuple[Any, str]:
        """What a chain of references leads to, and the last name in it."""
        name = ""
        for _ in range(20):
            if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
                break
            name = node["$ref"].rsplit("/", 1)[-1]
            target: Any = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                step = part.replace("~1", "/").replace("~0", "~")
                target = target.get(step) if isinstance(target, dict) else None
            node = target
        return node, name

    def shape(self, node: Any, depth: int = 0) -> Shape:
        """The shape of a schema; an empty one for what is none."""
        found, name = self.follow(node)
        if not isinstance(found, dict) or depth > 20:
            return Shape(name)
        merged = self._merged(found, depth)
        options, null = self._options(merged)
        if len(options) == 1:
            inner = self.shape(options[0], depth + 1)
            return Shape(
                name or inner.name,
                inner.types,
                null or inner.null,
                inner.properties,
                inner.required,
                inner.options,
                inner.rest,
            )
        types = merged.get("type", ())
        listed = {types} if isinstance(types, str) else {one for one in types if isinstance(one, str)}
        null = null or "null" in listed or merged.get("nullable") is True
        required = frozenset(one for one in _list(merged, "required") if isinstance(one, str))
        properties = merged["properties"] if isinstance(merged.get("properties"), dict) else {}
        return Shape(name, frozenset(listed - {"null"}), null, properties, required, tuple(options), merged)

    def _merged(self, node: Schema, depth: int) -> Schema:
        merged = dict(node)
        for part in _list(node, "allOf"):
            found, _ = self.follow(part)
            if isinstance(found, dict) and depth < 20:
                more = self._merged(found, depth + 1)
                both = {**(_dict(merged, "properties")), **_dict(more, "properties")}
                needed = [*_list(merged, "required"), *_list(more, "required")]
                merged = {**more, **merged, "properties": both, "required": needed}
        return merged

    def _options(self, node: Schema) -> tuple[list[Any], bool]:
        both = [*_list(node, "anyOf"), *_list(node, "oneOf")]
        kept = [one for one in both if not (isinstance(one, dict) and one.get("type") == "null")]
        return kept, len(kept) < len(both)


def _list(node: Schema, key: str) -> list[Any]:
    return node[key] if isinstance(node.get(key), list) else []


def _dict(node: Schema, key: str) -> Schema:
    return node[key] if isinstance(node.get(key), dict) else {}


class Comparison:
    """Compares schemas of two documents; each pair of named schemas once a way."""

    def __init__(self, old: Reader, new: Reader) -> None:
        self.old, self.new = old, new
        self.seen: set[tuple[str, str, Way]] = set()

    def breaks(self, old: Any, new: Any, at: str, way: Way, depth: int = 0) -> Iterator[tuple[str, str]]:
        """Place and text of everything that breaks a client."""
        before, after = self.old.shape(old), self.new.shape(new)
        if before.name and after.name:
            pair = (before.name, after.name, way)
            if pair in self.seen:
                return
            self.seen.add(pair)
        if depth > MAX_DEPTH:
            return
        at = after.name or before.name or at
        if before.options or after.options:
            yield from self._options(before, after, at, way, depth)
            return
        yield from _types(before, after, at, way)
        yield from _enum(before, after, at, way)
        if way == "request":
            yield from _limits(before, after, at)
        yield from _properties(before, after, at, way)
        yield from self._inside(before, after, at, way, depth)

    def _inside(self, before: Shape, after: Shape, at: str, way: Way, depth: int) -> Iterator[tuple[str, str]]:
        for name in before.properties:
            if name in after.properties:
                pair = before.properties[name], after.properties[name]
                yield from self.breaks(*pair, f"{at}.{name}", way, depth + 1)
        for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
            inner = before.rest.get(key), after.rest.get(key)
            if all(isinstance(one, dict) for one in inner):
                yield from self.breaks(*inner, at + mark, way, depth + 1)

    def _options(self, before: Shape, after: Shape, at: str, way: Way, depth: int) -> Iterator[tuple[str, str]]:
        known = {self.old.shape(one).kind: one for one in before.options or (before.rest,)}
        now = {self.new.shape(one).kind: one for one in after.options or (after.rest,)}
        gone = [kind for kind in known if kind not in now] if way == "request" else []
        come = [kind for kind in now if kind not in known] if way == "response" else []
        for kind in gone:
            yield at, f"the alternative {brief(kind)} is no longer accepted"
        for kind in come:
            yield at, f"may be the new alternative {brief(kind)}"
        for kind, option in known.items():
            if kind in now:
                yield from self.breaks(option, now[kind], at, way, depth + 1)


def _types(before: Shape, after: Shape, at: str, way: Way) -> Iterator[tuple[str, str]]:
    wide, narrow = (after, before) if way == "request" else (before, after)
    # What one side sends must be among what the other side takes; without a type, everything is.
    taken = wide.types | ({"integer"} if "number" in wide.types else set())
    if wide.types and (not narrow.types or narrow.types - taken):
        yield at, f"type changed from {_names(before)} to {_names(after)}"
    if way == "request" and before.null and not after.null and after.types:
        yield at, "null is no longer accepted"
    if way == "response" and after.null and not before.null and before.types:
        yield at, "may be null now"


def _names(shape: Shape) -> str:
    return " or ".join(sorted(shape.types)) or "anything"


def _enum(before: Shape, after: Shape, at: str, way: Way) -> Iterator[tuple[str, str]]:
    known, now = before.rest.get("enum"), after.rest.get("enum")
    if way != "request" or not isinstance(now, list):
        return
    if not isinstance(known, list):
        if "const" not in before.rest:
            yield at, "only certain values are accepted now"
        return
    gone = [one for one in known if one not in now]
    if gone:
        yield at, f"values no longer accepted: {brief(', '.join(json.dumps(one) for one in gone), 120)}"


def _limits(before: Shape, after: Shape, at: str) -> Iterator[tuple[str, str]]:
    for name in (*_UPPER, *_LOWER, *_LIKE):
        old, new = before.rest.get(name), after.rest.get(name)
        if new is None or old == new:
            continue
        numbers = all(isinstance(one, int | float) for one in (old, new))
        wider = numbers and ((name in _UPPER and new > old) or (name in _LOWER and new < old))
        if not wider and not (name in _LOWER and old is None and new == 0):
            yield at, f"{name} changed from {_limit(old)} to {_limit(new)}"


def _limit(value: Any) -> str:
    return "none" if value is None else brief(json.dumps(value), 60)


def _properties(before: Shape, after: Shape, at: str, way: Way) -> Iterator[tuple[str, str]]:
    gone = [name for name in before.properties if name not in after.properties]
    if way == "request":
        for name in sorted(after.required - before.required):
            now = "is required now" if name in before.properties else "is new and required"
            yield f"{at}.{brief(name)}", now
        if after.rest.get("additionalProperties") is False:
            for name in gone:
                yield f"{at}.{brief(name)}", "is no longer accepted"
        return
    for name in gone:
        yield f"{at}.{brief(name)}", "is removed from the answer"
    for name in sorted((before.required - after.required) & after.properties.keys()):
        yield f"{at}.{brief(name)}", "is no longer always in the answer"
