"""Which migration a database object probably comes from: the newest one whose texts name it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from deploy_gate.migrations import tree
from deploy_gate.migrations.revision import Revision
from deploy_gate.migrations.tree import Tree
from deploy_gate.result import CouldNotTell

_IDENTIFIER = re.compile(r'"((?:[^"]|"")*)"|([^\s".(]+)')
_WORD = re.compile(r"[\w$]+")


class Origins:
    """The revisions of a tree by the words in them."""

    def __init__(self, found: Tree | None) -> None:
        newest_first = [found.revisions[one] for one in reversed(found.order)] if found else []
        self.words = [(one, frozenset(_words(one))) for one in newest_first]

    @classmethod
    def of(cls, config: str) -> Origins:
        """Those of a tree, or none at all: a hint is no reason to fail."""
        try:
            return cls(tree.read(config, may_be_missing=True))
        except CouldNotTell:
            return cls(None)

    def of_object(self, name: str) -> Revision | None:
        """The newest revision that names the object and its table, else the newest that names the object.

        `name` is as SQL writes it: `public.orders.note`, `public."odd name"`, `public.total(a integer)`.
        """
        parts = [(quoted.replace('""', '"') or bare) for quoted, bare in _IDENTIFIER.findall(name.partition("(")[0])]
        if not parts:
            return None
        last, table = set(_WORD.findall(parts[-1])), set(_WORD.findall(parts[-2])) if len(parts) > 2 else set()
        naming = [(one, words) for one, words in self.words if last and last <= words]
        both = [one for one, words in naming if table <= words]
        return next(iter([*both, *(one for one, _ in naming)]), None)


def _words(revision: Revision) -> Iterator[str]:
    for node in ast.walk(revision.module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != revision.docstring:
            yield from _WORD.findall(node.value)
