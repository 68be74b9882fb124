"""Enough connections of a PostgreSQL server, or of a pool, are free."""

from __future__ import annotations

from dataclasses import dataclass, replace

from deploy_gate.catalog import About
from deploy_gate.postgres import sessions
from deploy_gate.postgres.sessions import Sessions
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed, warned
from deploy_gate.units import Duration, Percent, Variable, counted, show_duration

ABOUT = About(locks=("database",), timeout=90)


@dataclass(frozen=True, slots=True)
class Limits:
    """Percent of the capacity: below `target` all is well, at `limit` it fails, at `critical` it is called so."""

    target: float = 60
    limit: float = 80
    critical: float = 95


def check(  # noqa: PLR0913 - one parameter for each input
    *,
    url_variable: Variable,
    limit: Percent,
    target: Percent,
    critical: Percent,
    pool: int | None,
    user: str,
    database: str,
    idle_in_transaction: Duration,
) -> Result:
    """Count the sessions and judge their share; CouldNotTell for all that hinders."""
    validate(limit=limit, target=target, critical=critical, pool=pool)
    seen = sessions.look(url_variable, user=user, database=database, idle_seconds=idle_in_transaction)
    if pool is not None:
        seen = replace(seen, capacity=pool, basis="the pool")
    return judge(seen, Limits(target, limit, critical))


def validate(*, limit: float, target: float, critical: float, pool: int | None, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is run."""
    problems = []
    if not 0 < target <= limit <= critical:
        told = f"{target:g}, {limit:g} and {critical:g} %"
        problems.append(f"inputs 'target', 'limit' and 'critical' are {told}, expected rising ones above 0")
    if pool is not None and pool < 1:
        problems.append(f"input 'pool' is {pool}, expected 1 or more")
    if problems:
        raise Misconfigured(problems)


def judge(seen: Sessions, limits: Limits) -> Result:
    """Failed from the limit on, warned from the target on."""
    if seen.capacity < 1:
        found = f"{seen.label} admits no connection ({seen.basis})"
        raise CouldNotTell(found, "correct the limit there, or give `pool`")
    share = 100 * seen.used / seen.capacity
    amount = f"{seen.used} of {seen.capacity} connections used ({share:.1f} %)"
    found = f"{seen.label}: {amount}, the limit is {limits.limit:g} %; {_aside(seen)}"
    more = {"target": limits.limit, "measured": round(share, 2), "evidence": _evidence(seen, limits, share)}
    if share >= limits.limit:
        band = "critical: " if share >= limits.critical else ""
        fix = "end idle sessions, make the pools smaller, or raise max_connections; see who holds them in the evidence"
        return failed(band + found, fix, **more)
    if share >= limits.target:
        return warned(found, f"watch it: from {limits.target:g} % on there is little room for a second slot", **more)
    return passed(found, **more)


def _aside(seen: Sessions) -> str:
    hidden = f", {seen.hidden} of them hidden from this role" if seen.hidden else ""
    return f"counted against {seen.basis}{hidden}"


def band(share: float, limits: Limits) -> str:
    """The row of the table of thresholds that a share belongs to."""
    names = ((limits.critical, "critical"), (limits.limit, "warning"), (limits.target, "watch"))
    return next((name for least, name in names if share >= least), "normal")


def _evidence(seen: Sessions, limits: Limits, share: float) -> list[Evidence]:
    waiting = f"{counted(seen.waiting, 'session')} waiting for a lock"
    first: Evidence = {
        "message": f"band {band(share, limits)}; {waiting}; {len(seen.idle)} long idle in a transaction",
        "used": seen.used,
        "capacity": seen.capacity,
        "waiting": seen.waiting,
    }
    found = [first]
    if seen.hidden:
        message = f"{counted(seen.hidden, 'session')} counted whose state is hidden (they may be workers of queries)"
        found.append({"message": f"{message}: GRANT pg_read_all_stats TO the role of this address"})
    found += [
        {
            "message": f"idle in a transaction for {show_duration(one.seconds)}: {brief(one.user)}"
            f" in {brief(one.database)} ({brief(one.application) or 'no application name'}, pid {one.pid})",
            "pid": one.pid,
            "seconds": round(one.seconds, 1),
        }
        for one in seen.idle
    ]
    return found
