"""The newest backup in an S3 bucket is whole, as large as its forerunners, and safe; nothing of it is executed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Literal

from deploy_gate.catalog import About
from deploy_gate.facts import backup_limits, backups, dumpfile, s3
from deploy_gate.facts.backup_limits import ARCHIVED, Limits, Looked
from deploy_gate.facts.pgdump import Broken
from deploy_gate.facts.s3 import Bucket
from deploy_gate.facts.s3_object import Object
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, Status, brief, error, failed, passed
from deploy_gate.units import Duration, Percent, Size, counted, show_duration, show_size

ABOUT = About(secrets=s3.SECRETS, reads=s3.READS, locks=("s3",), timeout=600)
_DOWNLOAD_SECONDS = 540.0


@dataclass(frozen=True, slots=True)
class Sight:
    """The newest backup, and what the search for it took."""

    place: str
    looked: Looked
    age: float
    requests: int
    saved: str = ""


def check(  # noqa: PLR0913 - one parameter for each input
    *,
    bucket: str,
    prefix: str,
    key_pattern: str,
    look_back: Duration,
    history: int,
    min_history: int,
    min_size: Size,
    max_shrink: Percent,
    max_growth: Percent,
    database: str,
    encryption: Literal["required", "aws:kms", "optional"],
    checksum: Literal["required", "optional"],
    versioning: bool,
    object_lock: bool,
    account: str,
    clock_skew: Duration,
    read_limit: Size,
    download: Path | None,
    region: str,
    endpoint_url: str,
) -> Result:
    """Find the newest backup, look at it and its forerunners, and judge; CouldNotTell for all that hinders."""
    limits = Limits(
        *(history, min_history, min_size, max_shrink, max_growth, database, encryption),
        *(checksum == "required", versioning, object_lock, clock_skew),
    )
    _validate(prefix, key_pattern, account, history, read_limit)
    where = Bucket(bucket, region, endpoint_url, account)
    facts = backups.search(where, backups.layout(prefix, key_pattern), backups.Span(look_back, clock_skew, every=True))
    if hindrance := _unfit(facts, limits, look_back):
        return hindrance
    newest = facts.newest
    if newest is None:
        raise AssertionError
    seen = Object(where, newest.key, read_limit)
    looked = _look(seen, tuple(one.size for one in facts.before), versioning=versioning)
    age = (facts.now - facts.taken).total_seconds()
    sight = Sight(facts.place, looked, age, facts.requests + seen.requests)
    result = judge(sight, limits, facts)
    if download and result.status in {Status.PASSED, Status.WARNED}:
        return _handed_over(seen, download, sight, limits, facts)
    return result


def validate(
    *, prefix: str, key_pattern: str, endpoint_url: str, account: str, history: int, read_limit: Size, **_: object
) -> None:
    """Misconfigured for what can be known wrong before anything is run."""
    _validate(prefix, key_pattern, account, history, read_limit)
    Bucket("", endpoint=endpoint_url)


def _validate(prefix: str, key_pattern: str, account: str, history: int, read_limit: Size) -> None:
    backups.layout(prefix, key_pattern)
    if account and not re.fullmatch(r"[0-9]{12}", account):
        raise Misconfigured([f"input 'account' is {brief(account)!r}, expected the 12 digits of an AWS account"])
    if history < 1:
        raise Misconfigured([f"input 'history' is {history}, expected at least 1"])
    if read_limit < dumpfile.HEAD:
        raise Misconfigured([f"input 'read-limit' is {show_size(read_limit)}, expected at least 66 kB"])


def _unfit(facts: backups.Facts, limits: Limits, look_back: float) -> Result | None:
    """Why there is nothing to look at."""
    skew = show_duration(limits.skew)
    if abs(facts.drift) > limits.skew:
        found = (
            f"this machine's clock and the server's are {show_duration(abs(facts.drift))} apart, the limit is {skew}"
        )
        return error(found, "set the clock of this machine (NTP), or of the server")
    if facts.newest is None:
        found = f"no backup under {facts.place} younger than {show_duration(look_back)}"
        return failed(found + (", only older ones" if facts.older else ""), "run the backup job, see where it stores")
    if (ahead := (facts.taken - facts.now).total_seconds()) > limits.skew:
        found = f"newest backup is dated {show_duration(ahead)} in the future, the limit is {skew}"
        fix = "correct the clock or time zone of the backup job, and remove this object"
        return error(f"{found}: {brief(facts.newest.key)}", fix)
    return None


def _look(seen: Object, earlier: tuple[int, ...], *, versioning: bool) -> Looked:
    more: dict[str, Any] = {"versioned": seen.versioned if versioning else None}
    if seen.head.storage in ARCHIVED and not seen.head.restored:
        return Looked(seen.key, seen.head, earlier, **more)
    if not seen.size:
        return Looked(seen.key, seen.head, earlier, damage="it is empty", **more)
    try:
        more["dump"] = dumpfile.inspect(seen)
    except Broken as fault:
        more["damage"] = str(fault)
    except CouldNotTell as fault:
        more["blind"] = (fault.found, fault.fix)
    return Looked(seen.key, seen.head, earlier, verified=tuple(seen.verified()), **more)


def _handed_over(seen: Object, download: Path, sight: Sight, limits: Limits, facts: backups.Facts) -> Result:
    """Store it as a file for the job that restores it, and judge with what the download told."""
    whole = replace(sight.looked, verified=tuple(seen.save(download, _DOWNLOAD_SECONDS)))
    return judge(replace(sight, looked=whole, requests=sight.requests + 1, saved=str(download)), limits, facts)


def judge(sight: Sight, limits: Limits, facts: backups.Facts) -> Result:
    """The worst of what was found decides; all of it is told."""
    found = backup_limits.findings(sight.looked, limits, facts.now)
    evidence = [_evidence(sight), *({"message": one.found, "rule": str(one.status)} for one in found)]
    size = sight.looked.head.size
    if not found:
        return passed(f"newest backup is whole: {_praise(sight, limits)}", measured=size, evidence=evidence)
    worst = [one for one in found if one.status is found[0].status]
    rest = f"; and {counted(len(found) - len(worst), 'lesser finding')}" if len(found) > len(worst) else ""
    text = "; ".join(one.found for one in worst)
    return Result.of(
        *(worst[0].status, f"newest backup ({brief(sight.looked.key)}): {text}{rest}", worst[0].fix),
        measured=size,
        evidence=evidence,
    )


def _praise(sight: Sight, limits: Limits) -> str:
    looked, dump = sight.looked, sight.looked.dump
    if dump is None:
        raise AssertionError
    earlier = looked.earlier[: limits.history]
    usual = median(earlier)
    floor = max(usual, earlier[0]) * (1 - limits.max_shrink / 100)
    parts = [f"{show_size(looked.head.size)} (median of {len(earlier)} before: {show_size(usual)}"]
    parts[0] += f", the limit is {show_size(floor)})"
    content = dump.format + (f" of {brief(dump.database)}" if dump.database else "")
    tables = f"table of contents read, {counted(dump.tables, 'table')}, " if dump.tables is not None else ""
    parts.append(f"{content}, {tables}{dump.proof}")
    parts.append(f"{', '.join(looked.verified)} right" if looked.verified else "checksum not compared")
    parts.append(f"encrypted by {brief(looked.head.encryption)}" if looked.head.encryption else "not encrypted")
    parts += [f"stored in {brief(sight.saved, 120)}"] if sight.saved else []
    return "; ".join(parts)


def _evidence(sight: Sight) -> Evidence:
    looked, head, dump = sight.looked, sight.looked.head, sight.looked.dump
    age = show_duration(max(sight.age, 0.0))
    told = f"{brief(looked.key, 300)}: {show_size(head.size)}, {age} old; {counted(sight.requests, 'request')}"
    told += f", {counted(len(looked.earlier), 'earlier backup')}"
    return {
        "message": told,
        "key": brief(looked.key, 1024),
        "size": head.size,
        "age": round(sight.age, 1),
        "earlier": ", ".join(map(str, looked.earlier[:50])),
        "requests": sight.requests,
        "storage_class": brief(head.storage),
        "encryption": brief(head.encryption),
        "checksums": ", ".join(sorted(head.checksums)),
        "verified": ", ".join(looked.verified),
        "format": dump.format if dump else "",
        "server": brief(dump.server) if dump else "",
        "proof": dump.proof if dump else "",
    }
