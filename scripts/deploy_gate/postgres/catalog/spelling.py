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

_TEXTS = {("text",), ("character", "varying")}
_INTEGERS = {("smallint",), ("integer",), ("bigint",)}
_NUMBERS = {*_INTEGERS, ("numeric",), ("real",), ("double", "precision")}
_LITERAL_ENDS = tuple("'0123456789.")
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
    return " ".join(map(str, _rewritten(tree(tokens(text)))))


def canonical_default(text: str, kind: str) -> str:
    """The default of a column of type `kind`: a cast of a literal to that very type says nothing."""
    nodes = _rewritten(tree(tokens(text)))
    return " ".join(map(str, _uncast(nodes, tuple(tokens(kind)))))


def folded(text: str) -> str:
    """A body in SQL with its white space folded; letters, literals and comments stay as they are."""
    return " ".join(tokens(text))


def _rewritten(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """The same with every rule applied, from the inside out."""
    inner = [Group(one.opening, _rewritten(one.inside)) if isinstance(one, Group) else one for one in nodes]
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
        _single_choice(out)
        at += 1
    return tuple(out)


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
    if _is_text_literal(out) and kind in _TEXTS:
        while len(out) > 2 and out[-1] != "::":
            out.pop()
        out.append(kind[0])
        out.extend(kind[1:])
        return
    out.extend(["::", *kind])


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
    for kind in _TEXTS:
        size = len(kind) + 2
        if len(out) >= size and tuple(out[-len(kind) :]) == kind and out[-len(kind) - 1] == "::":
            literal = out[-size]
            return isinstance(literal, str) and literal.endswith("'")
    return False


def _distributed(array: Group, kind: tuple[Node, ...]) -> list[Node]:
    parts: list[list[Node]] = [[]]
    for one in array.inside:
        if one == ",":
            parts.append([])
        else:
            parts[-1].append(one)
    if parts == [[]]:
        return ["'{}'", "::", *kind, EMPTY]
    done: list[Node] = []
    for part in parts:
        element: list[Node] = [Group("(", tuple(part))]
        _cast(element, (*kind, EMPTY) if _is_array(part) else kind)
        done.extend([",", *element] if done else element)
    return ["ARRAY", Group("[", tuple(done))]


def _single_choice(out: list[Node]) -> None:
    """`= ANY (ARRAY[x])` as `= x`, `<> ALL (ARRAY[x])` as `<> x`."""
    if len(out) < 3 or not isinstance(out[-1], Group) or (out[-3], out[-2]) not in (("=", "ANY"), ("<>", "ALL")):
        return
    inside = out[-1].inside
    if _is_array(inside) and isinstance(inside[1], Group) and inside[1].inside and "," not in inside[1].inside:
        out[-2:] = inside[1].inside


def _uncast(nodes: tuple[Node, ...], kind: tuple[str, ...]) -> tuple[Node, ...]:
    if "::" not in nodes:
        return nodes
    at = nodes.index("::")
    literal, cast = nodes[:at], tuple(map(str, nodes[at + 1 :]))
    if len(literal) == 1 and isinstance(literal[0], Group) and literal[0].opening == "(":
        literal = literal[0].inside
    base = kind[: next((n for n, one in enumerate(kind) if one == "("), len(kind))]
    if not _is_literal(literal):
        return nodes
    if base in _NUMBERS:
        number = "".join(map(str, literal)).strip("'")
        safe = cast in (kind, base) or (cast in _INTEGERS and number.lstrip("-").isdigit())
        return tuple(tokens(number)) if safe else nodes
    return literal if (cast in _TEXTS and base in _TEXTS) or cast == kind else nodes


def _is_literal(nodes: Sequence[Node]) -> bool:
    return tuple(nodes[:-1]) in ((), ("-",)) and isinstance(nodes[-1], str) and nodes[-1].endswith(_LITERAL_ENDS)
