"""One way in for values: declared in `action.yml`, typed by the function's keyword-only parameters, met in `bind`."""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from deploy_gate import units
from deploy_gate.problems import nearest, similar


@dataclass(frozen=True, slots=True)
class Input:
    """One declared input of an `action.yml`."""

    name: str
    description: str
    required: bool
    default: str


@dataclass(frozen=True, slots=True)
class Bound:
    """Values ready to call a function with, and what is wrong with the others (input name, message)."""

    values: dict[str, Any]
    wrong: list[tuple[str, str]]
    missing: list[str]


def bind(declared: Mapping[str, Input], hints: Mapping[str, Any], given: Mapping[str, Any]) -> Bound:
    """Lay `given` over the declared defaults and convert each value to its parameter's type.

    An empty string counts as not given, since GitHub hands over unset inputs that way. `hints` maps parameter names
    (underscores) to types, as `typing.get_type_hints` returns them. Nothing is raised: every fault is listed.
    """
    wrong = [(name, f"unknown input '{name}'{nearest(name, declared)}") for name in given if name not in declared]
    values: dict[str, Any] = {}
    missing: list[str] = []
    for name, spec in declared.items():
        raw = given.get(name)
        raw = spec.default if raw is None or raw == "" else raw
        if raw == "" and spec.required:
            missing.append(name)
            continue
        try:
            values[name.replace("-", "_")] = convert(raw, hints[name.replace("-", "_")])
        except ValueError as fault:
            # Who writes the address itself where its variable's name belongs must not find it in the log.
            secret = hints[name.replace("-", "_")] in (units.Variable, list[units.Variable])
            shown = "something else" if secret else _show(raw)
            wrong.append((name, f"input '{name}' is {shown}, expected {fault}"))
    return Bound(values, wrong, missing)


def convert(raw: Any, hint: Any) -> Any:
    """One value as `hint` wants it; ValueError's text says what would be legal."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        inner = next(one for one in typing.get_args(hint) if one is not type(None))
        return None if raw == "" else convert(raw, inner)
    if typing.get_origin(hint) is list:
        inner = typing.get_args(hint)[0]
        return [convert(one, inner) for one in _names(raw)]
    if typing.get_origin(hint) is typing.Literal:
        return _choice(raw, typing.get_args(hint))
    if isinstance(raw, list | dict):
        raise ValueError("a single value")  # noqa: TRY004 - a fault of the value, told like every other
    return _SCALARS[hint](_text(raw))


def _text(raw: Any) -> str:
    return ("true" if raw else "false") if isinstance(raw, bool) else str(raw).strip()


def _names(raw: Any) -> list[str]:
    parts = raw if isinstance(raw, list) else str(raw).replace(",", "\n").splitlines()
    if not all(isinstance(part, str | int | float) for part in parts):
        raise ValueError("a list of texts")
    return [text for part in parts if (text := str(part).strip())]


def _choice(raw: Any, legal: tuple[str, ...]) -> str:
    if raw not in legal:
        raise ValueError(f"one of {', '.join(legal)}" + (similar(raw, legal) if isinstance(raw, str) else ""))
    return str(raw)


def _boolean(text: str) -> bool:
    # Anything else is refused: "no" or "0" read as true is how gates end up open.
    if text not in ("true", "false"):
        raise ValueError("true or false")
    return text == "true"


def _whole(text: str) -> int:
    if not text.removeprefix("-").isascii() or not text.removeprefix("-").isdigit() or len(text) > 18:
        raise ValueError("a whole number")
    return int(text)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError("a number") from None
    if not math.isfinite(value):
        raise ValueError("a finite number")
    return value


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("a date such as 2027-01-31") from None


def _path(text: str) -> Path:
    if "\0" in text:
        raise ValueError("a path without a NUL character")
    return Path(text)


_SCALARS: dict[Any, Callable[[str], Any]] = {
    str: str,
    int: _whole,
    float: _number,
    bool: _boolean,
    date: _date,
    Path: _path,
    units.Duration: units.duration,
    units.Size: units.size,
    units.Percent: units.percent,
    units.Variable: units.variable,
}


def _show(raw: Any) -> str:
    text = repr(raw)
    return text if len(text) <= 80 else text[:79] + "…"
