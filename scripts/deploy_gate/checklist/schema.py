"""The JSON Schema of a checklist file, for editors; generated from the models that also read the file."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import cache
from typing import Any

from deploy_gate.checklist.model import Checklist

DIALECT = "https://json-schema.org/draft/2020-12/schema"
WHOLE = ("When", "Waiver")
"""Parts that are written whole; of any other part an overlay may give only what differs."""

Node = dict[str, Any]


def schema() -> Node:
    """The schema as plain JSON values, draft 2020-12; a file that only overlays the bundled checklist satisfies it."""
    raw = deepcopy(_raw())
    for name, part in raw["$defs"].items():
        if name not in WHOLE:
            part.pop("required", None)
    head = {"$schema": DIALECT, "title": "deploy-gate checklist", "description": "A checklist file of deploy-gate."}
    body: Node = _tidy({key: value for key, value in raw.items() if key not in head})
    return head | body


def text() -> str:
    """The schema as the file that is committed."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def legal_keys(where: tuple[str | int, ...]) -> list[str]:
    """The keys that the format knows at a path of a checklist; none where the user chooses them."""
    node = _raw()
    for step in where:
        node = _resolve(node)
        node = node.get("properties", {}).get(step) or _any_child(node)
    return list(_resolve(node).get("properties", {}))


@cache
def _raw() -> Node:
    return Checklist.model_json_schema(by_alias=True)


def _any_child(node: Node) -> Node:
    for one in (*node.get("patternProperties", {}).values(), node.get("additionalProperties"), node.get("items")):
        if isinstance(one, dict):
            return one
    return {}


def _resolve(node: Node) -> Node:
    for one in (node, *node.get("anyOf", ())):
        if "$ref" in one:
            target: Node = _raw()["$defs"][one["$ref"].rsplit("/", 1)[1]]
            return target
    return node


def _tidy(node: Any) -> Any:
    """Without the titles that only repeat a key, and with descriptions on one line."""
    if isinstance(node, list):
        return [_tidy(one) for one in node]
    if not isinstance(node, dict):
        return node
    if "patternProperties" in node:
        node = {**node, "additionalProperties": False}
    return {
        key: " ".join(value.split()) if key == "description" and isinstance(value, str) else _tidy(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str))
    }
