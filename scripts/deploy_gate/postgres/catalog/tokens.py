"""SQL as a list of tokens: what is white space outside them means nothing (PostgreSQL manual, "Lexical Structure")."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<dollar>\$(?P<tag>[A-Za-z_\x80-\U0010ffff]?[\w\x80-\U0010ffff]*)\$.*?\$(?P=tag)\$)
    | (?P<string>[eE]'(?:[^'\\]|''|\\.)*' | [bBxXnN]?'(?:[^']|'')*' | [uU]&'(?:[^']|'')*')
    | (?P<quoted>(?:[uU]&)?"(?:[^"]|"")*")
    | (?P<comment>--[^\n]*)
    | (?P<number>(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?|\$\d+)
    | (?P<word>[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*)
    | (?P<cast>::|:=)
    | (?P<mark>[()\[\],;.:])
    | (?P<operator>(?:(?!--|/\*)[-+*/<>=~!@\#%^&|`?])+)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_DEPTH = re.compile(r"/\*|\*/")


def tokens(text: str) -> list[str]:
    """The tokens of a statement or an expression, comments included; joined by blanks they read the same."""
    found = []
    at = 0
    while at < len(text):
        if text.startswith("/*", at):
            end = _comment_end(text, at)
            found.append(text[at:end])
            at = end
            continue
        match = _TOKEN.match(text, at)
        if match is None:
            raise AssertionError
        if match.lastgroup != "space":
            found.append(match[0].rstrip() if match["comment"] else match[0])
        at = match.end()
    return found


def _comment_end(text: str, at: int) -> int:
    depth = 0
    for match in _DEPTH.finditer(text, at):
        depth += 1 if match[0] == "/*" else -1
        if depth == 0:
            return match.end()
    return len(text)
