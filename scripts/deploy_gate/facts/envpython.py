"""Environment variables that Python code reads: `os.environ`, `os.getenv`, `envvar=`, and pydantic's settings."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from deploy_gate.facts import envpydantic
from deploy_gate.facts.envuse import NAME, Found, Use
from deploy_gate.result import CouldNotTell, brief

_READS = {"get", "pop", "setdefault", "__getitem__"}


@dataclass(slots=True)
class Module:
    """One parsed file: what its imports call `os`, `os.environ` and `os.getenv`, and its texts by name."""

    path: str
    tree: ast.Module
    os: set[str] = field(default_factory=set)
    environ: set[str] = field(default_factory=set)
    getenv: set[str] = field(default_factory=set)
    texts: dict[str, str] = field(default_factory=dict)

    def text(self, node: ast.expr | None) -> str | None:
        """The text that an expression is known to be, or None."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        if isinstance(node, ast.Name):
            return self.texts.get(node.id)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = self.text(node.left), self.text(node.right)
            return None if left is None or right is None else left + right
        if isinstance(node, ast.JoinedStr):
            return self._joined(node)
        return None

    def _joined(self, node: ast.JoinedStr) -> str | None:
        parts = [self.text(one.value if isinstance(one, ast.FormattedValue) else one) for one in node.values]
        return None if None in parts else "".join(part or "" for part in parts)


def read(files: Mapping[str, bytes]) -> Found:
    """All of them together, since settings inherit across files; CouldNotTell for one that is no Python."""
    modules = [parse(path, raw) for path, raw in files.items()]
    found = Found()
    for module in modules:
        for names, line in _reads(module):
            known = [name for name in names if name is not None and NAME.fullmatch(name)]
            if known:
                found.uses.append(Use(tuple(known), module.path, line))
            elif None in names:
                found.unclear.append((module.path, line))
    found.uses += envpydantic.uses({module.path: (module.tree, module.text) for module in modules})
    return found


def parse(path: str, raw: bytes) -> Module:
    """The file as a tree, with what its names mean."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(raw)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as fault:
        line = getattr(fault, "lineno", None) or 1
        found = f"{brief(path, 200)}:{line} is no Python that this interpreter can read, so its variables are not known"
        raise CouldNotTell(found, "correct the file, or leave it out with `exclude`") from None
    module = Module(path, tree)
    for node in ast.walk(tree):
        _import(module, node)
    for statement in tree.body:
        _constant(module, statement)
    return module


def _import(module: Module, node: ast.AST) -> None:
    if isinstance(node, ast.Import):
        module.os |= {one.asname or one.name for one in node.names if one.name == "os"}
    elif isinstance(node, ast.ImportFrom) and node.module == "os" and not node.level:
        module.environ |= {one.asname or one.name for one in node.names if one.name == "environ"}
        module.getenv |= {one.asname or one.name for one in node.names if one.name == "getenv"}


def _constant(module: Module, node: ast.stmt) -> None:
    target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
    target = node.target if isinstance(node, ast.AnnAssign) else target
    if isinstance(target, ast.Name) and isinstance(node, ast.Assign | ast.AnnAssign):
        value = module.text(node.value)
        if value is not None:
            module.texts[target.id] = value


def _reads(module: Module) -> Iterator[tuple[list[str | None], int]]:
    """Names of each read (None: not known) and its line."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Subscript) and _is_environ(module, node.value):
            if isinstance(node.ctx, ast.Load):
                yield [module.text(node.slice)], node.lineno
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            if _is_environ(module, node.comparators[0]):
                yield [module.text(node.left)], node.lineno
        elif isinstance(node, ast.Call):
            yield from _call(module, node)


def _call(module: Module, node: ast.Call) -> Iterator[tuple[list[str | None], int]]:
    function = node.func
    own = isinstance(function, ast.Attribute) and function.attr in _READS and _is_environ(module, function.value)
    if own or _is_getenv(module, function):
        first = node.args[0] if node.args else next((one.value for one in node.keywords if one.arg == "key"), None)
        yield [module.text(first)], node.lineno
    for keyword in node.keywords:
        if keyword.arg == "envvar":  # click and typer
            listed = keyword.value.elts if isinstance(keyword.value, ast.List | ast.Tuple) else [keyword.value]
            names = [module.text(one) for one in listed]
            if any(names):
                yield names, keyword.value.lineno


def _is_environ(module: Module, node: ast.expr) -> bool:
    if isinstance(node, ast.Name):
        return node.id in module.environ
    named = isinstance(node, ast.Attribute) and node.attr == "environ" and isinstance(node.value, ast.Name)
    return named and node.value.id in module.os  # type: ignore[attr-defined]


def _is_getenv(module: Module, node: ast.expr) -> bool:
    if isinstance(node, ast.Name):
        return node.id in module.getenv
    named = isinstance(node, ast.Attribute) and node.attr == "getenv" and isinstance(node.value, ast.Name)
    return named and node.value.id in module.os  # type: ignore[attr-defined]
