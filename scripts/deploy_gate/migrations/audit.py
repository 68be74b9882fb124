"""The pending revisions on a scratch database: each statement weighed, and each revision's change judged."""

from __future__ import annotations

import re
from collections.abc import Sequence
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
        hazards, sent = _weighed(workshop, pending, names, rows=True)
    except _OnData:
        hazards, sent = _weighed(workshop, pending, names, rows=False)
    hazards += _contracts(workshop, pending)
    statements = [one for name in names for one in sent.get(name, ())]
    order = {name: number for number, name in enumerate(names)}
    hazards.sort(key=lambda one: (order[one.revision.id], one.kind != "lock", one.line))
    return Audit(len(statements), hazards, sum(one.locks is None for one in statements))


class _OnData(Exception):
    """The made-up rows were in the way."""


def _weighed(
    workshop: Workshop, pending: Pending, names: Sequence[str], *, rows: bool
) -> tuple[list[Hazard], dict[str, tuple[Statement, ...]]]:
    with workshop.bench(pending.before, rows=rows) as bench:
        bench.fill()
        base = shape.read(bench.connection)
        scale = Scale(base.relations, shape.counts(bench.connection))
        outcome = bench.session.upgrade(names)
        if rows and outcome.fault and outcome.fault.is_about_data:
            raise _OnData
        sent = dict(_succeeded(outcome).statements)
        after = shape.read(bench.connection)
    remarks = squawk.read(sent)
    hazards = []
    for one in pending.revisions:
        mine = sent.get(one.id, ())
        helps = {mine[remark.number].sql: remark.help for remark in remarks if remark.revision == one.id}
        for burden in scale.weigh(mine):
            kind = "contract" if burden.rule == "truncate" else "lock"
            line = _line(one, burden.statement)
            help_ = helps.get(burden.statement, "")
            hazards.append(Hazard(one, kind, burden.rule, burden.message, line, burden.statement, help_))
        hazards += _read_only(one, mine, remarks, base)
        hazards += _rewritten(one, mine, scale, after)
    return hazards, sent


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
    return re.search(rf"(?<![\w$]){re.escape(table)}(?![\w$])", text, re.IGNORECASE) is not None


def _contracts(workshop: Workshop, pending: Pending) -> list[Hazard]:
    """Step by step, since what is between two revisions shows only then."""
    with workshop.bench(pending.before, rows=False) as bench:
        base = before = shape.read(bench.connection)
        hazards: list[Hazard] = []
        for one in pending.revisions:
            _succeeded(bench.upgrade(one.id))
            after = shape.read(bench.connection)
            hazards += [
                Hazard(one, "contract", change.rule, change.message, _line(one, change.name))
                for change in contract.changes(base, before, after)
            ]
            before = after
        return hazards


def _line(revision: Revision, text: str) -> int:
    """The first line of upgrade() that holds the text, or its first words; else that of upgrade() itself."""
    function = revision.upgrade
    start = function.lineno if function else revision.line
    try:
        lines = Path(revision.path).read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return start
    end = function.end_lineno or len(lines) if function else len(lines)
    words = [text, " ".join(text.split()[:5]), " ".join(text.split()[:3]), *_quoted(text)]
    for one in filter(None, words):
        for number in range(start, end + 1):
            if one in lines[number - 1]:
                return number
    return start


def _quoted(text: str) -> list[str]:
    """The longest names in a statement: what an operation of Alembic was given."""
    return sorted(set(re.findall(r"\w{4,}", text)) - set(re.findall(r"[A-Z_]{4,}", text)), key=len, reverse=True)
