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
first tables is exact: the test asserts that these lines of the checklist turn red and **no other** that it looks at.
"""
_EACH = """
## Each check by itself

The tests of each check break what it looks at, and assert what is then found. They look at this check alone.

"""
_WITHOUT = "\n## Lines without a fault\n\nNo test is known to turn these red: {}.\n"


def page(folder: Path, bundled: Checklist) -> str:
    """From the declarations in a folder: `checks.yml` by check or line, every other file by fault."""
    files = [yamlfile.read(path).data for path in _files(folder)]
    exact = {line for one in files for red in one["faults"].values() for line in red if isinstance(red, list)}
    words: Words = yamlfile.read(folder / CHECKS).data
    rows = [
        (_names(lines), fault, f"`{test}`")
        for key, lines in covered(words, bundled).items()
        for fault, test in words[key].items()
    ]
    bare = without(exact, words, bundled)
    end = _WITHOUT.format(_names(bare)) if bare else ""
    return _HEAD + "".join(map(_chapter, files)) + _EACH + table(("line", "fault", "test"), rows) + "\n" + end


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


def _files(folder: Path) -> list[Path]:
    return sorted((path for path in folder.glob("*.yml") if path.name != CHECKS), key=lambda path: path.stem)


def _chapter(data: dict[str, Any]) -> str:
    rows = [(_fault(name), red if isinstance(red, str) else _names(red)) for name, red in data["faults"].items()]
    column = "what comes of it" if data.get("quiet") else "decides" if data.get("triggers") else "turns red"
    told = [f"{data['how']}.", f"Test: `{data['test']}`."]
    told += [f"Phase: {_names(data['phases'])}."] if "phases" in data else []
    told += [f"Looked at: {_names(data['among'])}."] if "among" in data else []
    told += [f"Turn nothing red, as they should: {_names(data['nothing'])}."] if "nothing" in data else []
    return f"\n## {data['title']}\n\n{' '.join(told)}\n\n{table(('fault', column), rows)}\n"


def _fault(name: str) -> str:
    return name if " " in name else f"`{name}`"
