"""`${…}` in a journey: what was captured, a secret of the environment, or a little arithmetic with whole numbers."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

FIELD = re.compile(r"\$\{([^{}]{1,200})\}")
LARGEST = 10**18
_SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.FloorDiv: "//"}
_COUNT: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.FloorDiv: lambda left, right: left // right,
}


class NotComputed(Exception):
    """The value cannot be had: nothing of that name was captured, or it is not a number; the text says which."""


def parse(text: str) -> ast.expr:
    """The expression between the braces; ValueError says what would be legal."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError("a name, env.NAME, or arithmetic such as `price * 2 + 1`") from None
    for node in ast.walk(tree):
        if not _legal(node):
            raise ValueError("a name, env.NAME, or whole numbers and names with + - * // and parentheses")
    return tree


def _legal(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, ast.Name) and node.value.id == "env"
    if isinstance(node, ast.Constant):
        return type(node.value) is int
    legal = (ast.Name, ast.BinOp, ast.UnaryOp, ast.USub, ast.Load, *_SIGNS)
    return isinstance(node, legal)


def names(value: Any) -> Iterator[str]:
    """Every name used in the texts of a value, `env.NAME` with its `env.`; ValueError for a bad expression."""
    for text in texts(value):
        for found in FIELD.findall(text):
            tree = parse(found)
            inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
            for node in ast.walk(tree):
                if isinstance(node, ast.Attribute):
                    yield f"env.{node.attr}"
                elif isinstance(node, ast.Name) and id(node) not in inner:
                    yield node.id


def texts(value: Any) -> Iterator[str]:
    """All texts in a value, keys of mappings left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts(one)


def fill(value: Any, known: Mapping[str, Any], spell: Callable[[str], str] = str) -> Any:
    """The value with every `${…}` filled; a text that is nothing but one keeps the type of what it names.

    `spell` writes a value that stands within a longer text, such as a path, whose own signs it must not bring in.
    """
    if isinstance(value, Mapping):
        return {key: fill(one, known, spell) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [fill(one, known, spell) for one in value]
    if not isinstance(value, str):
        return value
    if whole := FIELD.fullmatch(value):
        return _value(parse(whole[1]), known)
    return FIELD.sub(lambda found: spell(_written(_value(parse(found[1]), known))), value)


def _written(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise NotComputed("a list, a mapping, true, false or null cannot stand within a text")
    return str(value)


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name | ast.Attribute):
        name = node.id if isinstance(node, ast.Name) else f"env.{node.attr}"
        if name not in known:
            raise NotComputed(f"{name} is not known: the step that captures it gave nothing")
        return known[name]
    return _number(node, known)


def _number(node: ast.expr, known: Mapping[str, Any]) -> int:
    if isinstance(node, ast.BinOp):
        left, right = _number(node.left, known), _number(node.right, known)
        if isinstance(node.op, ast.FloorDiv) and right == 0:
            raise NotComputed("a division by zero")
        return _bounded(_COUNT[type(node.op)](left, right))
    if isinstance(node, ast.UnaryOp):
        return -_number(node.operand, known)
    value = node.value if isinstance(node, ast.Constant) else _value(node, known)
    if type(value) is not int:
        raise NotComputed(f"{ast.unparse(node)} is no whole number")
    return _bounded(value)


def _bounded(number: int) -> int:
    if abs(number) > LARGEST:
        raise NotComputed("a number beyond 10^18")
    return number
