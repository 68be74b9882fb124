"""What a pydantic-settings class reads from the environment, as plain JSON: names, whether required, and types.

Runs in the consumer's interpreter. The class is looked at, never made, so no value is needed or seen.
"""

from __future__ import annotations

import importlib
import operator
import sys
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_DEPTH = 5
_KEPT = {
    *("type", "enum", "const", "format", "pattern", "minLength", "maxLength", "minimum", "maximum"),
    *("exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}


def main(given: dict[str, Any]) -> dict[str, Any]:
    """The fields of `module:Class`."""
    sys.path.insert(0, str(Path.cwd()))
    module, _, name = given["model"].partition(":")
    model = operator.attrgetter(name)(importlib.import_module(module))
    if not isinstance(model, type):
        model = type(model)
    config = getattr(model, "model_config", None)
    if config is None or "env_prefix" not in config:
        raise TypeError(f"{given['model']} is no class of pydantic-settings")
    options = {
        "sensitive": bool(config.get("case_sensitive")),
        "delimiter": config.get("env_nested_delimiter") or "",
        "ignore_empty": bool(config.get("env_ignore_empty")),
        "none": config.get("env_parse_none_str"),
    }
    fields = list(_fields(model, config.get("env_prefix") or "", options, [], True, 0))
    return {"options": options, "fields": fields}


def _fields(
    model: Any,
    prefix: str,
    options: dict[str, Any],
    above: list[str],
    required: bool,
    depth: int,
) -> list[dict[str, Any]]:
    schema = model.model_json_schema(mode="validation", by_alias=False)
    shapes, known = schema.get("properties", {}), schema.get("$defs", {})
    before = _before(model)
    found = []
    for name, field in model.model_fields.items():
        names = _names(name, field, prefix, model.model_config, depth)
        needed = required and field.is_required()
        inner = _model(field.annotation)
        if inner is not None and options["delimiter"] and depth < MAX_DEPTH:
            stem = names[0] + options["delimiter"]
            found += _fields(inner, stem, options, [*above, *names], needed, depth + 1)
            continue
        free = name in before or "*" in before or _own_validator(field)
        shape = {} if free else _shape(shapes.get(name, {}), known)
        if shape.get("type") in ("array", "object") and not _decoded(field, model.model_config):
            shape = {}
        found.append({"names": names, "above": above, "required": needed, "shape": shape})
    return found


def _names(name: str, field: Any, prefix: str, config: Any, depth: int) -> list[str]:
    """As pydantic-settings looks for them: an alias stands for itself, a name has the prefix."""
    alias = field.validation_alias
    choices = getattr(alias, "choices", None) or ([alias] if alias is not None else [])
    texts = [one if isinstance(one, str) else str(one.path[0]) for one in choices]
    aliases = [prefix + one if depth else one for one in texts]
    named = not aliases or config.get("populate_by_name") or config.get("validate_by_name")
    return [*aliases, *([prefix + name] if named else [])]


def _model(annotation: Any) -> Any:
    """The model that a field holds, also where it may be None."""
    arms = [one for one in getattr(annotation, "__args__", ()) if one is not type(None)]
    for one in [annotation, *(arms if len(arms) == 1 else [])]:
        if isinstance(one, type) and hasattr(one, "model_fields") and not getattr(one, "__args__", ()):
            return one
    return None


def _before(model: Any) -> set[str]:
    """Fields whose text is changed by a validator of the class before its type is looked at."""
    decorators = model.__pydantic_decorators__
    found: set[str] = set()
    for one in decorators.field_validators.values():
        if one.info.mode != "after":
            found.update(one.info.fields)
    return found


def _decoded(field: Any, config: Any) -> bool:
    """Whether its text is read as JSON first."""
    marks = {getattr(one, "__name__", type(one).__name__) for one in field.metadata}
    return "ForceDecode" in marks or ("NoDecode" not in marks and config.get("enable_decoding", True) is not False)


def _own_validator(field: Any) -> bool:
    return any(type(one).__name__ in ("BeforeValidator", "WrapValidator", "PlainValidator") for one in field.metadata)


def _shape(schema: Any, known: dict[str, Any], depth: int = 0) -> dict[str, Any]:
    """The part of a JSON schema that can be held against a text."""
    if depth > MAX_DEPTH or not isinstance(schema, dict):
        return {}
    if "$ref" in schema:
        return _shape(known.get(str(schema["$ref"]).rpartition("/")[2], {}), known, depth + 1)
    if "allOf" in schema and len(schema["allOf"]) == 1:
        return _shape(schema["allOf"][0], known, depth + 1)
    kept = {key: value for key, value in schema.items() if key in _KEPT}
    for key in ("anyOf", "oneOf"):
        if key in schema:
            kept["anyOf"] = [_shape(one, known, depth + 1) for one in schema[key]]
    return kept
