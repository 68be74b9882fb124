"""The pending revisions on a scratch database: each statement weighed, and each revision's change judged."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy_gate.migrations import contract, shape, squawk
from deploy_gate.migrations.bench import Workshop
from deploy_gate.migrations.pending import Pending
from deploy_gate.migrations.revision import Revision
from deploy_gate.migrations.session import Outcome, Statement
from deploy_gate.migrations.shape import Shape
from deploy_gate.migrations.squawk import Remark
from deploy_gate.migrations.weight import Scale
from deploy_gate.result import CouldNotTell, brief

_CONTRACT = re.compile(r"^\s*Contract:\s*(\S.*)", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Hazard:
    """One thing that would hurt: `kind` is `lock` or `contract`."""

    revision: Revision
    kind: str
    rule: str
    message: str
    line: int
    statement: str = ""
    help: str = ""


@dataclass(frozen=True, slots=True)
class Audit:
    """What was looked at, and what was found."""

    statements: int
    hazards: list[Hazard]
    unmeasured: int
    """Statements that committed by themselves, which squawk alone has read."""


def reason(revision: Revision) -> str:
    """Why a contract step is in order: the docstring's line `Contract: …`; empty without one."""
    match = _CONTRACT.search(revision.docstring)
    return match[1].strip() if match else ""


def run(workshop: Workshop, pending: Pending) -> Audit:
    """Run the pending revisions as `alembic upgrade` would, with rows in the tables where they take some."""
    names = [one.id for one in pending.revisions]
    try:
        run_ = _at_once(workshop, pending, names, rows=True)
    except _OnData:
        run_ = _at_once(workshop, pending, names, rows=False)
    sent = run_.sent
    hazards = _weighed(run_, pending)
    # Several are run once more step by step, since what is between two of them shows only then.
    between = [run_.base, run_.after] if len(names) == 1 else _step_by_step(workshop, pending)
    for one, before, after in zip(pending.revisions, between, between[1:], strict=False):
        changes = contract.changes(between[0], before, after)
        hazards += [Hazard(one, "contract", what.rule, what.message, _line(one, what.name)) for what in changes]
    statements = [one for name in names for one in sent.get(name, ())]
    order = {name: number for number, name in enumerate(names)}
    hazards.sort(key=lambda one: (order[one.revision.id], one.kind != "lock", one.line))
    return Audit(len(statements), hazards, sum(one.locks is None for one in statements))


class _OnData(Exception):
    """The made-up rows were in the way."""


@dataclass(frozen=True, slots=True)
class _Run:
    """All pending revisions run as one upgrade: the shapes around it, the tables' rows before, what was sent."""

    base: Shape
    after: Shape
    rows: Mapping[int, int]
    sent: Mapping[str, tuple[Statement, ...]]


def _at_once(workshop: Workshop, pending: Pending, names: Sequence[str], *, rows: bool) -> _Run:
    with workshop.bench(pending.before, rows=rows) as bench:
        bench.fill()
        base = shape.read(bench.connection)
        counts = shape.counts(bench.connection)
        outcome = bench.session.upgrade(names)
        if rows and outcome.fault and outcome.fault.is_about_data:
            raise _OnData
        sent = _succeeded(outcome).statements
        return _Run(base, shape.read(bench.connection), counts, sent)


def _weighed(run_: _Run, pending: Pending) -> list[Hazard]:
    relations = run_.base.relations
    own = pending.tree.version_table.name  # read before each step, by Alembic itself
    theirs = {oid: one for oid, one in relations.items() if relations[one.table].name.partition(".")[2] != own}
    scale = Scale(theirs, run_.rows)
    remarks = squawk.read(run_.sent)
    hazards: list[Hazard] = []
    for one in pending.revisions:
        mine = run_.sent.get(one.id, ())
        helps = {mine[remark.number].sql: remark.help for remark in remarks if remark.revision == one.id}
        for burden in scale.weigh(mine):
            kind = "contract" if burden.rule == "truncate" else "lock"
            line = _line(one, burden.statement)
            help_ = helps.get(burden.statement, "")
            hazards.append(Hazard(one, kind, burden.rule, burden.message, line, burden.statement, help_))
        hazards += _read_only(one, mine, remarks, run_.base)
        hazards += _rewritten(one, mine, scale, run_.after)
    return hazards


def _succeeded(outcome: Outcome) -> Outcome:
    if outcome.fault:
        name = brief(outcome.fault.revision)
        found = f"revision {name} does not go up on a scratch database, so its locks are not known: {outcome.fault}"
        raise CouldNotTell(found, "mend it; the check migrations-reversible tells more")
    if outcome.dropped:
        found = f"{outcome.dropped} statements more were sent than are recorded"
        raise CouldNotTell(found, "let the migration do its work in fewer statements")
    return outcome


def _read_only(revision: Revision, sent: Sequence[Statement], remarks: Sequence[Remark], base: Shape) -> list[Hazard]:
    """squawk's remarks about statements that committed by themselves, if they name a table that was there."""
    tables = [one.name.partition(".")[2] for one in base.relations.values() if one.kind in "rpm"]
    found = []
    for one in remarks:
        text = sent[one.number].sql if one.revision == revision.id else ""
        if text and sent[one.number].locks is None and any(_names(text, table) for table in tables):
            found.append(Hazard(revision, "lock", one.rule, one.message, _line(revision, text), text, one.help))
    return found


def _rewritten(revision: Revision, sent: Sequence[Statement], scale: Scale, after: Shape) -> list[Hazard]:
    """Files that changed though no measured statement did it: VACUUM FULL, CLUSTER and their like commit themselves."""
    found: list[Hazard] = []
    for text in (one.sql for one in sent if one.locks is None):
        for oid, old in scale.base.items():
            new = after.relations.get(oid)
            if new is None or new.file == scale.files[oid] or old.table != oid:
                continue
            if _names(text, old.name.partition(".")[2]) or not any(old.name in one.message for one in found):
                scale.files[oid] = new.file
                message = f"rewrites {brief(old.name, 130)} while readers and writers wait"
                found.append(Hazard(revision, "lock", "rewrite", message, _line(revision, text), text))
    return found


def _names(text: str, table: str) -> bool:
    quoted = table.replace('"', '""')
    return re.search(rf"(?<![\w$]){re.escape(quoted)}(?![\w$])", text, re.IGNORECASE) is not None


def _step_by_step(workshop: Workshop, pending: Pending) -> list[Shape]:
    """The shape before the first revision, and after each."""
    with workshop.bench(pending.before, rows=False) as bench:
        shapes = [shape.read(bench.connection)]
        for one in pending.revisions:
            _succeeded(bench.upgrade(one.id))
            shapes.append(shape.read(bench.connection))
        return shapes


def _line(revision: Revision, text: str) -> int:
    """The first line of upgrade() that holds the text, or its first words, or a name of it; else the first of all."""
    function = revision.upgrade
    try:
        lines = Path(revision.path).read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        lines = []
    if function is None or not lines:
        return revision.line
    start, end = function.body[0].lineno, function.end_lineno or len(lines)
    for words in (text, " ".join(text.split()[:5]), " ".join(text.split()[:3]), *_names_in(text)):
        pattern = re.compile(rf"(?<!\w){re.escape(words)}(?!\w)")
        found = next((number for number in range(start, end + 1) if words and pattern.search(lines[number - 1])), 0)
        if found:
            return found
    return start


def _names_in(text: str) -> list[str]:
    """The names in a statement, the longest first: what an operation of Alembic was given."""
    return sorted({one for one in re.findall(r"\w{4,}", text) if not one.isupper()}, key=len, reverse=True)
