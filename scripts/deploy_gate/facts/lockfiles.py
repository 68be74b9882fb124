"""Versions of a package in lock files: pinned requirements, `[[package]]` tables (poetry, uv), npm's lock. Pure."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*===?\s*([A-Za-z0-9.!+*_-]+)", re.MULTILINE)
_TERM = re.compile(r"(<=|>=|==|=|<|>)\s*v?([0-9A-Za-z.!+-]+)")
_NUMBERS = re.compile(r"[0-9]+(?:\.[0-9]+)*")


def versions(path: str, text: str, package: str) -> set[str] | None:
    """Its versions in a file, none when it is not in it; None when this kind of file cannot be read."""
    name = path.rpartition("/")[2].lower()
    try:
        if name == "package-lock.json":
            return _npm(json.loads(text), package)
        if name.endswith(".lock") and "[[package]]" in text:
            tables = tomllib.loads(text).get("package", [])
            return {str(one["version"]) for one in tables if _same(str(one.get("name")), package) and "version" in one}
        if name.endswith((".txt", ".in")):
            return {version for found, version in _PIN.findall(text) if _same(found, package)} or _unpinned(
                text, package
            )
    except (ValueError, RecursionError, TypeError, AttributeError):
        return None
    return None


def _unpinned(text: str, package: str) -> set[str] | None:
    """No version where it is not named at all; None where it is named without one."""
    words = {_normal(word) for word in re.findall(r"^[A-Za-z0-9._-]+", text, re.MULTILINE)}
    return None if _normal(package) in words else set()


def _npm(data: Any, package: str) -> set[str]:
    tail = f"node_modules/{package}"
    packages: dict[str, Any] = data["packages"]
    known = {place: one for place, one in packages.items() if place == tail or place.endswith(f"/{tail}")}
    return {str(one["version"]) for one in known.values() if "version" in one}


def inside(version: str, span: str) -> bool | None:
    """Whether a version lies in a range such as `>= 2.0.0, < 2.0.2`; None where that cannot be told."""
    terms = [_TERM.fullmatch(one.strip()) for one in span.split(",")]
    here = _numbers(version)
    if here is None or not terms or any(one is None or _numbers(one[2]) is None for one in terms):
        return None
    return all(_holds(here, one[1], _numbers(one[2]) or ()) for one in terms if one)


def _holds(here: tuple[int, ...], sign: str, there: tuple[int, ...]) -> bool:
    length = max(len(here), len(there))
    left, right = (one + (0,) * (length - len(one)) for one in (here, there))
    order = (left > right) - (left < right)
    return order in {"<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (0, 1), "=": (0,), "==": (0,)}[sign]


def _numbers(version: str) -> tuple[int, ...] | None:
    """Plain numbers only: of pre-releases and epochs nothing is guessed."""
    text = version.removeprefix("v")
    return tuple(map(int, text.split("."))) if _NUMBERS.fullmatch(text) and len(text) < 60 else None


def _same(one: str, other: str) -> bool:
    return _normal(one) == _normal(other)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
