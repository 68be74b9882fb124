"""The newest backup in an S3 bucket is young and large enough, found with at most three list requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from deploy_gate.catalog import About
from deploy_gate.facts import s3
from deploy_gate.facts.keytime import Pattern, cover, parse
from deploy_gate.facts.s3 import Bucket, Stored
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, error, failed, passed
from deploy_gate.units import Duration, Size, show_duration, show_size

ABOUT = About(secrets=s3.SECRETS, reads=s3.READS, locks=("s3",), timeout=60)

LOOK_BACK = 20
"""When nothing is fresh: how many times `max-age` further back the newest is looked for."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes."""

    max_age: float = 1800
    min_size: int = 1000
    skew: float = 300


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


def check(  # noqa: PLR0913 - one parameter for each input
    *,
    bucket: str,
    prefix: str,
    key_pattern: str,
    max_age: Duration,
    min_size: Size,
    clock_skew: Duration,
    region: str,
    endpoint_url: str,
) -> Result:
    """Find the newest backup and judge it; CouldNotTell for all that hinders, Misconfigured for a bad pattern."""
    layout = _layout(prefix, key_pattern)
    limits = Limits(max_age, min_size, clock_skew)
    if bucket.endswith("--x-s3"):
        raise CouldNotTell(f"{brief(bucket)} is a directory bucket, its keys are not sorted", "use another bucket")
    return judge(search(Bucket(bucket, region, endpoint_url), layout, limits), limits)


