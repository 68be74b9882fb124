"""The newest backup in an S3 bucket is young and large enough, found with at most three list requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deploy_gate.catalog import About
from deploy_gate.facts import backups, s3
from deploy_gate.facts.backups import Facts
from deploy_gate.facts.s3 import Bucket, Stored
from deploy_gate.result import Evidence, Result, brief, error, failed, passed
from deploy_gate.units import Duration, Size, show_duration, show_size

ABOUT = About(secrets=s3.SECRETS, reads=s3.READS, locks=("s3",), timeout=60)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes."""

    max_age: float = 1800
    min_size: int = 1000
    skew: float = 300


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
    layout = backups.layout(prefix, key_pattern)
    limits = Limits(max_age, min_size, clock_skew)
    span = backups.Span(max_age, clock_skew)
    return judge(backups.search(Bucket(bucket, region, endpoint_url), layout, span), limits)


def validate(*, prefix: str, key_pattern: str, endpoint_url: str, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is run."""
    backups.layout(prefix, key_pattern)
    Bucket("", endpoint=endpoint_url)


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
