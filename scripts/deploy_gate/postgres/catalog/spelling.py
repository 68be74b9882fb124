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
    return _joined(_rewritten(tree(tokens(text))))


def _joined(nodes: Sequence[Node]) -> str:
    return " ".join(map(str, nodes))


def canonical_default(text: str, kind: str) -> str:
    """The default of a column of type `kind`: a cast of a literal that changes no value says nothing."""
    nodes = _rewritten(tree(tokens(text)))
    while (fewer := _uncast(nodes, tuple(tokens(kind)))) != nodes:
        nodes = fewer
    return _joined(nodes)


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
        _choice(out)
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
    casts = {*_INTEGERS, ("numeric",)}
    return tokens(number) if number.lstrip("-").isdigit() and part[1:2] == ["::"] and tuple(part[2:]) in casts else part


def _uncast(nodes: tuple[Node, ...], kind: tuple[str, ...]) -> tuple[Node, ...]:
    """Without the outermost cast, where the value that the column gets is the same."""
    if "::" not in nodes:
        return nodes
    at = len(nodes) - 1 - nodes[::-1].index("::")
    literal, cast = nodes[:at], tuple(tokens(_joined(nodes[at + 1 :])))
    if len(literal) == 1 and isinstance(literal[0], Group) and literal[0].opening == "(":
        literal = literal[0].inside
    bare = literal[: literal.index("::")] if "::" in literal else literal
    if not _is_literal(bare):
        return nodes
    base = kind[: kind.index("(")] if "(" in kind else kind
    if base in _NUMBERS:
        number = _joined(bare).replace(" ", "").strip("'")
        safe = cast in (kind, base) or (cast in _INTEGERS and number.lstrip("-").isdigit())
        return tuple(tokens(number)) if safe and bare == literal else literal if safe else nodes
    if base in _TEXTS:
        # An explicit cast cuts what is too long; without it the insert fails.
        fits = cast in _TEXTS or (cast == kind and len(str(bare[-1])) - 2 <= int(kind[-2]))
        return literal if fits else nodes
    return literal if cast == kind else nodes


def _is_literal(nodes: Sequence[Node]) -> bool:
    return (
        bool(nodes)
        and tuple(nodes[:-1]) in ((), ("-",))
        and isinstance(nodes[-1], str)
        and nodes[-1].endswith(_LITERAL_ENDS)
    )
