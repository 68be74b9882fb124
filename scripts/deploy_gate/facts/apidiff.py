"""Which changes of an API break its clients: operations, parameters, bodies and answers of two OpenAPI documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from deploy_gate.facts.schemadiff import Comparison, Reader, Schema
from deploy_gate.result import brief

# Words of ours in a place, which tell nothing of this API.
_OURS = {"request", "body", "answer", "query", "header", "cookie", "parameter"}
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


@dataclass(frozen=True, slots=True)
class Break:
    """One change that breaks clients; `names` are the words by which a changelog may tell of it."""

    operation: str
    place: str
    what: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        place = f" {self.place}" if self.place else ""
        return f"{self.operation}:{place} {self.what}"


def breaking(old: Schema, new: Schema) -> list[Break]:
    """Every breaking change from `old` to `new`; what several operations share is named once."""
    return list(_Documents(old, new).all())


@dataclass(frozen=True, slots=True)
class _Operation:
    method: str
    path: str
    body: Schema
    shared: list[Any]

    @property
    def name(self) -> str:
        return brief(f"{self.method.upper()} {self.path}", 160)


class _Documents:
    def __init__(self, old: Schema, new: Schema) -> None:
        self.old, self.new = Reader(old), Reader(new)
        self.schemas = Comparison(self.old, self.new)

    def all(self) -> Iterator[Break]:
        now = _operations(self.new)
        for key, before in _operations(self.old).items():
            after = now.get(key)
            if after is None:
                yield self.broken(before, "", "is removed")
                continue
            yield from self.parameters(before, after)
            yield from self.body(before, after)
            yield from self.answers(before, after)
            if not _secured(self.old, before) and _secured(self.new, after):
                yield self.broken(before, "", "needs authentication now")

    def broken(self, operation: _Operation, place: str, what: str) -> Break:
        words = [part for part in re.split(r"[.\[\]{} ]+", place) if len(part) >= 4 and part not in _OURS]
        return Break(operation.name, place, what, (operation.path, *words))

    def parameters(self, before: _Operation, after: _Operation) -> Iterator[Break]:
        known, now = _parameters(self.old, before), _parameters(self.new, after)
        for key, parameter in now.items():
            where = f"{key[0]} parameter {brief(key[1])}"
            if key not in known:
                if parameter.get("required") is True:
                    yield self.broken(before, where, "is new and required")
                continue
            if parameter.get("required") is True and known[key].get("required") is not True:
                yield self.broken(before, where, "is required now")
            pair = known[key].get("schema"), parameter.get("schema")
            yield from self.compared(before, pair, where, way="request")

    def body(self, before: _Operation, after: _Operation) -> Iterator[Break]:
        known, _ = self.old.follow(before.body.get("requestBody"))
        now, _ = self.new.follow(after.body.get("requestBody"))
        if not isinstance(now, dict):
            return
        was_required = isinstance(known, dict) and known.get("required") is True
        if now.get("required") is True and not was_required:
            yield self.broken(before, "request body", "is required now")
        if isinstance(known, dict):
            yield from self.contents(before, known, now, "request body")

    def answers(self, before: _Operation, after: _Operation) -> Iterator[Break]:
        known, now = _responses(before), _responses(after)
        for status, response in known.items():
            if not status.startswith("2") and status != "default":
                continue
            if status not in now:
                yield self.broken(before, f"answer {brief(status)}", "is removed")
                continue
            old, _ = self.old.follow(response)
            new, _ = self.new.follow(now[status])
            if isinstance(old, dict) and isinstance(new, dict):
                yield from self.contents(before, old, new, f"answer {brief(status)}")

    def contents(self, operation: _Operation, old: Schema, new: Schema, where: str) -> Iterator[Break]:
        known, now = (one["content"] if isinstance(one.get("content"), dict) else {} for one in (old, new))
        for kind, content in known.items():
            if kind not in now:
                yield self.broken(operation, where, f"is no longer {brief(kind)}")
            elif isinstance(content, dict) and isinstance(now[kind], dict):
                way = "request" if where == "request body" else "response"
                yield from self.compared(operation, (content.get("schema"), now[kind].get("schema")), where, way=way)

    def compared(self, operation: _Operation, pair: tuple[Any, Any], where: str, *, way: Any) -> Iterator[Break]:
        for place, what in self.schemas.breaks(*pair, where, way):
            yield self.broken(operation, place, what)


def _operations(reader: Reader) -> dict[tuple[str, str], _Operation]:
    found: dict[tuple[str, str], _Operation] = {}
    for path, node in reader.document.get("paths", {}).items():
        item, _ = reader.follow(node)
        if not isinstance(item, dict):
            continue
        shared = item["parameters"] if isinstance(item.get("parameters"), list) else []
        for method in METHODS:
            if isinstance(item.get(method), dict):
                # A path's parameters may get other names without anybody noticing.
                template = re.sub(r"\{[^}]*\}", "{}", str(path))
                found[method, template] = _Operation(method, str(path), item[method], shared)
    return found


def _parameters(reader: Reader, operation: _Operation) -> dict[tuple[str, str], Schema]:
    own = operation.body["parameters"] if isinstance(operation.body.get("parameters"), list) else []
    found = {}
    for node in (*operation.shared, *own):
        one, _ = reader.follow(node)
        if isinstance(one, dict) and one.get("in") != "path":
            found[str(one.get("in")), str(one.get("name"))] = one
    return found


def _responses(operation: _Operation) -> dict[str, Any]:
    found = operation.body.get("responses")
    return {str(status): one for status, one in found.items()} if isinstance(found, dict) else {}


def _secured(reader: Reader, operation: _Operation) -> bool:
    needed = operation.body.get("security", reader.document.get("security"))
    return isinstance(needed, list) and bool(needed) and {} not in needed
