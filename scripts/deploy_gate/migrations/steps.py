"""What a revision's `upgrade()` or `downgrade()` would do, step by step as written; read, never run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from deploy_gate.migrations.revision import Names, Revision, Unreadable
from deploy_gate.result import CouldNotTell, brief, one_line

UNKNOWN = "?"
"""The name of a step that is no operation of Alembic and no SQL: what it does, only a run would tell."""
CREATE_TYPE, DROP_TYPE = "Enum.create", "Enum.drop"
MAX_TEXT = 300
MAX_STEPS = 500
_EXECUTE = {"execute", "exec_driver_sql", "scalar", "scalars", "executemany"}
_ASKING = {"f", "get_bind", "get_context", "inline_literal"}
# Calls that change no database: by the name before the first point, and by that behind the last.
_HARMLESS_ROOTS = {"sa", "sqlalchemy", "postgresql", "psql", "pg", "logger", "logging", "log", "textwrap", "warnings"}
_HARMLESS_ROOTS |= {"_logger", "LOGGER", "json", "datetime", "uuid", "math", "re", "itertools"}
_HARMLESS_NAMES = {
    *("text", "print", "len", "range", "str", "int", "bool", "list", "tuple", "dict", "set", "sorted", "zip", "any"),
    *("all", "enumerate", "isinstance", "reversed", "inspect", "select", "column", "table", "dedent"),
}
_HARMLESS_METHODS = {
    *("fetchall", "fetchone", "first", "all", "one", "one_or_none", "mappings", "items", "keys", "values", "append"),
    *("extend", "join", "format", "strip", "lower", "upper", "get", "startswith", "endswith", "split", "replace"),
    *("get_columns", "get_table_names", "get_indexes", "get_foreign_keys", "get_unique_constraints", "has_table"),
    *("get_check_constraints", "get_pk_constraint", "get_enums", "get_schema_names", "get_view_names"),
    *("autocommit_block", "begin_nested", "dedent", "is_offline_mode"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One call: `name` is that of Alembic's operation (`add_column`), `execute` for SQL, UNKNOWN for all else."""

    name: str
    line: int
    text: str
    call: ast.Call = field(repr=False, compare=False)
    sql: str | None = None
    """The statement of an `execute`, where it stands there as a text."""
    batch: str | None = None
    """The table of the `batch_alter_table` that it belongs to."""
    repeated: bool = False
    """It stands in a loop."""


