"""What an earlier scan of the history saw, kept in a file: which commits are done, and what was found in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy_gate.atomic import write_all
from deploy_gate.facts import textfile
from deploy_gate.facts.kingfisher import Place
from deploy_gate.result import CouldNotTell, brief

MAX_BYTES = 16 * 1024 * 1024
MAX_TIPS = 1000
_FIELDS = ("rule", "path", "line", "commit", "mark")


@dataclass(frozen=True, slots=True)
class Seen:
    """The ends of what was scanned, and every place with a secret in it."""

    tips: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()


def read(file: Path | None, scanner: str) -> Seen:
    """What is kept; nothing where there is no file, or another scanner or other rules wrote it."""
    raw = textfile.read(file, MAX_BYTES) if file else None
    if not raw:
        return Seen()
    try:
        data = json.loads(raw)
        if data["scanner"] != scanner or data["schema"] != 1:
            return Seen()
        return Seen(_texts(data["tips"]), tuple(_place(one) for one in data["places"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        # Half of it may be missing, and with it a find: then everything is scanned again.
        return Seen()


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or len(values) > MAX_TIPS or not all(isinstance(one, str) for one in values):
        raise ValueError
    return tuple(values)


def _place(one: Any) -> Place:
    if list(one) != list(_FIELDS) or not isinstance(one["line"], int):
        raise ValueError
    rule, path, commit, mark = (str(one[name]) for name in _FIELDS if name != "line")
    return Place(rule, path, one["line"], commit, mark)


def _kept(one: Place) -> dict[str, str | int]:
    return {name: getattr(one, name) for name in _FIELDS}


def write(file: Path, scanner: str, tips: Sequence[str], places: Sequence[Place]) -> None:
    """Keep it for the next run; CouldNotTell when the file cannot be written."""
    data = {"schema": 1, "scanner": scanner, "tips": sorted(tips), "places": [_kept(one) for one in places]}
    try:
        write_all({file: json.dumps(data) + "\n"})
    except OSError as fault:
        where = brief(str(file), 200)
        raise CouldNotTell(f"{where} cannot be written: {fault.strerror}", "correct the input `cache`") from None
