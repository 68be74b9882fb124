"""One spelling for what PostgreSQL prints in several: expressions of two histories that mean the same compare equal.

PostgreSQL stores parsed trees and prints them; a dump that is restored is parsed again, and some trees print
differently the second time. What is made equal here was found by restoring dumps, and changes no value:
`(ARRAY['a'::character varying])::text[]` is `ARRAY[('a'::character varying)::text]`; parentheses around a single thing;
`= ANY (ARRAY[x])` is `= x`; a literal cast from one unbounded text type to another; `CURRENT_TIMESTAMP` is `now()`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from deploy_gate.postgres.catalog.tokens import tokens
from deploy_gate.postgres.catalog.tree import EMPTY, Group, Node, tree, type_end

TEXTS = {("text",), ("character", "varying")}
INTEGERS = {("smallint",), ("integer",), ("bigint",)}
_WHOLE = {*INTEGERS, ("numeric",)}
_COMPARISONS = {"=", "<>", "<", ">", "<=", ">="}
# After these a parenthesis holds a value; after any other word it holds the arguments of a function, or a query.
_KEYWORDS = {
    *(
        "AND",
        "OR",
        "NOT",
        "WHEN",
        "THEN",
        "ELSE",
        "CASE",
        "IN",
        "IS",
        "BETWEEN",
        "LIKE",
        "ILIKE",
        "WHERE",
        "ON",
        "SELECT",
    ),
    *("HAVING", "BY", "CHECK", "DISTINCT", "FROM", "LIMIT", "OFFSET", "RETURN", "DEFAULT", "SET", "INCLUDE"),
}


def canonical(text: str) -> str:
    """An expression, a query or a whole definition in one spelling."""
    return _canonical(text)


@lru_cache(maxsize=4096)
def _canonical(text: str) -> str:
    flat = tokens(text)
    try:
        return joined(rewritten(tree(flat)))
    except RecursionError:
        # Nested deeper than anybody writes by hand: compared as it is printed.
        return " ".join(flat)


def joined(nodes: Sequence[Node]) -> str:
    return " ".join(map(str, nodes))


def folded(text: str) -> list[str]:
    """A body in SQL without the white space between its tokens; letters, literals and comments stay as they are."""
    return tokens(text)


def rewritten(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """The same with every rule applied, from the inside out."""
    inner = [Group(one.opening, rewritten(one.inside)) if isinstance(one, Group) else one for one in nodes]
    inner = [_stripped(one) for one in inner]
    out: list[Node] = []
    at = 0
    while at < len(inner):
        one = inner[at]
        if one == "::":
            end = type_end(inner, at + 1)
            _cast(out, tuple(inner[at + 1 : end]))
            at = end
            continue
        out.append("now" if one == "CURRENT_TIMESTAMP" else one)
        if one == "CURRENT_TIMESTAMP":
            out.append(Group("(", ()))
        _choice(out)
        if out[-2:-1] == ["WITH"] and isinstance(out[-1], Group) and out[-1].opening == "(":
            # Storage options of an index: their order means nothing.
            out[-1] = _sorted(out[-1])
        at += 1
    return tuple(out)


def _sorted(group: Group) -> Group:
    parts = sorted(_parts(group), key=joined)
    return Group(group.opening, tuple(node for part in parts for node in (",", *part))[1:])


def _stripped(node: Node) -> Node:
    """`((x))` as `(x)`; a row of several values keeps its own."""
    while isinstance(node, Group) and node.opening == "(" and len(node.inside) == 1:
        only = node.inside[0]
        if not isinstance(only, Group) or only.opening != "(" or "," in only.inside:
            break
        node = only
    return node


def _cast(out: list[Node], kind: tuple[Node, ...]) -> None:
    """Append a cast to what was said last, in its one spelling."""
    if out and isinstance(out[-1], Group) and out[-1].opening == "(" and not _is_call(out):
        inside = out[-1].inside
        if _is_array(inside) and kind and kind[-1] == EMPTY and isinstance(inside[1], Group):
            # The cast of an array goes to its elements, as it does when the text is parsed.
            out[-1:] = _distributed(inside[1], kind[:-1])
            return
        if _is_single(inside):
            out[-1:] = inside
    if out[-2:] == ["ARRAY", EMPTY]:
        out[-2:] = ["'{}'"]
    if _is_text_literal(out) and kind in TEXTS:
        while len(out) > 2 and out[-1] != "::":
            out.pop()
        out.append(kind[0])
        out.extend(kind[1:])
        return
    out.extend(["::", *kind])
    _compare(out)


def _compare(out: list[Node]) -> None:
    """A whole number behind a sign of comparison without its types: there, its value alone counts."""
    end = len(out)
    while end > 2 and (kind := next((one for one in _WHOLE if tuple(out[end - len(one) : end]) == one), None)):
        if out[end - len(kind) - 1] != "::":
            break
        end -= len(kind) + 1
    number = str(out[end - 1]).strip("'") if end < len(out) else ""
    if number.lstrip("-").isdigit() and end > 1 and out[end - 2] in _COMPARISONS:
        out[end - 1 :] = tokens(number)


def _is_call(out: Sequence[Node]) -> bool:
    """Whether the last parenthesis holds arguments: it follows a name."""
    before = out[-2] if len(out) > 1 else ""
    if not isinstance(before, str) or not before:
        return False
    return (before[0].isalpha() or before[0] in '_"') and before.upper() not in _KEYWORDS


def _is_array(nodes: Sequence[Node]) -> bool:
    return len(nodes) == 2 and nodes[0] == "ARRAY" and isinstance(nodes[1], Group) and nodes[1].opening == "["


def _is_single(nodes: Sequence[Node]) -> bool:
    """A name, a literal, a call or an array, perhaps cast: nothing that binds weaker than a cast."""
    rest = list(nodes)
    if not rest or rest[0] in ("-", "+"):
        return False
    if _is_array(rest[:2]):
        rest = rest[2:]
    else:
        if not isinstance(rest[0], str) or not (rest[0][0].isalnum() or rest[0][0] in "_\"'.$"):
            return False
        end = 1
        while end + 1 < len(rest) and rest[end] == ".":
            end += 2
        if end < len(rest) and isinstance(rest[end], Group) and rest[end].opening == "(":  # type: ignore[union-attr]  # just seen
            end += 1
        rest = rest[end:]
    while rest and rest[0] == "::":
        rest = rest[type_end(rest, 1) :]
    return not rest


def _is_text_literal(out: Sequence[Node]) -> bool:
    """Whether the last thing said is `'…'::text` or `'…'::character varying`."""
    for kind in TEXTS:
        size = len(kind) + 2
        if len(out) >= size and tuple(out[-len(kind) :]) == kind and out[-len(kind) - 1] == "::":
            literal = out[-size]
            return isinstance(literal, str) and literal.endswith("'")
    return False


def _distributed(array: Group, kind: tuple[Node, ...]) -> list[Node]:
    parts = _parts(array)
    if not parts:
        return ["'{}'", "::", *kind, EMPTY]
    done = []
    for part in parts:
        element: list[Node] = [Group("(", tuple(part))]
        _cast(element, (*kind, EMPTY) if _is_array(part) else kind)
        done.append(element)
    return ["ARRAY", _bracketed(done)]


def _parts(array: Group) -> list[list[Node]]:
    """The elements of an array."""
    parts: list[list[Node]] = [[]] if array.inside else []
    for one in array.inside:
        if one == ",":
            parts.append([])
        else:
            parts[-1].append(one)
    return parts


def _bracketed(parts: Sequence[Sequence[Node]]) -> Group:
    flat = [node for part in parts for node in (",", *part)]
    return Group("[", tuple(flat[1:]))


def _choice(out: list[Node]) -> None:
    """`= ANY (ARRAY[x])` as `= x`, `<> ALL (ARRAY[x])` as `<> x`; whole numbers among the choices without a type."""
    if len(out) < 3 or not isinstance(out[-1], Group) or (out[-3], out[-2]) not in (("=", "ANY"), ("<>", "ALL")):
        return
    inside = out[-1].inside
    if not _is_array(inside) or not isinstance(inside[1], Group) or not inside[1].inside:
        return
    parts = [_whole(part) for part in _parts(inside[1])]
    if len(parts) == 1:
        out[-2:] = parts[0]
    else:
        out[-1] = Group("(", ("ARRAY", _bracketed(parts)))


def _whole(part: Sequence[Node]) -> Sequence[Node]:
    """A whole number without its type: to compare for equality, the value alone counts."""
    number = str(part[0]).strip("'") if part else ""
    is_whole = number.lstrip("-").isdigit() and part[1:2] == ["::"] and tuple(part[2:]) in _WHOLE
    return tokens(number) if is_whole else part
