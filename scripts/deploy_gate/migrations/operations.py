"""Alembic's operations and SQL in the same words, so that one rule judges both spellings."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from deploy_gate.migrations import statement, steps
from deploy_gate.migrations.statement import Part, Token
from deploy_gate.migrations.steps import Step, argument, text_of

# What an operation is, and at which places its arguments name a table, a part of it, and its columns.
_OPERATIONS: dict[str, tuple[str, int | None, int | None, int | None]] = {
    "create_table": ("create-table", 0, None, None),
    "drop_table": ("drop-table", 0, None, None),
    "rename_table": ("rename", 0, None, None),
    "add_column": ("add-column", 0, None, None),
    "drop_column": ("drop-part", 0, 1, None),
    "alter_column": ("alter-column", 0, 1, None),
    "create_index": ("create-index", 1, 0, 2),
    "drop_index": ("drop-index", 1, 0, None),
    "create_unique_constraint": ("add-unique", 1, 0, 2),
    "create_check_constraint": ("add-constraint", 1, 0, None),
    "create_foreign_key": ("add-foreign-key", 1, 0, 3),
    "create_exclude_constraint": ("add-constraint", 1, 0, None),
    "create_primary_key": ("add-constraint", 1, 0, None),
    "drop_constraint": ("drop-part", 1, 0, None),
    "create_table_comment": ("comment", 0, None, None),
    "drop_table_comment": ("comment", 0, None, None),
    "bulk_insert": ("insert", None, None, None),
    steps.CREATE_TYPE: ("create-other", None, None, None),
    steps.DROP_TYPE: ("drop-type", None, None, None),
}
_TABLE = ("table_name", "old_table_name", "source_table")
_PART = ("column_name", "constraint_name", "index_name")
_COLUMNS = ("columns", "local_cols")
_ELSEWHERE = 99
"""No position: an argument that has only a name."""


def parts(step: Step) -> list[Part]:
    """What a step does, in the words of `statement`."""
    if step.name == "execute":
        return statement.parts(step.sql) if step.sql is not None else [Part("unknown")]
    if step.name not in _OPERATIONS:
        return [Part("unknown")]
    action, table_at, part_at, columns_at = _OPERATIONS[step.name]
    if step.batch is not None:
        # Inside of a batch the table is left out, and all that stands behind it comes one place earlier.
        part_at = None if part_at is None else 0
        columns_at = None if columns_at is None else columns_at - 1
    table = step.batch or _text(step, table_at, _TABLE)
    schema = _text(step, None, ("schema", "source_schema"))
    table = f"{schema}.{table}" if schema and table else table
    part = Part(action, table, _text(step, part_at, _PART), columns=_texts(step, columns_at))
    part = replace(part, may_be_there=bool(argument(step.call, _ELSEWHERE, "if_not_exists")))
    return _closer(step, part)


def _text(step: Step, position: int | None, names: Sequence[str]) -> str:
    """An argument that stands there as a text; empty for any other."""
    named = (text_of(argument(step.call, _ELSEWHERE, name)) for name in names)
    placed = text_of(argument(step.call, position, "")) if position is not None else None
    return next((one for one in named if one), "") or placed or ""


def _texts(step: Step, position: int | None) -> tuple[str, ...]:
    """A list of texts that stands there; empty when any of them does not."""
    if position is None:
        return ()
    named = (argument(step.call, _ELSEWHERE, name) for name in _COLUMNS)
    node = next((one for one in named if one), None) or argument(step.call, position, "")
    found = [text_of(one) for one in node.elts] if isinstance(node, ast.List | ast.Tuple) else []
    return tuple(one for one in found if one) if all(found) else ()


def _closer(step: Step, part: Part) -> list[Part]:
    call = step.call
    if part.action == "create-index":
        concurrently = "-concurrently" if is_true(argument(call, _ELSEWHERE, "postgresql_concurrently")) else ""
        unique = argument(call, _ELSEWHERE, "unique")
        kind = "create-index" if unique is None or is_false(unique) else "create-unique-index"
        return [replace(part, action=kind + concurrently)]
    if part.action == "add-column":
        return [_column(step, part)]
    if part.action == "alter-column":
        return _alterations(step, part)
    return [part]


def _column(step: Step, part: Part) -> Part:
    """A column as words of SQL, so that both spellings are judged by one rule; `?` stands for what is not known."""
    node = argument(step.call, 0 if step.batch is not None else 1, "column")
    if not isinstance(node, ast.Call) or any(one.arg is None for one in node.keywords):
        return replace(part, rest=_tokens(["?"]))
    words: list[str] = []
    nullable, default = argument(node, _ELSEWHERE, "nullable"), argument(node, _ELSEWHERE, "server_default")
    if nullable is not None and not is_true(nullable):
        words.append("NOT NULL")
    if default is not None and not is_none(default):
        words.append("DEFAULT")
    for name in ("unique", "primary_key"):
        value = argument(node, _ELSEWHERE, name)
        words += [] if value is None or is_false(value) else ["UNIQUE"]
    for one in node.args:
        kind = steps.written(one.func).rpartition(".")[2] if isinstance(one, ast.Call) else ""
        words += ["GENERATED"] if kind in ("Identity", "Computed") else []
    return replace(part, name=text_of(node.args[0] if node.args else None) or "", rest=_tokens(words))


def _tokens(words: list[str]) -> tuple[Token, ...]:
    return tuple(statement.tokens(" ".join(words)))


def _alterations(step: Step, part: Part) -> list[Part]:
    given = {one.arg: one.value for one in step.call.keywords if one.arg}
    changes = {name for name in given if not name.startswith("existing_")} - {"schema", "comment"}
    if any(one.arg is None for one in step.call.keywords) or len(step.call.args) > 2:
        return [part]
    found: list[Part] = []
    if "server_default" in changes:
        dropped = is_none(given["server_default"]) or is_false(given["server_default"])
        found.append(replace(part, action="drop-default" if dropped else "set-default"))
    if "nullable" in changes and not is_true(given["nullable"]):
        found.append(replace(part, action="set-not-null"))
    others = changes - {"server_default"} - ({"nullable"} if found and found[-1].action == "set-not-null" else set())
    return [*found, *([part] if others else [])] or [replace(part, action="comment")]


def is_required(rest: Sequence[Token]) -> bool:
    """Whether a new column's definition refuses NULL, or may."""
    words = [one.word or one.text for one in rest]
    return "?" in words or "PRIMARY" in words or ("NOT", "NULL") in pairwise(words)


def has_default(rest: Sequence[Token]) -> bool:
    """Whether the server fills the column."""
    return any(one.word in ("DEFAULT", "GENERATED", "SERIAL", "BIGSERIAL") for one in rest)


def is_unique(rest: Sequence[Token]) -> bool:
    """Whether a new column's definition refuses the same value twice, or may."""
    return bool({"UNIQUE", "PRIMARY", "?"} & {one.word or one.text for one in rest})


def is_true(node: ast.expr | None) -> bool:
    """The constant True."""
    return isinstance(node, ast.Constant) and node.value is True


def is_false(node: ast.expr | None) -> bool:
    """The constant False."""
    return isinstance(node, ast.Constant) and node.value is False


def is_none(node: ast.expr | None) -> bool:
    """The constant None."""
    return isinstance(node, ast.Constant) and node.value is None
