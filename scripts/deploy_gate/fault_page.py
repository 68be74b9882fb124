"""The page of the faults: which line of the checklist turns red for which, written from what the tests declare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deploy_gate import yamlfile
from deploy_gate.checklist.model import Checklist
from deploy_gate.tables import table

CHECKS = "checks.yml"
_HEAD = """<!-- written by `python3 scripts docs` -->

# Faults, and the lines that turn red

A check that cannot fail proves nothing. Each of these faults is caused by a test, on the real thing. What stands in the
first tables is exact: the test asserts that these lines of the checklist turn red and **no other** of the phase.
"""
_REST = """
## Every other line

Its own check is tested by itself; here is what those tests break.

"""


def page(folder: Path, bundled: Checklist) -> str:
    """From the declarations in a folder: `checks.yml` by check, every other file by fault."""
    files = [yamlfile.read(path).data for path in sorted(folder.glob("*.yml")) if path.name != CHECKS]
    exact = {item for one in files for items in one["faults"].values() for item in items}
    words = yamlfile.read(folder / CHECKS).data
    rest = [
        (f"`{name}`", f"[`{item.check}`](checks.md#{item.check})", "; ".join(words.get(item.check, [])) or "**none**")
        for name, item in bundled.items.items()
        if name not in exact and not item.planned
    ]
    return _HEAD + "".join(map(_chapter, files)) + _REST + table(("line", "check", "what its tests break"), rest) + "\n"


def _chapter(data: dict[str, Any]) -> str:
    rows = [(f"`{fault}`", ", ".join(f"`{one}`" for one in items)) for fault, items in data["faults"].items()]
    phases = ", ".join(f"`{one}`" for one in data["phases"])
    told = f"{data['how']}. Phase: {phases}. Test: `{data['test']}`."
    return f"\n## {data['title']}\n\n{told}\n\n{table(('fault', 'turns red'), rows)}\n"
