"""One spelling for the defaults of columns: a cast of a literal that changes no value of the column says nothing."""

from __future__ import annotations

from collections.abc import Sequence

from deploy_gate.postgres.catalog.spelling import INTEGERS, TEXTS, joined, rewritten
from deploy_gate.postgres.catalog.tokens import tokens
from deploy_gate.postgres.catalog.tree import Group, Node, tree

_NUMBERS = {*INTEGERS, ("numeric",), ("real",), ("double", "precision")}
_CHARACTER = ("character",)
_TEXT_ARRAYS = {(*one, "[", "]") for one in TEXTS}
_LITERAL_ENDS = tuple("'0123456789.")


def canonical_default(text: str, kind: str) -> str:
    """The default of a column of type `kind`, as `format_type` writes it."""
    try:
        nodes = rewritten(tree(tokens(text)))
        while (fewer := _uncast(nodes, tuple(tokens(kind)))) != nodes:
            nodes = fewer
        return joined(nodes)
    except RecursionError:
        return text


def _uncast(nodes: tuple[Node, ...], kind: tuple[str, ...]) -> tuple[Node, ...]:
    """Without the outermost cast, where the value that the column gets is the same."""
    base = kind[: kind.index("(")] if "(" in kind else kind
    if "::" not in nodes:
        return _quoted(nodes) if base in TEXTS else nodes
    at = len(nodes) - 1 - nodes[::-1].index("::")
    literal, cast = nodes[:at], tuple(tokens(joined(nodes[at + 1 :])))
    if len(literal) == 1 and isinstance(literal[0], Group) and literal[0].opening == "(":
        literal = literal[0].inside
    bare = literal[: literal.index("::")] if "::" in literal else literal
    if not _is_literal(bare):
        return nodes
    if base in _NUMBERS:
        return _number(nodes, literal, bare, safe=cast in (kind, base) or (cast in INTEGERS and _is_whole(bare)))
    if base in TEXTS or base == _CHARACTER:
        # An explicit cast cuts what is too long; without it the insert fails.
        fits = cast in TEXTS or cast == ("bpchar",) or (cast == kind and len(str(bare[-1])) - 2 <= int(kind[-2]))
        return literal if fits else nodes
    return literal if cast == kind or (cast in _TEXT_ARRAYS and kind in _TEXT_ARRAYS) else nodes


def _number(
    nodes: tuple[Node, ...], literal: tuple[Node, ...], bare: tuple[Node, ...], *, safe: bool
) -> tuple[Node, ...]:
    if not safe:
        return nodes
    return tuple(tokens(_digits(bare))) if bare == literal else literal


def _digits(bare: Sequence[Node]) -> str:
    return joined(bare).replace(" ", "").strip("'")


def _is_whole(bare: Sequence[Node]) -> bool:
    return _digits(bare).lstrip("-").isdigit()


def _quoted(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """A bare number is stored in a column of text by its digits."""
    return (f"'{nodes[0]}'",) if len(nodes) == 1 and isinstance(nodes[0], str) and nodes[0].isdigit() else nodes


def _is_literal(nodes: Sequence[Node]) -> bool:
    return (
        bool(nodes)
        and tuple(nodes[:-1]) in ((), ("-",))
        and isinstance(nodes[-1], str)
        and nodes[-1].endswith(_LITERAL_ENDS)
    )
