"""Lists that come in pages: what a page holds, and how a list betrays that it moved while it was read. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from deploy_gate.result import CouldNotTell


def page(data: Any, key: str, what: str) -> tuple[list[dict[str, Any]], int | None]:
    """The entries of one page and GitHub's count of all; `key` is where they stand. CouldNotTell for anything else."""
    listed, count = data, None
    if key:
        whole = data if isinstance(data, dict) else {}
        listed, count = whole.get(key), whole.get("total_count")
    counted = isinstance(count, int) or not key
    if not counted or not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise CouldNotTell(f"GitHub's answer for {what} is no list", "run again, and report this if it stays")
    return listed, count


def shifted(found: list[dict[str, Any]], counts: set[int], again: list[dict[str, Any]] | None) -> str:
    """How a list betrays that it moved: its count, an entry that comes twice, a first page that is another one now."""
    names = [_identity(one) for one in found]
    if len(set(names)) != len(names):
        return "an entry came twice, so the pages moved while they were read"
    if counts and counts != {len(found)}:
        return f"GitHub counts {' and then '.join(map(str, sorted(counts)))}, and gave {len(found)}"
    if again is not None and [_identity(one) for one in again] != names[: len(again)]:
        return "its first page changed while the others were read"
    return ""


def _identity(one: Mapping[str, Any]) -> str:
    known = next((one[key] for key in ("id", "number", "name", "sha") if one.get(key) is not None), None)
    return str(known) if known is not None else json.dumps(one, sort_keys=True)
