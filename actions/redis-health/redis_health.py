"""A Redis server is a cache worth having: it finds things, throws nothing out, refuses nobody, and has memory left."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deploy_gate.catalog import About
from deploy_gate.facts import redislink
from deploy_gate.facts.redislink import Refused
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Result, failed, passed, warned
from deploy_gate.units import Duration, Percent, Variable, counted, show_duration, show_size

if TYPE_CHECKING:
    import redis

ABOUT = About(locks=("redis",), timeout=90)
_MOST = 15.0
_COUNTERS = ("keyspace_hits", "keyspace_misses", "evicted_keys", "rejected_connections")


@dataclass(frozen=True, slots=True)
class Limits:
    """Percent, and numbers between the two looks."""

    min_hit_ratio: float = 50
    min_lookups: int = 100
    max_evictions: int = 0
    max_memory: float = 90


@dataclass(frozen=True, slots=True)
class Seen:
    """Hits and misses, `since` then; keys thrown out and connections refused between the looks; bytes of memory."""

    label: str
    seconds: float
    hits: int
    misses: int
    since: str
    evicted: int
    rejected: int
    used: int
    capacity: int
    basis: str


def check(
    *,
    url_variable: Variable,
    apart: Duration,
    min_hit_ratio: Percent,
    min_lookups: int,
    max_evictions: int,
    max_memory: Percent,
) -> Result:
    """Look twice, and judge what changed."""
    validate(apart=apart, min_lookups=min_lookups, max_evictions=max_evictions)
    limits = Limits(min_hit_ratio, min_lookups, max_evictions, max_memory)

    def twice(client: redis.Redis, label: str) -> Seen:
        early = redislink.info(client)
        begun = time.monotonic()
        time.sleep(apart)
        return compare(early, redislink.info(client), label, time.monotonic() - begun, min_lookups)

    try:
        return judge(redislink.look(url_variable, twice), limits)
    except Refused as fault:
        return failed(fault.found, fault.fix)


def validate(*, apart: float, min_lookups: int, max_evictions: int, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    wrong = [f"input 'apart' is {apart:g} s, expected up to {_MOST:g} s"] if not 0 < apart <= _MOST else []
    if min_lookups < 1 or max_evictions < 0:
        wrong.append("inputs 'min-lookups' and 'max-evictions' are wrong, expected 1 or more, and 0 or more")
    if wrong:
        raise Misconfigured(wrong)


def compare(early: dict[str, Any], late: dict[str, Any], label: str, seconds: float, least: int) -> Seen:
    """Two answers to INFO; CouldNotTell where it was started anew in between, or does not say."""
    try:
        if early["run_id"] != late["run_id"]:
            found = f"{label} was started anew between two looks"
            raise CouldNotTell(found, "see why in its log, then run this again")
        grown = {name: int(late[name]) - int(early[name]) for name in _COUNTERS}
        used, most, machine = (int(late.get(name, 0)) for name in ("used_memory", "maxmemory", "total_system_memory"))
        hits, misses, since = grown["keyspace_hits"], grown["keyspace_misses"], "between two looks"
        if hits + misses < least:
            hits, misses, since = int(late["keyspace_hits"]), int(late["keyspace_misses"]), "since its start"
    except (KeyError, TypeError, ValueError):
        raise CouldNotTell(f"{label} does not say how it fares", "see `redis-cli info` there") from None
    capacity, basis = (most, "maxmemory") if most else (machine, "the machine's memory")
    numbers = (hits, misses, since, grown["evicted_keys"], grown["rejected_connections"])
    return Seen(label, seconds, *numbers, used, capacity, basis)


def judge(seen: Seen, limits: Limits) -> Result:
    """What is worst first; a cache that hardly anybody asks is a warning, as nothing shows that it is one."""
    lookups = seen.hits + seen.misses
    ratio = 100 * seen.hits / lookups if lookups else None
    share = 100 * seen.used / seen.capacity if seen.capacity else None
    found = f"{seen.label}: {_told(seen, ratio, share, limits)}"
    more: dict[str, Any] = {"target": limits.min_hit_ratio, "measured": ratio if ratio is None else round(ratio, 2)}
    if seen.evicted > limits.max_evictions:
        return failed(found, "raise maxmemory, or let keys expire sooner: what was just cached is thrown out", **more)
    if seen.rejected > 0:
        return failed(found, "raise maxclients, or make the pools smaller", **more)
    if share is not None and share >= limits.max_memory:
        return failed(found, "raise maxmemory, or see which keys grow (`redis-cli --bigkeys`)", **more)
    if share is None:
        raise CouldNotTell(f"{found}; how much memory it may use is not known", "set maxmemory")
    if ratio is not None and lookups >= limits.min_lookups and ratio < limits.min_hit_ratio:
        return failed(
            found, "see whether keys or their time to live changed with the release, or it was just emptied", **more
        )
    if lookups < limits.min_lookups:
        fix = "see whether the application uses it; ask again when it was asked more, or choose `min-lookups`"
        return warned(found, fix, **more)
    return passed(found, **more)


def _told(seen: Seen, ratio: float | None, share: float | None, limits: Limits) -> str:
    lookups = seen.hits + seen.misses
    few = (
        f", too few to judge ({limits.min_lookups} are needed)"
        if lookups < limits.min_lookups
        else f", at least {limits.min_hit_ratio:g} % wanted"
    )
    hits = (
        f"{ratio:.1f} % of {counted(lookups, 'look-up')} {seen.since} hit{few}" if ratio is not None else "no look-ups"
    )
    evicted = f"{counted(seen.evicted, 'key')} evicted in {show_duration(seen.seconds)}, limit {limits.max_evictions}"
    memory = f"{show_size(seen.used)} used" + (f" ({share:.0f} % of {seen.basis})" if share is not None else "")
    refused = f"; {counted(seen.rejected, 'connection')} refused" if seen.rejected else ""
    return f"{hits}; {evicted}; {memory}{refused}"
