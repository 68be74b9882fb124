"""From pydantic's faults to problems a person can mend: file, line, the value, what is legal, the nearest name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from deploy_gate.checklist.schema import legal_keys
from deploy_gate.problems import Problem, nearest, similar

MOST = 50
"""More problems than this at once help nobody."""

Place = tuple[str, int]
Where = tuple[str | int, ...]
_EXPECTED = {
    "bool_type": "true or false",
    "string_type": "a text (put it in quotes)",
    "list_type": "a list, such as [a, b]",
    "dict_type": "a mapping of names to values",
    "model_type": "a mapping of names to values",
    "string_pattern_mismatch": "lower-case letters, digits and hyphens, starting with a letter",
    "string_too_short": "some text",
    "string_too_long": "at most {max_length} characters",
    "too_short": "at least {min_length} values",
    "too_long": "at most {max_length} values",
}


def problems(faults: Iterable[Any], data: dict[str, Any], places: Mapping[Where, Place]) -> list[Problem]:
    """One problem for each place and kind of fault, by line; at most MOST, and a last one that counts the others."""
    groups: dict[tuple[Place, Where, str], list[Any]] = {}
    for fault in faults:
        where = _existing(fault["loc"], data)
        kind = fault["type"] if fault["type"] in ("missing", "extra_forbidden") else "value"
        groups.setdefault((place_of(places, where), where, kind), []).append(fault)
    ordered = sorted(groups, key=lambda group: group[0])
    found = [
        Problem(*place, _message(kind, where, groups[place, where, kind], data))
        for place, where, kind in ordered[:MOST]
    ]
    if len(ordered) > MOST:
        found.append(Problem(ordered[MOST][0][0], 0, f"has {len(ordered) - MOST} more problems"))
    return found


def place_of(places: Mapping[Where, Place], where: Where) -> Place:
    """File and line of a key, or of its nearest parent."""
    for end in range(len(where), -1, -1):
        if where[:end] in places:
            return places[where[:end]]
    return next(iter(places.values()), ("", 0))


def _existing(loc: Iterable[str | int], data: Any) -> Where:
    """The part of pydantic's location that is a path in the data: a missing key and the mark `[key]` are not."""
    where: list[str | int] = []
    for step in loc:
        within = range(len(data)) if isinstance(data, list) else data if isinstance(data, dict) else ()
        if step not in within:
            break
        data = data[step]
        where.append(step)
    return tuple(where)


def _message(kind: str, where: Where, faults: list[Any], data: dict[str, Any]) -> str:
    if kind == "extra_forbidden":
        key = str(where[-1])
        return f"unknown key {_show(key)} in {_name(where[:-1])}{nearest(key, legal_keys(where[:-1]))}"
    if kind == "missing":
        keys = ", ".join(f"'{fault['loc'][-1]}'" for fault in faults)
        return f"{_name(where)} lacks the key{'s' * (len(faults) > 1)} {keys}{_overlay_on_nothing(where, data)}"
    return f"{_name(where)} is {_show(faults[0]['input'])}: {_legal(faults[0])}"


def _name(where: Where) -> str:
    text = ".".join(map(str, where)) or "the file"
    return text if len(text) <= 120 and text.isprintable() else _show(text)


def _show(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "empty", True: "true", False: "false"}[value]
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"


def _legal(fault: Any) -> str:
    context = fault.get("ctx", {})
    if "expected" in context:
        legal = [one.strip("' ") for one in str(context["expected"]).replace(" or ", ", ").split(",")]
        return f"expected {context['expected']}{similar(str(fault['input']), legal)}"
    if fault["type"] in _EXPECTED:
        return "expected " + _EXPECTED[fault["type"]].format_map(context)
    if fault["type"] == "value_error":
        return f"expected {context['error']}"
    text = str(fault["msg"])
    return text[:1].lower() + text[1:]


def _overlay_on_nothing(where: Where, data: dict[str, Any]) -> str:
    # An overlay on an item that is not there looks like an item without its title: say what it probably is.
    if len(where) != 2:
        return ""
    if data.get("extends") is None:
        return "; did you forget `extends: default`?"
    return similar(str(where[1]), [key for key in data[str(where[0])] if key != where[1]])
