"""The page of the faults: which line of the checklist turns red for which, written from what the tests declare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deploy_gate import yamlfile
from deploy_gate.checklist.model import Checklist
from deploy_gate.tables import table

CHECKS = "checks.yml"
Words = dict[str, dict[str, str]]
_HEAD = """<!-- written by `python3 scripts docs` -->

# Faults, and the lines that turn red

A check that cannot fail proves nothing. Each of these faults is caused by a test, on the real thing. What stands in the
first tables is exact: the test asserts that these lines of the checklist turn red and **no other** of those it looks at.
"""
_REST = """
## Every other line

The tests of its own check break it, and assert what is then found. They look at this check alone.

"""
_WITHOUT = "\n## Lines without a fault\n\nNo test is known to turn these red: {}.\n"


def page(folder: Path, bundled: Checklist) -> str:
    """From the declarations in a folder: `checks.yml` by check or line, every other file by fault."""
    files = [yamlfile.read(path).data for path in sorted(folder.glob("*.yml")) if path.name != CHECKS]
    exact = {item for one in files for items in one["faults"].values() for item in items}
    words: Words = yamlfile.read(folder / CHECKS).data
    rest = {key: [one for one in lines if one not in exact] for key, lines in covered(words, bundled).items()}
    rows = [
        (_names(lines), fault, f"`{test}`")
        for key, lines in rest.items()
        for fault, test in words[key].items()
        if lines
    ]
    bare = without(exact, words, bundled)
    end = _WITHOUT.format(_names(bare)) if bare else ""
    return _HEAD + "".join(map(_chapter, files)) + _REST + table(("line", "fault", "test"), rows) + "\n" + end


def covered(words: Words, bundled: Checklist) -> dict[str, list[str]]:
    """Each key of `checks.yml`, and the lines that it speaks of: those it names, or a check's that no other names."""
    items = bundled.items
    named = {line for key in words for line in key.split(", ") if line in items}
    of_check = {key: [name for name, item in items.items() if item.check == key and name not in named] for key in words}
    return {key: [line for line in key.split(", ") if line in items] or of_check[key] for key in words}


def without(exact: set[str], words: Words, bundled: Checklist) -> list[str]:
    """The lines that a machine looks at, and for which nothing is declared."""
    there = exact | {line for lines in covered(words, bundled).values() for line in lines}
    return [name for name, item in bundled.items.items() if name not in there and not item.planned]


def _names(lines: list[str]) -> str:
    return ", ".join(f"`{one}`" for one in lines)


def _chapter(data: dict[str, Any]) -> str:
    rows = [(f"`{fault}`", _names(items)) for fault, items in data["faults"].items()]
    told = f"{data['how']}. Phase: {_names(data['phases'])}. Test: `{data['test']}`."
    return f"\n## {data['title']}\n\n{told}\n\n{table(('fault', 'turns red'), rows)}\n"
