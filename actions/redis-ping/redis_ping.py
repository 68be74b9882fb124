"""A Redis server answers, and keeps what is written: PING, then a value written, read and deleted."""

from __future__ import annotations

from deploy_gate.catalog import About
from deploy_gate.facts import redislink
from deploy_gate.facts.redislink import Ping, Refused
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Result, failed, passed
from deploy_gate.units import Duration, Variable, show_duration

ABOUT = About(locks=("redis",), timeout=60)


def check(*, url_variable: Variable, limit: Duration | None, prefix: str) -> Result:
    """Ask the server, and judge how it went."""
    validate(prefix=prefix)
    try:
        found = redislink.look(url_variable, lambda client, label: redislink.ping(client, label, prefix))
    except Refused as fault:
        return failed(fault.found, fault.fix)
    return judge(found, limit)


def validate(*, prefix: str, **_: object) -> None:
    """Misconfigured for a prefix that would meet keys of the application."""
    if len(prefix) < 3 or len(prefix) > 200 or not prefix.isprintable():
        raise Misconfigured(["input 'prefix' is wrong, expected 3 to 200 characters, as deploy-gate:"])


def judge(seen: Ping, limit: float | None) -> Result:
    """It worked; whether quickly enough is all that is left."""
    seconds = seen.ping + seen.cycle
    bound = f", the limit is {show_duration(limit)}" if limit is not None else ""
    told = f"PING {show_duration(seen.ping)}, written, read and deleted in {show_duration(seen.cycle)}{bound}"
    if limit is not None and seconds > limit:
        fix = "see what the server waits for (`redis-cli --latency`, SLOWLOG GET)"
        return failed(f"{seen.label}: {told}", fix, target=limit, measured=seconds)
    return passed(f"{seen.label}: {told}", target=limit, measured=seconds)
