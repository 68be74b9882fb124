"""What an earlier scan of the history saw, kept in a file: which commits are done, and what was found in them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy_gate.atomic import write_all
from deploy_gate.facts import textfile
from deploy_gate.facts.kingfisher import Place
from deploy_gate.result import CouldNotTell, brief

MAX_BYTES = 16 * 1024 * 1024
MAX_TIPS = 1000
_SCHEMA = 2
_NAME = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_FIELDS = ("rule", "path", "line", "commit", "mark")


@dataclass(frozen=True, slots=True)
class Seen:
    """The ends of what was scanned, how many commits that was, and every place with a secret in it.

    `heights` says of each commit with a secret how many came before it.
    """

    tips: tuple[str, ...] = ()
    commits: int = 0
    heights: Mapping[str, int] = field(default_factory=dict)
    places: tuple[Place, ...] = ()


def read(file: Path | None, scanner: str) -> Seen:
    """What is kept; nothing where there is no file, or another scanner or other rules wrote it."""
    raw = textfile.read(file, MAX_BYTES) if file else None
    if not raw:
        return Seen()
    try:
        data = json.loads(raw)
        if data["scanner"] != scanner or data["schema"] != _SCHEMA:
            return Seen()
        tips, places = _names(data["tips"]), tuple(_place(one) for one in data["places"])
        return Seen(tips, _number(data["commits"]), {k: _number(v) for k, v in data["heights"].items()}, places)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        # Half of it may be missing, and with it a find: then everything is scanned again.
        return Seen()


def _names(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or len(values) > MAX_TIPS or not all(_NAME.fullmatch(one) for one in values):
        raise ValueError
    return tuple(values)


def _number(value: Any) -> int:
    if not isinstance(value, int):
        raise ValueError  # noqa: TRY004 - a file that is damaged, like every other fault
    return value


def _place(one: Any) -> Place:
    if list(one) != list(_FIELDS) or not isinstance(one["line"], int):
        raise ValueError
    rule, path, commit, mark = (str(one[name]) for name in _FIELDS if name != "line")
    return Place(rule, path, one["line"], commit, mark)


def _kept(one: Place) -> dict[str, str | int]:
    return {name: getattr(one, name) for name in _FIELDS}


def write(file: Path, scanner: str, seen: Seen) -> None:
    """Keep it for the next run, unless it ends at too many places; CouldNotTell when the file cannot be written."""
    if len(seen.tips) > MAX_TIPS:
        return
    data = {
        "schema": _SCHEMA,
        "scanner": scanner,
        "tips": sorted(seen.tips),
        "commits": seen.commits,
        "heights": {one.commit: seen.heights[one.commit] for one in seen.places if one.commit in seen.heights},
        "places": [_kept(one) for one in seen.places],
    }
    try:
        write_all({file: json.dumps(data) + "\n"})
    except OSError as fault:
        where = brief(str(file), 200)
        raise CouldNotTell(f"{where} cannot be written: {fault.strerror}", "correct the input `cache`") from None
