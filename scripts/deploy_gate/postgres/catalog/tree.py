"""Tokens of SQL as a tree of parentheses and brackets, and where in it the name of a type ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Group:
    """Parentheses or brackets, and what stands in them."""

    opening: str
    inside: tuple[Node, ...]

    def __str__(self) -> str:
        return f"{self.opening} {' '.join(map(str, self.inside))} {_CLOSING[self.opening]}"


Node = str | Group
_CLOSING = {"(": ")", "[": "]"}
_ZONED = {"time", "timestamp"}


def tree(flat: list[str]) -> tuple[Node, ...]:
    stack: list[tuple[str, list[Node]]] = [("", [])]
    for token in flat:
        if token in _CLOSING:
            stack.append((token, []))
        elif token in (")", "]") and len(stack) > 1 and _CLOSING[stack[-1][0]] == token:
            opening, inside = stack.pop()
            stack[-1][1].append(Group(opening, tuple(inside)))
        else:
            stack[-1][1].append(token)
    while len(stack) > 1:
        # Not balanced: never printed by the server, but compared all the same.
        opening, inside = stack.pop()
        stack[-1][1].extend([opening, *inside])
    return tuple(stack[0][1])


EMPTY = Group("[", ())
"""What makes the name of a type that of its array."""


def type_end(nodes: Sequence[Node], at: int) -> int:
    """Where the name of a type that begins at `at` ends."""
    end = at + 1
    while end + 1 < len(nodes) and nodes[end] == ".":
        end += 2
    first = str(nodes[at]) if at < len(nodes) else ""
    if (first in ("character", "bit") and nodes[end : end + 1] == ["varying"]) or (
        first == "double" and nodes[end : end + 1] == ["precision"]
    ):
        end += 1
    while first == "interval" and end < len(nodes) and nodes[end] in _INTERVAL:
        end += 1
    if end < len(nodes) and isinstance(nodes[end], Group) and _is_modifier(nodes[end]):
        end += 1
    if first in _ZONED and list(nodes[end + 1 : end + 3]) == ["time", "zone"]:
        end += 3
    while end < len(nodes) and nodes[end] == EMPTY:
        end += 1
    return end


_INTERVAL = {"year", "month", "day", "hour", "minute", "second", "to"}


def _is_modifier(node: Node) -> bool:
    return (
        isinstance(node, Group)
        and node.opening == "("
        and all(
            isinstance(one, str) and (one == "," or one.lstrip("-").isdigit() or one == "-" or one.startswith("'"))
            for one in node.inside
        )
        and bool(node.inside)
    )
