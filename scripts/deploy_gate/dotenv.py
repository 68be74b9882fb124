"""Text of `NAME=value` lines, as most tools write them to a file called .env. Nothing is expanded or executed."""

from __future__ import annotations

import re

_LINE = re.compile(
    r"""[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*
    (?:'(?P<plain>[^']*)'|"(?P<escaped>(?:[^"\\]|\\.)*)"|(?P<bare>(?!['"])[^\n]*?))
    [ \t]*(?:(?<=['" \t])\#[^\n]*)?(?:\n|$)""",
    re.VERBOSE | re.DOTALL,
)
_NOTHING = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|$)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def parse(text: str) -> dict[str, str]:
    """Its names and values; ValueError tells the line, and never what stands in it.

    In single quotes everything counts as it stands, in double quotes a backslash escapes; both may span lines.
    """
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    found: dict[str, str] = {}
    place = 0
    while place < len(text):
        empty = _NOTHING.match(text, place)
        if empty:
            place = empty.end()
            continue
        match = _LINE.match(text, place)
        number = text.count("\n", 0, place) + 1
        if not match:
            raise ValueError(f"line {number} is not NAME=value, or its quotes do not close")
        if match["name"] in found:
            raise ValueError(f"line {number} names {match['name']} again")
        found[match["name"]] = _value(match)
        place = match.end()
    return found


def _value(match: re.Match[str]) -> str:
    if match["escaped"] is not None:
        return re.sub(r"\\(.)", lambda one: _ESCAPES.get(one[1], one[1]), match["escaped"], flags=re.DOTALL)
    return str(match["plain"] if match["plain"] is not None else match["bare"])
