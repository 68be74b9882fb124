"""Names that a `.env.example` or a table in a Markdown file documents."""

from __future__ import annotations

import re

_ENTRY = re.compile(r"\s*(#\s*)?(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*(?:=\s*(.*))?", re.ASCII)
_HEADING = re.compile(r"variable|name|setting|environment|secret", re.IGNORECASE)
_CODE = re.compile(r"`([A-Za-z_][A-Za-z0-9_]*)`", re.ASCII)
_PLAIN = re.compile(r"[A-Z][A-Z0-9_]*", re.ASCII)


def names(path: str, text: str) -> dict[str, int]:
    """Each documented name and its line."""
    return _table(text) if path.lower().endswith((".md", ".markdown")) else _example(text)


def _example(text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    quote = ""
    for number, line in enumerate(text.splitlines(), 1):
        if quote:
            # Inside a value of several lines nothing is a name.
            quote = "" if quote in line else quote
            continue
        match = _ENTRY.fullmatch(line)
        if not match or (match[3] is None and match[1]):
            continue
        if match[1] and not _PLAIN.fullmatch(match[2]):
            continue  # prose that happens to hold an =
        found.setdefault(match[2], number)
        quote = _open(match[3] or "") if not match[1] else ""
    return found


def _open(value: str) -> str:
    """The quote that a value leaves open, or nothing."""
    first = value[:1]
    return first if first in ("'", '"') and first and value.count(first) - value.count(f"\\{first}") == 1 else ""


def _table(text: str) -> dict[str, int]:
    """First column of every table whose first heading speaks of names."""
    found: dict[str, int] = {}
    heading: bool | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.lstrip().startswith("|"):
            heading = None
            continue
        cell = line.strip().strip("|").split("|")[0].strip()
        if heading is None:
            heading = _HEADING.search(cell) is not None
        elif heading and not set(cell) <= set(":- "):
            for name in _CODE.findall(cell) or ([cell] if _PLAIN.fullmatch(cell) else []):
                found.setdefault(name, number)
    return found
