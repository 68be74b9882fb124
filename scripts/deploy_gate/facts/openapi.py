"""OpenAPI documents: read with bounds, compared by meaning and not by text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from deploy_gate.result import CouldNotTell, brief

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 100
# Under these keys stand names that somebody chose, not words of the format.
_MAPS = {
    *("properties", "patternProperties", "dependentSchemas", "$defs", "definitions", "paths", "webhooks", "schemas"),
    *("responses", "parameters", "headers", "requestBodies", "securitySchemes", "callbacks", "links", "examples"),
    *("content", "variables", "mapping", "scopes", "encoding"),
}
_VALUES = {"example", "default", "const", "value"}
# Lists whose order says nothing.
_SETS = {"required", "enum", "type", "tags", "parameters", "security", "allOf", "anyOf", "oneOf"}


def parse(raw: bytes, name: str) -> dict[str, Any]:
    """The document in JSON or YAML; CouldNotTell when it is neither, or no OpenAPI 3."""
    fix = "see what it holds: it must be an OpenAPI 3 document, and nothing else"
    try:
        data = json.loads(raw) if raw.lstrip()[:1] == b"{" else _yaml(raw)
    except (ValueError, RecursionError):
        raise CouldNotTell(f"{name} is neither JSON nor plain YAML", fix) from None
    if not isinstance(data, dict) or not str(data.get("openapi", "")).startswith("3."):
        raise CouldNotTell(f"{name} is no OpenAPI 3 document", fix)
    if not isinstance(data.get("paths"), dict) or _deep(data):
        raise CouldNotTell(f"{name} has no `paths`, or is nested deeper than {MAX_DEPTH} levels", fix)
    return data


def _yaml(raw: bytes) -> Any:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _refuse_costly(yaml.parse(raw, Loader=loader))
        return yaml.load(raw, Loader=loader)  # noqa: S506 - a safe loader  # nosec B506
    except yaml.YAMLError as fault:
        raise ValueError from fault


def _refuse_costly(events: Iterator[Any]) -> None:
    """ValueError for what is small to write and endless to walk through: an alias of an alias, brackets alone."""
    import yaml

    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH or isinstance(event, yaml.AliasEvent):
            raise ValueError("too deep, or an alias")


def _deep(data: Any) -> bool:
    level = [data]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for one in level:
            if isinstance(one, dict | list):
                inner.extend(one.values() if isinstance(one, dict) else one)
        if not inner:
            return False
        level = inner
    return True


def differences(committed: dict[str, Any], exported: dict[str, Any], ignore: list[str]) -> Iterator[tuple[str, str]]:
    """Place and kind (added, removed, changed) of everything that means something else in `exported`."""
    hidden = {tuple(place.split(".")) for place in ignore}
    yield from _walk(_canonical(committed), _canonical(exported), (), hidden)


def _walk(old: Any, new: Any, place: tuple[str, ...], hidden: set[tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    if place in hidden:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(one for one in new if one not in old)]:
            inner = (*place, str(key))
            if inner in hidden:
                continue
            if key not in new or key not in old:
                yield _shown(inner), "removed" if key in old else "added"
            else:
                yield from _walk(old[key], new[key], inner, hidden)
    elif not _same(old, new):
        yield _shown(place), f"changed from {brief(json.dumps(old), 60)} to {brief(json.dumps(new), 60)}"


def _shown(place: tuple[str, ...]) -> str:
    return brief(" › ".join(place), 200)


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, bool) != isinstance(new, bool):
        return False  # to Python, True is 1
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(_same(*pair) for pair in zip(old, new, strict=True))
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_same(old[key], new[key]) for key in old)
    return bool(old == new)


def _canonical(node: Any, *, names: bool = False, key: str = "") -> Any:
    """The same document with every list in a fixed order whose order says nothing."""
    if not names and key in _VALUES:
        return node
    if isinstance(node, dict):
        inside = not names and key in _MAPS
        return {str(one): _canonical(value, names=inside, key=str(one)) for one, value in node.items()}
    if not isinstance(node, list):
        return node
    made = [_canonical(one) for one in node]
    return sorted(made, key=lambda one: json.dumps(one, sort_keys=True)) if key in _SETS and not names else made