def validate(*, prefix: str, key_pattern: str, endpoint_url: str, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is run."""
    _layout(prefix, key_pattern)
    Bucket("", endpoint=endpoint_url)


def _layout(prefix: str, key_pattern: str) -> Layout:
    try:
        if key_pattern:
            return Layout(prefix, parse(prefix + key_pattern, coarsest="d"), keyed=True)
        if "%" in prefix.replace("%%", ""):
            return Layout(prefix, parse(prefix, finest="H"))
    except ValueError as fault:
        name = "key-pattern" if key_pattern else "prefix"
        raise Misconfigured([f"input '{name}' is {brief(key_pattern or prefix)!r}, expected {fault}"]) from None
    return Layout(prefix.replace("%%", "%"))


def search(bucket: Bucket, layout: Layout, limits: Limits) -> Facts:
    """Look at the time that could hold a fresh backup, then further back if there is none."""
    now = datetime.now(UTC)
    since = _before(now, limits.max_age + limits.skew)
    older = False
    if not layout.pattern:
        found = _all(bucket, layout.head, "", layout)
    else:
        found = _recent(bucket, layout, layout.pattern, since, now + timedelta(seconds=limits.skew))
        if not found and bucket.left:
            found, older = _earlier(bucket, layout, layout.pattern, since, limits)
        if not found and not older and bucket.left:
            older = bool(_fitting(bucket.objects(layout.head)[0], layout))
    newest = max(found, key=layout.taken, default=None)
    taken = layout.taken(newest) if newest else now
    place = f"s3://{brief(bucket.name)}/{brief(layout.prefix, 120)}"
    return Facts(place, newest, taken, bucket.server_time, bucket.drift, bucket.requests, len(found), older)


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


def _recent(bucket: Bucket, layout: Layout, pattern: Pattern, since: datetime, until: datetime) -> list[Stored]:
    if layout.keyed:
        # One grain more, because a key that equals the place to start after would be left out.
        return _all(bucket, pattern.head, pattern.begin(since - pattern.grain), layout)
    for prefix in cover(pattern, since, until, s3.MAX_REQUESTS - 1) or [pattern.head]:
        if found := _all(bucket, prefix, pattern.begin(since), layout):
            return found
    return []


def _earlier(
    bucket: Bucket, layout: Layout, pattern: Pattern, since: datetime, limits: Limits
) -> tuple[list[Stored], bool]:
    """Only to say how old the newest is: what one request tells, and whether there was more than it could tell."""
    bucket.left, spare = 1, bucket.left - 1
    if layout.keyed:
        begin = pattern.begin(_before(since, max(LOOK_BACK * limits.max_age, 2 * 86400)))
        objects, complete = bucket.objects(pattern.head, begin)
    else:
        finest = pattern.fields[-1]
        coarser = pattern.upto(pattern.fields[max(len(pattern.fields) - 2, 0)])
        step = {"H": 3600, "d": 86400, "m": 86400 * since.day, "Y": 86400 * since.timetuple().tm_yday}[finest]
        objects, complete = bucket.objects(coarser.at(since - timedelta(seconds=step)))
    bucket.left = spare
    found = _fitting(objects, layout)
    return (found, False) if complete else ([], bool(found))


def judge(facts: Facts, limits: Limits) -> Result:
    """Every threshold of this check; clocks first, since without them there is no age."""
    skew, newest = show_duration(limits.skew), facts.newest
    evidence = _evidence(facts)
    if abs(facts.drift) > limits.skew:
        which = "behind" if facts.drift > 0 else "ahead of"
        found = f"this machine's clock is {show_duration(abs(facts.drift))} {which} the server's, the limit is {skew}"
        return error(found, "set the clock of this machine (NTP), or of the server", evidence=evidence)
    if newest is None:
        found = f"no backup under {facts.place}"
        found += f" younger than {show_duration(limits.max_age)}, only older ones" if facts.older else ""
        return failed(found, "run the backup job, and see where it stores", target=limits.max_age, evidence=evidence)
    age = (facts.now - facts.taken).total_seconds()
    if age < -limits.skew:
        found = f"newest backup is dated {show_duration(-age)} in the future, the limit is {skew}: {brief(newest.key)}"
        fix = "correct the clock or time zone of the backup job, and remove this object"
        return error(found, fix, evidence=evidence)
    return _judged(facts, newest, max(age, 0.0), limits, evidence)


def _judged(facts: Facts, newest: Stored, age: float, limits: Limits, evidence: list[Evidence]) -> Result:
    note = _discrepancy(facts, newest, limits)
    more = {"target": limits.max_age, "measured": round(age, 1), "evidence": evidence}
    size, least = _apart(show_size, "{:.0f} B".format, newest.size, limits.min_size)
    small = f"only {size}, the limit is {least}" if newest.size < limits.min_size else ""
    if age > limits.max_age:
        shown, limit = _apart(show_duration, "{:.1f} s".format, age, limits.max_age)
        also = f"; and it has {small}" if small else ""
        found = f"newest backup is {shown} old, the limit is {limit}{also}{note}"
        return failed(found, "run the backup job, then run this job again", **more)
    if small:
        found = f"newest backup has {small}{note}"
        return failed(found, "see in the backup job's log why its dump is so small", **more)
    shown, limit = show_duration(age), show_duration(limits.max_age)
    return passed(f"newest backup is {shown} old, the limit is {limit}; {size}, at least {least}{note}", **more)


def _apart(show: Callable[[float], str], exact: Callable[[float], str], value: float, limit: float) -> tuple[str, str]:
    """Value and limit as people read them; exactly where rounding would make them look equal."""
    shown = show(value), show(limit)
    return shown if shown[0] != shown[1] or value == limit else (exact(value), exact(limit))


def _discrepancy(facts: Facts, newest: Stored, limits: Limits) -> str:
    apart = (newest.modified - facts.taken).total_seconds()
    if abs(apart) <= max(limits.max_age, limits.skew, 3600):
        return ""
    side = "after" if apart > 0 else "before"
    return f"; it was stored {show_duration(abs(apart))} {side} the time in its key"


def _evidence(facts: Facts) -> list[Evidence]:
    requests = f"{facts.requests} list request{'s' if facts.requests != 1 else ''}, {facts.seen} objects"
    newest = facts.newest
    if newest is None:
        return [{"message": f"{requests}, no backup among them", "requests": facts.requests}]
    age = (facts.now - facts.taken).total_seconds()
    return [
        {
            "message": f"{brief(newest.key, 300)}: {show_size(newest.size)}, {show_duration(age)} old; {requests}",
            "key": brief(newest.key, 1024),
            "size": newest.size,
            "age": round(age, 1),
            "taken": facts.taken.isoformat(),
            "modified": newest.modified.isoformat(),
            "server_time": facts.now.isoformat(),
            "requests": facts.requests,
        }
    ]
