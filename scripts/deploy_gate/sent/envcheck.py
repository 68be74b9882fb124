"""Holds the settings in a server's files against what the application expects. Runs there; only words leave.

For each variable one word at most: missing, empty, wrong, or nothing. Whoever writes the expectation (the candidate's
model) learns no more of a value than whether it fits, once for each variable.
"""

from __future__ import annotations

import json
import re
import resource
import uuid
from datetime import date, datetime
from pathlib import Path

from deploy_gate import dotenv

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

MOST = 1024 * 1024
SECONDS = 20
_WHOLE = re.compile(r"\s*[+-]?\d+(_\d+)*(\.0+)?\s*", re.ASCII)
_TRUTH = {"0", "off", "f", "false", "n", "no", "1", "on", "t", "true", "y", "yes"}
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")


def main(given: dict[str, Any]) -> dict[str, Any]:
    """`words` by the first name of each field, `files` that were read; `trouble` where one cannot be."""
    # A pattern of the candidate's that never ends must not keep a processor of this server.
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    values: dict[str, str] = {}
    for path in given["files"]:
        try:
            values.update(_parsed(path))
        except OSError as fault:
            return {"trouble": f"{path}: {fault.strerror}"}
        except ValueError as fault:
            # It names a line, and never what stands in it.
            return {"trouble": f"{path}: {fault}"}
    options = given["options"]
    known = values if options["sensitive"] else {name.lower(): value for name, value in values.items()}
    words: dict[str, str] = {}
    asked: set[str] = set()
    for field in given["fields"]:
        names = [name if options["sensitive"] else name.lower() for name in field["names"]]
        if asked & set(names):
            continue
        asked.update(names)
        words[field["names"][0]] = _word(field, names, known, options)
    return {"words": words, "names": len(values)}


def _parsed(path: str) -> Mapping[str, str]:
    with Path(path).open("rb") as stream:
        raw = stream.read(MOST + 1)
    if len(raw) > MOST:
        raise ValueError(f"it is larger than {MOST} bytes")
    return dotenv.parse(raw.decode(errors="replace"))


def _word(field: dict[str, Any], names: list[str], known: Mapping[str, str], options: dict[str, Any]) -> str:
    value = next((known[name] for name in names if name in known), None)
    if value is None or (value == "" and options["ignore_empty"]):
        above = [name if options["sensitive"] else name.lower() for name in field["above"]]
        given = any(known.get(name) for name in above)
        return ("missing" if value is None else "empty") if field["required"] and not given else ""
    if value == "" and field["required"]:
        return "empty"
    if options["none"] is not None and value == options["none"]:
        return ""
    return "" if fits(value, field["shape"]) else "wrong"


def fits(value: str, shape: dict[str, Any]) -> bool:
    """Whether a text can become what the schema describes, as pydantic reads texts."""
    if "anyOf" in shape:
        return any(one.get("type") != "null" and fits(value, one) for one in shape["anyOf"])
    if "enum" in shape or "const" in shape:
        return value in [str(one) for one in shape.get("enum", [shape.get("const")])]
    kind = shape.get("type")
    reader = _KINDS.get(kind) if isinstance(kind, str) else None
    return reader is None or reader(value, shape)


def _integer(value: str, shape: dict[str, Any]) -> bool:
    if not _WHOLE.fullmatch(value) or len(value) > 4000:
        return False
    return _bounded(int(value.strip().split(".")[0].replace("_", "")), shape)


def _number(value: str, shape: dict[str, Any]) -> bool:
    try:
        return _bounded(float(value), shape)
    except ValueError:
        return False


def _bounded(number: float, shape: dict[str, Any]) -> bool:
    multiple = shape.get("multipleOf")
    return (
        ("minimum" not in shape or number >= shape["minimum"])
        and ("maximum" not in shape or number <= shape["maximum"])
        and ("exclusiveMinimum" not in shape or number > shape["exclusiveMinimum"])
        and ("exclusiveMaximum" not in shape or number < shape["exclusiveMaximum"])
        and (not multiple or number % multiple == 0)
    )


def _boolean(value: str, _: dict[str, Any]) -> bool:
    return value.strip().lower() in _TRUTH


def _string(value: str, shape: dict[str, Any]) -> bool:
    if not shape.get("minLength", 0) <= len(value) <= shape.get("maxLength", MOST):
        return False
    pattern = shape.get("pattern")
    try:
        if pattern is not None and not re.search(pattern, value):
            return False
    except re.error:
        pass  # the consumer's engine knows more than this one
    return _formatted(value, str(shape.get("format", "")))


def _formatted(value: str, form: str) -> bool:
    try:
        if form == "uuid":
            uuid.UUID(value)
        elif form == "date":
            date.fromisoformat(value)
        elif form == "date-time" and not value.isdigit():
            datetime.fromisoformat(value.replace("Z", "+00:00"))  # noqa: FURB162 - Python 3.9 knows no Z
    except ValueError:
        return False
    return form not in ("uri", "multi-host-uri") or _URI.fullmatch(value) is not None


def _json(value: str, shape: dict[str, Any]) -> bool:
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, list if shape["type"] == "array" else dict)


_KINDS = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "string": _string,
    "array": _json,
    "object": _json,
}
