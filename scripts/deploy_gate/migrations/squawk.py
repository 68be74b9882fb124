"""squawk's rules about locks, over the statements that revisions sent: what it says where nothing could be measured."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy_gate import bootstrap, process
from deploy_gate.migrations.session import Statement
from deploy_gate.result import CouldNotTell, one_line

_LOCK = "migrations"
_TIMEOUT = 120.0
LOCKING = frozenset(
    {
        "adding-field-with-default",
        "adding-foreign-key-constraint",
        "adding-not-nullable-field",
        "adding-primary-key-constraint",
        "adding-serial-primary-key-field",
        "changing-column-type",
        "constraint-missing-not-valid",
        "disallowed-unique-constraint",
        "require-concurrent-index-creation",
        "require-concurrent-partition-attach",
        "require-concurrent-refresh-materialized-view",
        "require-concurrent-reindex",
    }
)
"""Its rules about locks held for long; those about style, names and types are left out."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What it says of one statement; `number` counts a revision's statements."""

    revision: str
    number: int
    rule: str
    message: str
    help: str


def read(statements: Mapping[str, Sequence[Statement]]) -> list[Remark]:
    """Its remarks about locks, one file a revision."""
    places: dict[str, tuple[str, list[int]]] = {}
    with tempfile.TemporaryDirectory(prefix="deploy-gate-") as folder:
        for order, (revision, sent) in enumerate(statements.items()):
            path = Path(folder, f"{order}.sql")
            text, starts = _file(sent)
            path.write_text(text, encoding="utf-8")
            if text:
                places[str(path)] = (revision, starts)
        if not places:
            return []
        settings = Path(folder, "squawk.toml")
        settings.write_text("assume_in_transaction = false\n")
        argv: list[str | Path] = [_program(), "--config", settings, "--reporter", "json", *places]
        done = process.run(argv, timeout=_TIMEOUT, cwd=Path(folder))
    try:
        entries = json.loads(done.out)
    except ValueError:
        found = f"squawk gave no answer (exit code {done.code}): {done.last_words()}"
        raise CouldNotTell(found, "run squawk by hand on the statements of these revisions") from None
    remarks = []
    for one in entries:
        if one.get("rule_name") in LOCKING and one.get("file") in places:
            revision, starts = places[one["file"]]
            number = sum(start <= int(one.get("line", 0)) for start in starts) - 1
            texts = (one_line(str(one.get(key) or ""), 300) for key in ("rule_name", "message", "help"))
            remarks.append(Remark(revision, number, *texts))
    return remarks


def _file(statements: Sequence[Statement]) -> tuple[str, list[int]]:
    """The statements as one file, and the line on which each begins."""
    text, starts = "", []
    for one in statements:
        starts.append(text.count("\n"))
        text += one.sql.strip().rstrip(";") + "\n;\n"
    return text, starts


def _program() -> Path:
    try:
        return bootstrap.tool(bootstrap.ensure(_LOCK), "squawk")
    except bootstrap.SetupError as fault:
        raise CouldNotTell(f"squawk could not be installed: {fault.found}", fault.fix) from None
