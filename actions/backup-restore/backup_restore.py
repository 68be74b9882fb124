"""A dump can be restored, in time, and its rows are there: by a role without rights, in a job without secrets."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy_gate.catalog import About
from deploy_gate.facts import dumpfile
from deploy_gate.facts.pgdump import Broken
from deploy_gate.migrations import tree
from deploy_gate.postgres import restore, scratch
from deploy_gate.postgres.restore import Content, Unrestorable, Wants
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.units import Duration, counted, show_duration, show_size

ABOUT = About(runs_code=True, locks=("database",), timeout=7200)
_TABLE = re.compile(r"([^\s,>=]{1,130})(?:\s*>=\s*([0-9]{1,12}))?")
_MOST_JOBS = 16
_READ_LIMIT = 64_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds, least rows by table, and what the version table must hold; None: anything."""

    seconds: float
    tables: dict[str, int]
    revisions: frozenset[str] | None = None
    known: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """A restore that ended."""

    seconds: float
    size: int
    version_table: str
    content: Content


class File:
    """A dump on the disk, as a source of bytes."""

    limit = _READ_LIMIT

    def __init__(self, path: Path) -> None:
        self.path, self.size = path, path.stat().st_size

    def read(self, offset: int, length: int) -> bytes:
        """That many bytes from there."""
        with self.path.open("rb") as stream:
            stream.seek(offset)
            return stream.read(length)


def check(  # noqa: PLR0913 - one parameter for each input
    *,
    file: Path,
    tables: list[str],
    max_restore: Duration,
    revision: list[str],
    config: str,
    version_table: str,
    jobs: int,
    extensions: list[str],
    roles: list[str],
    scratch_url: str,
) -> Result:
    """Restore and count; CouldNotTell for what is missing on this machine, failed for what is wrong with the dump."""
    limits = Limits(
        *(max_restore, _asked(tables), frozenset(revision) or None),
        known=frozenset(tree.read(config).order) if config else None,
    )
    validate(tables=tables, jobs=jobs)
    try:
        size, serial = _inspected(file)
        with scratch.server(scratch_url) as server, restore.database(server, Wants(extensions, roles)) as address:
            program = _program(server.programs)
            seconds = restore.run(program, file, address, jobs=1 if serial else jobs, seconds=max_restore)
            content = restore.content(address, list(limits.tables), version_table)
    except Broken as fault:
        return failed(f"the dump is damaged: {fault}", "make a new backup, and see in its job's log what went wrong")
    except Unrestorable as fault:
        return failed(f"the restore stopped: {fault}", "restore it by hand to see more; correct the dump or its job")
    except TimeoutError:
        found = f"the restore was stopped after {show_duration(max_restore)}, the limit"
        fix = "restore in parallel (jobs), on a faster machine, or raise max-restore"
        return failed(found, fix, target=max_restore)
    return judge(Facts(seconds, size, version_table, content), limits)


def validate(*, tables: list[str], jobs: int, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is run."""
    _asked(tables)
    if not 1 <= jobs <= _MOST_JOBS:
        raise Misconfigured([f"input 'jobs' is {jobs}, expected 1 to {_MOST_JOBS}"])


def _asked(tables: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in tables:
        match = _TABLE.fullmatch(one)
        if not match:
            raise Misconfigured([f"input 'tables' holds {brief(one)!r}, expected such as orders or stock.items>=1000"])
        found[match[1]] = int(match[2] or 1)
    return found


def _inspected(file: Path) -> tuple[int, bool]:
    """Its size, and whether only one table at a time can be restored."""
    try:
        source = File(file)
        dump = dumpfile.inspect(source)
    except OSError as fault:
        found = f"{brief(str(file), 160)} cannot be read: {fault.strerror}"
        raise CouldNotTell(found, "hand the dump over to this job, and correct the input file") from None
    if dump.tables is None:
        found = f"it is {dump.format}, which psql would have to execute; only pg_dump's archives are restored here"
        raise CouldNotTell(found, "store the custom format (pg_dump --format=custom)")
    return source.size, dump.format != "custom format"


def _program(programs: Path | None) -> Path:
    found = programs / "pg_restore" if programs else Path(shutil.which("pg_restore") or "")
    if not found.is_file():
        raise CouldNotTell("there is no pg_restore on this machine", "run `apt-get install postgresql-client`")
    return found


def judge(facts: Facts, limits: Limits) -> Result:
    """Every threshold of this check."""
    content = facts.content
    took = f"restored {show_size(facts.size)} in {show_duration(facts.seconds)}, the limit is "
    took += show_duration(limits.seconds)
    faults = list(_faults(facts, limits))
    evidence: list[Evidence] = [
        {"message": f"{name}: {'no such table' if count is None else f'{count} rows'}", "table": name, "rows": count}
        for name, count in content.counts.items()
    ]
    more = {"target": limits.seconds, "measured": round(facts.seconds, 2), "evidence": evidence}
    if faults:
        return failed(f"{took}; but {'; '.join(faults)}", "see what the backup job dumps, and by which role", **more)
    rows = "".join(
        f", {brief(name)} {count} rows (at least {limits.tables[name]})" for name, count in content.counts.items()
    )
    revisions = content.revisions
    at = "no Alembic revision" if revisions is None else f"Alembic at {brief(', '.join(revisions)) or 'nothing'}"
    return passed(f"{took}; {counted(content.total, 'table')}, {content.filled} with rows{rows}; {at}", **more)


def _faults(facts: Facts, limits: Limits) -> Iterator[str]:
    content = facts.content
    if not content.filled:
        yield f"none of its {counted(content.total, 'table')} holds a row"
    for name, least in limits.tables.items():
        count = content.counts[name]
        if count is None:
            yield f"there is no table {brief(name)}"
        elif count < least:
            yield f"{brief(name)} has {counted(count, 'row')}, at least {least} are asked for"
    if limits.revisions is not None or limits.known is not None:
        yield from _revision_faults(facts, limits)


def _revision_faults(facts: Facts, limits: Limits) -> Iterator[str]:
    have = facts.content.revisions
    if have is None:
        yield f"there is no table {brief(facts.version_table)}"
        return
    held = brief(", ".join(have) or "no revision")
    if limits.revisions is not None and limits.revisions != set(have):
        yield f"it is at {held}, not at {brief(', '.join(sorted(limits.revisions)))}"
    if limits.known is not None and (not have or not limits.known.issuperset(have)):
        yield f"it is at {held}, which this commit does not know"
