"""Up, down and up again: one revision after the other, the catalogs compared, with rows in the tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deploy_gate.migrations.bench import Bench, Workshop
from deploy_gate.migrations.revision import Revision
from deploy_gate.migrations.session import Fault
from deploy_gate.postgres.catalog.compare import Difference, compare
from deploy_gate.result import brief

if TYPE_CHECKING:
    from deploy_gate.postgres.catalog import Catalog

_NOT_NULL = "23502"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a revision; `certain` is False where only some rows would show it."""

    revision: Revision
    rule: str
    message: str
    line: int
    statement: str = ""
    certain: bool = True


@dataclass(slots=True)
class Trials:
    """What came of all revisions."""

    tried: list[str] = field(default_factory=list)
    one_way: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)
    rows: int = 0
    unfilled: dict[str, str] = field(default_factory=dict)


def run(workshop: Workshop, before: Sequence[str], revisions: Sequence[Revision], *, rows: bool) -> Trials:
    """Try every revision; where one left traces, the next starts on a fresh database."""
    trials = Trials()
    applied = list(before)
    bench: Bench | None = None
    with ExitStack() as stack:
        for number, revision in enumerate(revisions):
            if bench is None:
                bench = stack.enter_context(workshop.bench(applied, rows=rows))
            found = list(_tried(bench, revision))
            if bench.rows:
                trials.rows += bench.rows.made
                bench.rows.made = 0
                trials.unfilled = dict(bench.rows.skipped)
            if any(one.rule.endswith("on-data") for one in found):
                stack.close()
                with workshop.bench(applied, rows=False) as empty:
                    found += _tried(empty, revision)
            trials.findings += found
            trials.tried.append(revision.id)
            if revision.irreversible:
                trials.one_way[revision.id] = revision.irreversible
            if any(one.rule == "upgrade-fails" for one in found):
                trials.untried = [one.id for one in revisions[number + 1 :]]
                return trials
            applied.append(revision.id)
            if not _is_whole(found):
                stack.close()
                bench = None
    return trials


def _is_whole(found: list[Finding]) -> bool:
    """Whether the database is what one upgrade makes of it, so that the next revision may go on with it."""
    return all(one.rule == "not-restored" for one in found)


def _tried(bench: Bench, revision: Revision) -> Iterator[Finding]:
    bench.fill()
    before = bench.catalog()
    outcome = bench.upgrade(revision.id)
    if outcome.fault:
        yield _failed(revision, "upgrade", outcome.fault, bench)
        return
    after = bench.catalog()
    if revision.irreversible:
        return
    bench.fill()
    outcome = bench.downgrade(revision.id)
    if outcome.fault:
        yield _failed(revision, "downgrade", outcome.fault, bench)
        return
    lost = list(_different(revision, before, bench.catalog()))
    yield from lost
    outcome = bench.upgrade(revision.id)
    if outcome.fault:
        yield _failed(revision, "second-upgrade", outcome.fault, bench)
    else:
        yield from _different(revision, after, bench.catalog(), again=True)


def _failed(revision: Revision, what: str, fault: Fault, bench: Bench) -> Finding:
    function = revision.downgrade if what == "downgrade" else revision.upgrade
    line = _line(revision, fault) or (function.lineno if function else revision.line)
    if what == "downgrade" and fault.type == "NotImplementedError":
        text = "downgrade() raises NotImplementedError, and no reason is declared"
        return Finding(revision, "no-downgrade", text, line)
    words = {"upgrade": "the upgrade fails", "downgrade": "the downgrade fails"}
    text = words.get(what, "after the downgrade a second upgrade fails")
    if bench.rows and fault.is_about_data:
        certain = fault.sqlstate == _NOT_NULL
        text += " on rows that the schema allows" if certain else " on some rows that the schema allows"
        return Finding(revision, f"{what}-fails-on-data", f"{text}: {fault}", line, fault.statement, certain)
    return Finding(revision, f"{what}-fails", f"{text}: {fault}", line, fault.statement)


def _line(revision: Revision, fault: Fault) -> int:
    path = str(Path(revision.path).resolve())
    return next((line for name, line in fault.frames.items() if str(Path(name).resolve()) == path), 0)


def _different(revision: Revision, left: Catalog, right: Catalog, *, again: bool = False) -> Iterator[Finding]:
    if left.fingerprint == right.fingerprint:
        return
    function = revision.upgrade if again else revision.downgrade
    line = function.lineno if function else revision.line
    for one in compare(left, right):
        if one.level == "difference":
            text = _again(one) if again else _lost(one)
            yield Finding(revision, "second-upgrade-differs" if again else "not-restored", text, line)


def _lost(one: Difference) -> str:
    what = f"{one.kind} {brief(one.name, 160)}"
    if one.side == "left":
        return f"the downgrade does not bring back {what} ({brief(one.left, 200)})"
    if one.side == "right":
        return f"the downgrade leaves behind {what} ({brief(one.right, 200)})"
    return f"the downgrade leaves {what} changed: {brief(one.left, 160)} became {brief(one.right, 160)}"


def _again(one: Difference) -> str:
    what = f"{one.kind} {brief(one.name, 160)}"
    if one.side != "both":
        there = "only the first" if one.side == "left" else "only the second"
        return f"{there} upgrade makes {what}"
    return f"the second upgrade makes {what} differently: {brief(one.left, 160)} became {brief(one.right, 160)}"
