"""What an application reads from its environment, as a file: made where its code may run, used where secrets are."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy_gate import process
from deploy_gate.facts import git, interpreter, textfile
from deploy_gate.facts.envuse import NAME
from deploy_gate.result import CouldNotTell, brief

MAX_BYTES = 1024 * 1024
MAX_FIELDS = 2000
MAX_PATTERN = 500
SECONDS = 120.0
_MODEL = re.compile(r"[A-Za-z_][\w.]{0,200}:[A-Za-z_][\w.]{0,200}", re.ASCII)
_SENT = Path(__file__).resolve().parents[1] / "sent" / "settings_model.py"
# What the application prints while it is imported must not get into the answer.
_CALL = "\nimport json as _json\n_found = main({'model': sys.argv[1]})\n"
_CALL += "with open(sys.argv[2], 'w', encoding='utf-8') as _stream:\n    _json.dump(_found, _stream)\n"
_FIX = "make it again with `do settings-schema`"
_OPTIONS: Mapping[str, type | tuple[type, ...]] = {
    "sensitive": bool,
    "delimiter": str,
    "ignore_empty": bool,
    "none": (str, type(None)),
}


@dataclass(frozen=True, slots=True)
class Schema:
    """The release it was made of (a git tree, or empty), how names are read, and each field."""

    tree: str
    options: Mapping[str, Any]
    fields: Sequence[Mapping[str, Any]]


def is_model(text: str) -> bool:
    """Whether it is `module:Class`."""
    return _MODEL.fullmatch(text) is not None


def export(model: str, python: str, env: list[str]) -> Schema:
    """What the consumer's class says in its own interpreter; CouldNotTell when it cannot be imported there."""
    program = interpreter.find(python)
    interpreter.required(program, "pydantic-settings")
    with tempfile.TemporaryDirectory(prefix="deploy-gate-") as folder:
        file = Path(folder, "settings.json")
        code = _SENT.read_text(encoding="utf-8") + _CALL
        argv: list[str | Path] = [program, "-c", code, model, file]
        done = process.run(argv, timeout=SECONDS, pass_env=env, env=interpreter.environment(program))
        if done.code:
            found = f"{model} ended with exit code {done.code}: {done.last_words(1)}"
            fix = "import it by hand in that interpreter; variables that this needs are named in `env`"
            raise CouldNotTell(found, fix)
        made = _checked(textfile.read(file, MAX_BYTES) or b"", model)
    return Schema(git.tree(), made.options, made.fields)


def read(file: Path) -> Schema:
    """A file of before; CouldNotTell when it is none, or was made of another release than the one checked out."""
    name = brief(str(file), 200)
    raw = textfile.read(file, MAX_BYTES)
    if raw is None:
        raise CouldNotTell(f"there is no {name}", "run `do settings-schema` before, and hand its file on")
    found = _checked(raw, name)
    here = git.tree()
    if here and found.tree and here != found.tree:
        raise CouldNotTell(f"{name} was made of {found.tree[:12]}, and {here[:12]} is checked out", _FIX)
    return found


def dumps(schema: Schema) -> str:
    """As a file."""
    data = {"schema": 1, "tree": schema.tree, "options": schema.options, "fields": schema.fields}
    return json.dumps(data, indent=1, sort_keys=True) + "\n"


def _checked(raw: bytes, name: str) -> Schema:
    """It was written by the repository's code, so it is believed in nothing but its form."""
    try:
        data = json.loads(raw)
        options = {key: data["options"][key] for key in _OPTIONS}
        good = all(isinstance(options[key], kinds) for key, kinds in _OPTIONS.items())
        fields = [_field(one) for one in data["fields"]]
        tree = str(data.get("tree", ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        good, fields, options, tree = False, [], {}, ""
    if not good or len(fields) > MAX_FIELDS:
        raise CouldNotTell(f"{name} is no description of settings", _FIX)
    if not fields:
        raise CouldNotTell(f"{name} reads no variable", "name the class with the application's settings")
    return Schema(tree if re.fullmatch("[0-9a-f]{40,64}", tree) else "", options, fields)


def _field(one: Any) -> dict[str, Any]:
    names, above, shape = one["names"], one["above"], one["shape"]
    if not names or not all(isinstance(text, str) and NAME.fullmatch(text) for text in [*names, *above]):
        raise ValueError("a name is none")
    if not isinstance(shape, dict) or len(str(shape.get("pattern", ""))) > MAX_PATTERN:
        raise ValueError("a shape is none")
    return {"names": names, "above": above, "required": one["required"] is True, "shape": shape}


def expected(shape: Mapping[str, Any]) -> str:
    """`an integer, at least 1, at most 100`: what would be right, in words."""
    if "anyOf" in shape:
        parts = [expected(one) for one in shape["anyOf"] if one.get("type") != "null"]
        return brief(" or ".join(dict.fromkeys(parts)), 160)
    if "enum" in shape or "const" in shape:
        return brief("one of " + ", ".join(str(one) for one in shape.get("enum", [shape.get("const")])), 160)
    kind = str(shape.get("type", "another form"))
    words = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "string": "a text"}
    words |= {"array": "a JSON list", "object": "a JSON object"}
    bounds = [f"{word} {shape[key]}" for key, word in _BOUNDS.items() if key in shape]
    return brief(", ".join([words.get(kind, kind), *bounds]), 160)


_BOUNDS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
    "minLength": "of at least length",
    "maxLength": "of at most length",
    "pattern": "like",
    "format": "as",
    "multipleOf": "a multiple of",
}
