"""One revision file of an Alembic tree, read by its syntax tree alone."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

from deploy_gate.result import brief

_LEGACY = re.compile(r"([a-f0-9]+)\.py")
_ILLEGAL = set("@-+:")
_IRREVERSIBLE = re.compile(r"^\s*Irreversible:\s*(\S.*)", re.MULTILINE | re.IGNORECASE)


class Unreadable(Exception):
    """Why a file's revision cannot be told, and on which line."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line, self.message = line, message


@dataclass(frozen=True, slots=True)
class Revision:
    """What a file says of itself; `depends` as written, names of branches included."""

    id: str
    down: tuple[str, ...]
    depends: tuple[str, ...]
    labels: tuple[str, ...]
    path: str
    line: int
    docstring: str
    module: ast.Module = field(repr=False, compare=False)
    irreversible: str = ""
    """The reason that `irreversible = "…"` or a line `Irreversible: …` of the docstring gives."""

    def function(self, name: str) -> ast.FunctionDef | None:
        """The last function of that name at the top of the module: the one Python would call."""
        found = [one for one in self.module.body if isinstance(one, ast.FunctionDef) and one.name == name]
        return found[-1] if found else None

    def declares(self, word: str) -> str:
        """What stands behind `Word:` at the beginning of a line of the docstring."""
        found = re.search(rf"^\s*{re.escape(word)}:\s*(\S.*)", self.docstring, re.MULTILINE | re.IGNORECASE)
        return found[1].strip() if found else ""

    @property
    def upgrade(self) -> ast.FunctionDef | None:
        """`upgrade()`, if there is one."""
        return self.function("upgrade")

    @property
    def downgrade(self) -> ast.FunctionDef | None:
        """`downgrade()`, if there is one."""
        return self.function("downgrade")


def parse(raw: bytes, path: str) -> Revision:
    """The revision in a file; Unreadable when it does not say so in plain values."""
    module = _syntax(raw)
    names = Names(module)
    id_ = names.value("revision") if names.has("revision") else _legacy(path)
    if not isinstance(id_, str) or not id_:
        raise Unreadable(names.line("revision"), "`revision` is not a text")
    if illegal := sorted(_ILLEGAL & set(id_)):
        raise Unreadable(
            names.line("revision"), f"revision {brief(id_)!r} has a sign that Alembic refuses: {illegal[0]}"
        )
    if not names.has("down_revision"):
        raise Unreadable(1, "there is no `down_revision`")
    docstring = ast.get_docstring(module) or ""
    reason = _IRREVERSIBLE.search(docstring)
    declared = names.value("irreversible") if names.has("irreversible") else ""
    return Revision(
        id_,
        names.texts("down_revision"),
        names.texts("depends_on"),
        names.texts("branch_labels"),
        path,
        names.line("revision"),
        docstring,
        module,
        str(declared or (reason[1].strip() if reason else "")),
    )


def _syntax(raw: bytes) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(raw)
    except SyntaxError as fault:
        # Its text would quote the line.
        raise Unreadable(fault.lineno or 1, f"it is no Python that this Python reads: {fault.msg}") from None
    except (ValueError, LookupError, RecursionError, MemoryError) as fault:
        raise Unreadable(1, f"it is no Python: {brief(str(fault)) or type(fault).__name__}") from None


def _legacy(path: str) -> str:
    match = _LEGACY.fullmatch(path.rsplit("/", 1)[-1])
    if not match:
        raise Unreadable(1, "there is no `revision`")
    return match[1]


@dataclass(frozen=True, slots=True)
class _Binding:
    line: int
    value: ast.expr | None
    """None where a value is bound in a way that only a run would tell."""


class Names:
    """The names that a module binds at its top, and the plain values among them."""

    def __init__(self, module: ast.Module) -> None:
        self.bound: dict[str, _Binding] = {}
        self.unsure: dict[str, int] = {}
        for statement in module.body:
            for name, binding in _bindings(statement):
                if binding.value is None:
                    self.unsure.setdefault(name, binding.line)
                self.bound[name] = binding

    def has(self, name: str) -> bool:
        """Whether the module binds it."""
        return name in self.bound

    def line(self, name: str) -> int:
        """Where it was bound last; 1 when nowhere."""
        return self.bound[name].line if name in self.bound else 1

    def value(self, name: str, depth: int = 0) -> object:
        """Its value: a text, None, a number or a tuple of such; Unreadable when only a run would tell."""
        binding = self.bound.get(name)
        line = self.unsure.get(name) or self.unsure.get("*", 0)
        if binding is None or name in self.unsure or line > binding.line or depth > 5:
            raise Unreadable(line or 1, f"`{brief(name)}` cannot be told without running the file")
        return self.plain(binding.value, name, depth)

    def plain(self, node: ast.expr | None, name: str, depth: int = 0) -> object:
        """A node's value, of the same kinds."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            return tuple(self.plain(one, name, depth) for one in node.elts)
        if isinstance(node, ast.Name):
            return self.value(node.id, depth + 1)
        raise Unreadable(getattr(node, "lineno", 1), f"`{brief(name)}` cannot be told without running the file")

    def texts(self, name: str) -> tuple[str, ...]:
        """A text, or several, or None, as a tuple of texts."""
        value = self.value(name) if self.has(name) else None
        if value is None:
            return ()
        found = value if isinstance(value, tuple) else (value,)
        if not all(isinstance(one, str) for one in found):
            raise Unreadable(self.line(name), f"`{brief(name)}` is neither a text, nor texts, nor None")
        return tuple(str(one) for one in found)


def _bindings(statement: ast.stmt) -> Iterator[tuple[str, _Binding]]:
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        if statement.value is not None:
            yield statement.target.id, _Binding(statement.lineno, statement.value)
    elif isinstance(statement, ast.Assign):
        for target in statement.targets:
            yield from _assigned(target, statement.value, statement.lineno)
    elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name, _Binding(statement.lineno, None)
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        for one in statement.names:
            yield one.asname or one.name.split(".")[0], _Binding(statement.lineno, None)
    else:
        yield from _hidden(statement)


def _assigned(target: ast.expr, value: ast.expr, line: int) -> Iterator[tuple[str, _Binding]]:
    if isinstance(target, ast.Name):
        yield target.id, _Binding(line, value)
    elif isinstance(target, ast.Tuple | ast.List):
        same = isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts)
        for number, one in enumerate(target.elts):
            inner = value.elts[number] if same and isinstance(value, ast.Tuple | ast.List) else value
            for name, binding in _assigned(one, inner, line):
                yield name, binding if same else _Binding(line, None)


def _hidden(statement: ast.stmt) -> Iterator[tuple[str, _Binding]]:
    """Names bound inside of `if`, `try`, `for`, `with` …: whether, and to what, only a run tells."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id, _Binding(node.lineno, None)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for one in node.names:
                yield one.asname or one.name.split(".")[0], _Binding(node.lineno, None)
