"""Whether the release that runs now works on the schema that revisions leave behind: they only add, or they take away.

A judgement by text alone, so a cautious one: what is not known to be harmless counts as *contract*, and says why. What
a batch has added is nothing that the running release uses, so whatever happens to it later is harmless, as long as the
rows that this release inserts are still taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from deploy_gate.migrations import operations, steps
from deploy_gate.migrations.revision import Revision
from deploy_gate.migrations.statement import Part

_ADDS = {"create-table", "create-index", "create-index-concurrently", "create-other", "add-enum-value", "insert"}
_ADDS |= {"comment", "session", "validate", "set-default", "set-statistics", "reindex"}
_UNIQUE = {"add-unique", "create-unique-index", "create-unique-index-concurrently"}
_REFUSES = "it refuses rows that the running release may write"
_WHY = {
    **dict.fromkeys((*_UNIQUE, "add-constraint", "add-foreign-key", "set-not-null"), _REFUSES),
    "unknown": "what it does cannot be told from its text",
    "update": "it changes data that the running release reads",
    "delete": "it deletes data that the running release reads",
    "alter-column": "it alters a column that the running release uses",
    "drop-default": "the running release may insert rows without a value",
    "add-column": "the running release may insert rows without a value, or with the same one twice",
    "rename": "the running release knows the old name",
}


@dataclass(frozen=True, slots=True)
class Contract:
    """A step that the running release may not survive, with the reason."""

    line: int
    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """Of one revision: it expands where it has no `contracts`, or where its docstring declares so (`Expand: …`)."""

    revision: Revision
    contracts: tuple[Contract, ...]
    declared: str = ""

    @property
    def expands(self) -> bool:
        """Whether the running release goes on working."""
        return not self.contracts or bool(self.declared)


def judge(revisions: Sequence[Revision]) -> list[Judgement]:
    """Judge revisions that are applied together, in this order, while the running release has none of them."""
    batch = _Batch()
    return [batch.revision(one) for one in revisions]


def _made_again(part: Part, later: list[Part]) -> bool:
    """An index that is dropped to be built anew, as a concurrent build that was interrupted needs it."""
    new = [one for one in later if one.action.startswith("create-") and one.name == part.name]
    return part.action == "drop-index" and bool(part.name) and bool(new)


@dataclass(slots=True)
class _Column:
    filled: bool
    """The server has a value for it."""
    required: bool


@dataclass
class _Batch:
    """What has been added so far."""

    tables: set[str] = field(default_factory=set)
    columns: dict[tuple[str, str], _Column] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)

    def revision(self, one: Revision) -> Judgement:
        contracts: list[Contract] = []
        all_ = [(step, part) for step in steps.of(one, "upgrade") for part in operations.parts(step)]
        for number, (step, part) in enumerate(all_):
            if (why := self.why(part)) and not _made_again(part, [other for _, other in all_[number + 1 :]]):
                contracts.append(Contract(step.line, step.text, why))
            self.remember(part)
        return Judgement(one, tuple(dict.fromkeys(contracts)), one.declares("Expand"))

    def why(self, part: Part) -> str:
        """The reason why a part is no expansion; empty for one that is."""
        if part.action in _ADDS or (part.table and part.table in self.tables) or self.on_new(part):
            return ""
        if part.action == "add-column" and not operations.is_unique(part.rest):
            fits = operations.has_default(part.rest) or not operations.is_required(part.rest)
            return "" if fits else _WHY["add-column"]
        return _WHY.get(part.action, "the running release may use what it takes away or alters")

    def on_new(self, part: Part) -> bool:
        """Whether it touches only what the batch has added, without refusing the running release's rows."""
        if part.action.startswith("drop-") and part.name in self.others:
            return True
        column = self.columns.get((part.table, part.name))
        if column:
            safe = {"set-not-null": column.filled, "drop-default": not column.required}
            return safe.get(part.action, part.action in ("update", "alter-column", "drop-part"))
        columns = [self.columns.get((part.table, name)) for name in part.columns]
        if not columns or None in columns:
            return False
        # Nobody writes the new columns yet: they are NULL, which is never the same twice, or the default.
        return part.action == "add-foreign-key" or (
            part.action in _UNIQUE and not any(one.filled for one in columns if one)
        )

    def remember(self, part: Part) -> None:
        column = self.columns.get((part.table, part.name))
        named = bool(part.table and part.table != steps.UNKNOWN and part.name)
        if part.may_be_there:
            return
        if part.action == "create-table" and part.table:
            self.tables.add(part.table)
        elif part.action == "add-column" and named:
            filled, required = operations.has_default(part.rest), operations.is_required(part.rest)
            self.columns[part.table, part.name] = _Column(filled, required)
        elif part.action.startswith("create-") and part.name:
            self.others.add(part.name)
        elif column:
            column.filled = part.action == "set-default" or (column.filled and part.action != "drop-default")
            column.required |= part.action == "set-not-null"