def of(revision: Revision, function: str) -> list[Step]:
    """The steps of one of the two functions, in the order of the file; those of the module's own helpers in place."""
    start = revision.function(function)
    try:
        return list(_Walker(revision.module).function(start)) if start else []
    except RecursionError:
        found = (
            f"{brief(revision.path, 200)}:{start.lineno if start else 1}: {function} is nested too deeply to be read"
        )
        raise CouldNotTell(found, "split its statements") from None


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class _Walker:
    """Follows statements, in and out of blocks and of the module's own functions."""

    def __init__(self, module: ast.Module) -> None:
        self.names = Names(module)
        self.functions = {one.name: one for one in module.body if isinstance(one, ast.FunctionDef)}
        self.aliases = {"op", "alembic.op"}
        for node in ast.walk(module):
            self.aliases.update(self.renamed(node))
        self.local = {name for one in ast.walk(module) if isinstance(one, _FUNCTIONS) for name in _bound_in(one)}
        self.batches: dict[str, str] = {}
        self.trail: list[str] = []
        self.count = 0

    def function(self, function: ast.FunctionDef, *, repeated: bool = False) -> Iterator[Step]:
        self.trail.append(function.name)
        for statement in function.body:
            yield from self.visit(statement, repeated=repeated)
        self.trail.pop()

    def visit(self, node: ast.AST, *, repeated: bool) -> Iterator[Step]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda | ast.Raise):
            return
        if isinstance(node, ast.With):
            self.batch(node)
        if isinstance(node, ast.Call):
            yield from self.called(node, repeated=repeated)
            return
        loop = isinstance(node, ast.For | ast.While | ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp)
        for child in ast.iter_child_nodes(node):
            yield from self.visit(child, repeated=repeated or loop)

    def renamed(self, node: ast.AST) -> Iterator[str]:
        """Other names for `op` that a node binds."""
        if isinstance(node, ast.ImportFrom) and node.module == "alembic":
            yield from (one.asname for one in node.names if one.name == "op" and one.asname)
        elif isinstance(node, ast.Import):
            yield from (one.asname for one in node.names if one.name == "alembic.op" and one.asname)
        elif isinstance(node, ast.Assign) and self.dotted(node.value) in self.aliases:
            yield from (one.id for one in node.targets if isinstance(one, ast.Name))

    def batch(self, node: ast.With) -> None:
        for item in node.items:
            call, name = item.context_expr, item.optional_vars
            if not isinstance(call, ast.Call) or not isinstance(name, ast.Name):
                continue
            if self.operation(self.dotted(call.func)) == "batch_alter_table":
                self.batches[name.id] = text_of(argument(call, 0, "table_name")) or UNKNOWN

    def called(self, call: ast.Call, *, repeated: bool) -> Iterator[Step]:
        dotted = self.dotted(call.func)
        root, last = dotted.partition(".")[0], dotted.rpartition(".")[2]
        if dotted in self.functions and dotted not in self.trail:
            yield from self.function(self.functions[dotted], repeated=repeated)
        elif name := self.name(dotted, root, last):
            yield self.step(name, call, repeated=repeated, batch=self.batches.get(root))
        # An operation may stand among the arguments: `op.bulk_insert(op.create_table(…), …)`; so may types of columns.
        inner = [call.func, *call.args, *(one.value for one in call.keywords)]
        for step in (step for one in inner for step in self.visit(one, repeated=repeated)):
            if step.name != UNKNOWN or not self.dotted(step.call.func).rpartition(".")[2][:1].isupper():
                yield step

    def name(self, dotted: str, root: str, last: str) -> str:
        """The name of a call as a step; empty for one that changes nothing."""
        if operation := self.operation(dotted):
            return "" if operation in _ASKING or operation == "batch_alter_table" else operation
        if root in self.batches and "." in dotted:
            return "" if last in _ASKING else last
        if "." in dotted and last in _EXECUTE:
            return "execute"
        if last in ("create", "drop", "create_all", "drop_all"):
            own = root in _HARMLESS_ROOTS and dotted.rpartition(".")[0].endswith(("Enum", "ENUM"))
            return {"create": CREATE_TYPE, "drop": DROP_TYPE}.get(last, UNKNOWN) if own else UNKNOWN
        harmless = root in _HARMLESS_ROOTS or dotted in _HARMLESS_NAMES or ("." in dotted and last in _HARMLESS_METHODS)
        return "" if harmless else UNKNOWN

    def operation(self, dotted: str) -> str:
        head, _, last = dotted.rpartition(".")
        return last if head in self.aliases else ""

    def dotted(self, node: ast.expr) -> str:
        parts: list[str] = []
        while isinstance(node, ast.Attribute | ast.Call):
            if isinstance(node, ast.Attribute):
                parts.append(node.attr)
                node = node.value
            else:
                node = node.func
        parts.append(node.id if isinstance(node, ast.Name) else UNKNOWN)
        return ".".join(reversed(parts))

    def step(self, name: str, call: ast.Call, *, repeated: bool, batch: str | None = None) -> Step:
        self.count += 1
        if self.count > MAX_STEPS:
            name = UNKNOWN
        sql = self.sql(call.args[0] if call.args else None) if name == "execute" else None
        text = sql if sql is not None else written(call)
        return Step(name, call.lineno, one_line(text, MAX_TEXT), self.resolved(call), sql, batch, repeated)

    def resolved(self, call: ast.Call) -> ast.Call:
        """The call with the texts that constants of the module stand for."""
        keywords = [ast.keyword(one.arg, self.value(one.value)) for one in call.keywords]
        return ast.Call(call.func, [self.value(one) for one in call.args], keywords)

    def value(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.List | ast.Tuple):
            return ast.List([self.value(one) for one in node.elts])
        if isinstance(node, ast.Call):
            return self.resolved(node)
        text = self.constant(node.id) if isinstance(node, ast.Name) else None
        return node if text is None else ast.Constant(text)

    def constant(self, name: str) -> str | None:
        """The text that a name of the module stands for, unless some function gives it another meaning."""
        try:
            value = None if name in self.local else self.names.value(name)
        except Unreadable:
            return None
        return value if isinstance(value, str) else None

    def sql(self, node: ast.expr | None) -> str | None:
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else None
        if isinstance(node, ast.Name):
            return self.constant(node.id)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = self.sql(node.left), self.sql(node.right)
            return left + right if left is not None and right is not None else None
        if isinstance(node, ast.Call):
            last = self.dotted(node.func).rpartition(".")[2]
            if last in ("text", "DDL", "dedent") and node.args:
                return self.sql(node.args[0])
        return None


def _bound_in(function: ast.AST) -> Iterator[str]:
    """Names that a function gives a meaning of its own, parameters included."""
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


def argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    """An argument by its place or its name."""
    found = next((one.value for one in call.keywords if one.arg == name), None)
    if found is None and len(call.args) > position:
        found = call.args[position]
    return None if isinstance(found, ast.Starred) else found


def text_of(node: ast.expr | None) -> str | None:
    """A text that stands there, also inside of `op.f("…")`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "f" and node.args:
        node = node.args[0]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def written(node: ast.AST) -> str:
    """The source of a node, as Python would write it."""
    try:
        return ast.unparse(node)
    except (RecursionError, ValueError):
        return "(too deeply nested to be shown)"


def is_empty(revision: Revision, function: str) -> bool:
    """Whether the function is missing, or does nothing, or only refuses (`raise …`)."""
    found = revision.function(function)
    body = [one for one in found.body if not _says_nothing(one)] if found else []
    return not body or isinstance(body[0], ast.Raise | ast.Return)


def _says_nothing(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )
