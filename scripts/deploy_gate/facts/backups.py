"""The newest backup in a bucket, found with at most three list requests however many objects there are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from deploy_gate.facts import s3
from deploy_gate.facts.keytime import Pattern, cover, parse
from deploy_gate.facts.s3 import Bucket, Stored
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, brief

LOOK_BACK = 20
"""When nothing is fresh: how many times the span further back the newest is looked for."""


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds: how far back backups are looked for, and how far clocks may be apart."""

    seconds: float
    skew: float = 300
    every: bool = False
    """Every backup of the span is wanted, not the newest alone."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How keys are laid out: `pattern` is that of the whole key (`keyed`) or its beginning, None without dates."""

    prefix: str
    pattern: Pattern | None = None
    keyed: bool = False

    @property
    def head(self) -> str:
        """What all keys begin with."""
        return self.pattern.head if self.pattern else self.prefix

    def taken(self, one: Stored) -> datetime:
        """When a backup was made: by its key, within the key's precision by its time stamp; else by its time stamp."""
        start = self.pattern.time(one.key) if self.pattern and self.keyed else None
        if not start or not self.pattern or start <= one.modified < start + self.pattern.grain:
            return one.modified
        return start


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen. `newest` is None when none was found; `older`: there are some, too old to be looked for."""

    place: str
    newest: Stored | None
    taken: datetime
    now: datetime
    drift: float
    requests: int
    seen: int
    older: bool = False
    before: tuple[Stored, ...] = ()
    """The other backups of the span, newest first."""


def layout(prefix: str, key_pattern: str) -> Layout:
    """The layout that the inputs `prefix` and `key-pattern` describe; Misconfigured says what would be legal."""
    try:
        if key_pattern:
            return Layout(prefix, parse(prefix + key_pattern, coarsest="d"), keyed=True)
        if "%" in prefix.replace("%%", ""):
            return Layout(prefix, parse(prefix, finest="H"))
    except ValueError as fault:
        name = "key-pattern" if key_pattern else "prefix"
        raise Misconfigured([f"input '{name}' is {brief(key_pattern or prefix)!r}, expected {fault}"]) from None
    return Layout(prefix.replace("%%", "%"))


def search(bucket: Bucket, layout: Layout, span: Span) -> Facts:
    """Look at the span's time, then further back if there is nothing."""
    if bucket.name.endswith("--x-s3"):
        raise CouldNotTell(f"{brief(bucket.name)} is a directory bucket, its keys are not sorted", "use another bucket")
    now = datetime.now(UTC)
    since = _before(now, span.seconds + span.skew)
    older = False
    if not layout.pattern:
        found = _all(bucket, layout.head, "", layout)
    else:
        found = _recent(bucket, layout, layout.pattern, since, now + timedelta(seconds=span.skew), every=span.every)
        if not found and bucket.left:
            found, older = _earlier(bucket, layout, layout.pattern, since, span)
        if not found and not older and bucket.left:
            older = bool(_fitting(bucket.objects(layout.head)[0], layout))
    # Time stamps are exact to the second: of the same second, the key that sorts last.
    found.sort(key=lambda one: (layout.taken(one), one.key), reverse=True)
    newest = found[0] if found else None
    taken = layout.taken(newest) if newest else now
    place = f"s3://{brief(bucket.name)}/{brief(layout.prefix, 120)}"
    clock = (bucket.server_time, bucket.drift)
    return Facts(place, newest, taken, *clock, bucket.requests, len(found), older, tuple(found[1:]))


def _before(when: datetime, seconds: float) -> datetime:
    try:
        return when - timedelta(seconds=seconds)
    except OverflowError:
        return datetime(1970, 1, 1, tzinfo=UTC)


def _fitting(objects: list[Stored], layout: Layout) -> list[Stored]:
    pattern = layout.pattern
    return [one for one in objects if pattern.time(one.key)] if pattern and layout.keyed else objects


def _all(bucket: Bucket, prefix: str, after: str, layout: Layout) -> list[Stored]:
    objects, complete = bucket.objects(prefix, after)
    if not complete:
        count = f"more than {len(objects)} objects to look through under s3://{brief(bucket.name)}/{brief(prefix)}"
        fix = "put dates into the prefix (erp/%Y/%m/%d/) or into the keys, and give them as prefix or key-pattern"
        raise CouldNotTell(f"{count}, the limit is {s3.MAX_REQUESTS} list requests; the newest is not known", fix)
    return _fitting(objects, layout)


def _recent(
    bucket: Bucket, layout: Layout, pattern: Pattern, since: datetime, until: datetime, *, every: bool
) -> list[Stored]:
    if layout.keyed:
        # One grain more, because a key that equals the place to start after would be left out.
        return _all(bucket, pattern.head, pattern.begin(since - pattern.grain), layout)
    found: list[Stored] = []
    for prefix in cover(pattern, since, until, s3.MAX_REQUESTS - 1) or [pattern.head]:
        found += _all(bucket, prefix, pattern.begin(since), layout)
        if found and not every:
            break
    return found


def _earlier(
    bucket: Bucket, layout: Layout, pattern: Pattern, since: datetime, span: Span
) -> tuple[list[Stored], bool]:
    """Only to say how old the newest is: what one request tells, and whether there was more than it could tell."""
    bucket.left, spare = 1, bucket.left - 1
    if layout.keyed:
        begin = pattern.begin(_before(since, max(LOOK_BACK * span.seconds, 2 * 86400)))
        objects, complete = bucket.objects(pattern.head, begin)
    else:
        finest = pattern.fields[-1]
        coarser = pattern.upto(pattern.fields[max(len(pattern.fields) - 2, 0)])
        step = {"H": 3600, "d": 86400, "m": 86400 * since.day, "Y": 86400 * since.timetuple().tm_yday}[finest]
        objects, complete = bucket.objects(coarser.at(since - timedelta(seconds=step)))
    bucket.left = spare
    found = _fitting(objects, layout)
    return (found, False) if complete else ([], bool(found))
