"""What a backup must be: every threshold of `backup-integrity`, without a look at anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

from deploy_gate.facts.dumpfile import Dump
from deploy_gate.facts.s3_object import Head
from deploy_gate.result import Status, brief
from deploy_gate.units import counted, show_duration, show_size

ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Storage classes whose objects are to be had hours later only."""
_EAST, _WEST = timedelta(hours=14), timedelta(hours=12)
"""The zones that are farthest from UTC: a dump's own time stamp does not tell its zone."""
_LASTS = timedelta(hours=12)
"""A dump may take that long before it is stored."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is asked for; seconds, bytes and percent."""

    history: int = 7
    min_history: int = 0
    min_size: int = 10_000
    max_shrink: float = 10
    max_growth: float = 100
    database: str = ""
    encryption: str = "required"
    checksum: bool = False
    versioning: bool = False
    object_lock: bool = False
    skew: float = 300


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen of the newest backup. `earlier` are the sizes before it, newest first.

    Of `dump`, `damage` and `blind` one is there: what it is, why it is none, or why that cannot be told (with a fix).
    """

    key: str
    head: Head
    earlier: tuple[int, ...]
    dump: Dump | None = None
    damage: str = ""
    blind: tuple[str, str] | None = None
    versioned: bool | None = None
    verified: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be."""

    status: Status
    found: str
    fix: str


def findings(looked: Looked, limits: Limits, now: datetime) -> list[Finding]:
    """All that is wrong, the worst of it first."""
    every = [*_size(looked, limits), *_content(looked, limits), *_storage(looked, limits, now)]
    order = [Status.FAILED, Status.ERROR, Status.WARNED]
    return sorted(every, key=lambda one: order.index(one.status))


def _size(looked: Looked, limits: Limits) -> Iterator[Finding]:
    size, earlier = looked.head.size, looked.earlier[: limits.history]
    if size < limits.min_size:
        found = f"it has only {_exact(size, limits.min_size)}, the limit is {show_size(limits.min_size)}"
        yield Finding(Status.FAILED, found, "see in the backup job's log why its dump is so small")
    if len(looked.earlier) < limits.min_history:
        found = (
            f"only {counted(len(looked.earlier), 'earlier backup')} to compare with, needed are {limits.min_history}"
        )
        yield Finding(Status.ERROR, found, "wait for more backups, raise look-back or lower min-history")
    if not earlier:
        found = f"there is no earlier backup to compare its {show_size(size)} with"
        yield Finding(Status.WARNED, found, "see whether this is the first backup, or raise look-back")
        return
    usual = median(earlier)
    for name, reference in (("the one before", earlier[0]), (f"the median of {len(earlier)}", usual)):
        if size < reference and size <= reference * (1 - limits.max_shrink / 100):
            less = (1 - size / reference) * 100
            found = f"with {show_size(size)} it is {less:.3g} % smaller than {name} ({show_size(reference)})"
            fix = "see what is missing from the dump; after a clean-up on purpose, waive this until the median follows"
            yield Finding(Status.FAILED, f"{found}, a finding from {limits.max_shrink:g} % on", fix)
            return
    if size > usual * (1 + limits.max_growth / 100):
        found = f"with {show_size(size)} it is {size / usual:.3g} × the median of {len(earlier)} ({show_size(usual)})"
        yield Finding(Status.WARNED, found, "see which table grew so much")


def _exact(value: float, limit: float) -> str:
    return show_size(value) if show_size(value) != show_size(limit) else f"{value:.0f} B"


def _content(looked: Looked, limits: Limits) -> Iterator[Finding]:
    if looked.damage:
        yield Finding(Status.FAILED, looked.damage, "see in the backup job's log where it broke off, and run it again")
    if looked.blind:
        yield Finding(Status.ERROR, *looked.blind)
    dump = looked.dump
    if dump is None:
        return
    if dump.tables == 0:
        yield Finding(Status.FAILED, "it holds no table's rows", "dump the data too, and with a role that may read it")
    if limits.database and dump.database is None:
        fix = "store pg_dump's custom format, which names its database, or leave the input database empty"
        yield Finding(Status.ERROR, f"{dump.format} does not tell which database it is of", fix)
    elif limits.database and dump.database != limits.database:
        found = f"it is a dump of {brief(dump.database or '(no name)')}, not of {brief(limits.database)}"
        yield Finding(Status.FAILED, found, "correct the database that the backup job dumps, or where it stores")
    if dump.made:
        yield from _time(dump.made.replace(tzinfo=UTC), looked.head.modified, timedelta(seconds=limits.skew))


def _time(made: datetime, stored: datetime, skew: timedelta) -> Iterator[Finding]:
    fix = "correct the clock of the machine that makes the backups, or see why an old dump was stored again"
    if made > stored + _EAST + skew:
        apart = show_duration((made - stored).total_seconds())
        yield Finding(Status.FAILED, f"the dump says that it was made {apart} after it was stored", fix)
    if made < stored - _WEST - _LASTS - skew:
        apart = show_duration((stored - made).total_seconds())
        yield Finding(Status.FAILED, f"the dump says that it was made {apart} before it was stored", fix)


def _storage(looked: Looked, limits: Limits, now: datetime) -> Iterator[Finding]:
    head = looked.head
    if head.storage in ARCHIVED and not head.restored:
        found = f"its storage class is {brief(head.storage)}, so it cannot be read for hours"
        yield Finding(Status.FAILED, found, "let the lifecycle rule archive backups only when newer ones are there")
    if limits.encryption != "optional" and not head.encryption:
        yield Finding(Status.FAILED, "the server does not encrypt it", "set a default encryption on the bucket")
    elif limits.encryption == "aws:kms" and not head.encryption.startswith("aws:kms"):
        found = f"it is encrypted by {brief(head.encryption)}, not by aws:kms"
        yield Finding(Status.FAILED, found, "set a default encryption by a KMS key on the bucket")
    if limits.checksum and not head.checksums:
        found = "no checksum of its own is stored with it"
        yield Finding(Status.FAILED, found, "upload it with one (aws s3 cp --checksum-algorithm SHA256)")
    if limits.versioning and not looked.versioned:
        found = "the bucket does not keep what is overwritten or deleted"
        yield Finding(Status.FAILED, found, "enable versioning on the bucket")
    if limits.object_lock and (head.locked_until is None or head.locked_until <= now):
        found = "it is not locked against deletion" + (" any more" if head.locked_until else "")
        yield Finding(Status.FAILED, found, "set a default retention on the bucket (Object Lock)")
