"""The application's log since it got the traffic holds no errors, by pattern and by rate."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from deploy_gate.catalog import About
from deploy_gate.facts import logfacts, onhost, slotfacts
from deploy_gate.facts.logfacts import Seen
from deploy_gate.facts.onhost import Place
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.units import counted, show_duration

ABOUT = About(secrets=onhost.SECRETS, reads=onhost.READS, timeout=120)
LookFor = Literal["errors", "database", "all", "own"]
_KINDS: dict[str, tuple[str, ...]] = {
    "errors": logfacts.ERRORS,
    "database": logfacts.DATABASE,
    "all": (*logfacts.ERRORS, *logfacts.DATABASE),
    "own": (),
}
_MOST = 90


@dataclass(frozen=True, slots=True)
class Limits:
    """How many lines may match, how many of them a minute (None: any), how many lines there must be at all."""

    max_errors: int = 0
    max_rate: float | None = None
    min_lines: int = 1


def check(  # noqa: PLR0913 - one parameter for each input
    *,
    host: str,
    host_keys: str,
    config: str,
    look_for: LookFor,
    patterns: str,
    allow: str,
    max_errors: int,
    max_rate: float | None,
    min_lines: int,
    slot: Literal["live", "idle"],
    since: Literal["switch", "start"],
) -> Result:
    """Let the host program look through the log, and judge what it found."""
    limits = Limits(max_errors, max_rate, min_lines)
    validate(host=host, config=config, look_for=look_for, patterns=patterns, allow=allow)
    wanted = [f"--match={one}" for one in (*_KINDS[look_for], *_lines(patterns))]
    allowed = [f"--allow={one}" for one in _lines(allow)]
    with onhost.opened(Place(host, host_keys, config)) as there:
        name = slotfacts.name(there.good("status", "--quick"), live=slot == "live")
        told = there.good("logs", name, f"--since={since}", *wanted, *allowed, timeout=90)
    return judge(logfacts.parse(told), limits)


def validate(*, host: str, config: str, look_for: LookFor, patterns: str, allow: str, **_: Any) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    onhost.validate(host, config)
    wrong = []
    for name, text in (("patterns", patterns), ("allow", allow)):
        lines = _lines(text)
        wrong += [f"input '{name}': {one}" for one in map(_fault, lines) if one]
        if len(lines) > _MOST or any(len(one) > 1000 for one in lines):
            wrong.append(f"input '{name}' is too large, expected at most {_MOST} lines of 1000 characters")
    if look_for == "own" and not _lines(patterns):
        wrong.append("input 'patterns' is empty, expected one or more for look-for: own")
    if wrong:
        raise Misconfigured(wrong)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _fault(pattern: str) -> str:
    try:
        found = re.compile(pattern)
    except re.error as fault:
        return f"{brief(pattern)!r} is no regular expression: {fault}"
    # One that matches the empty text would allow every line, or find an error in each.
    return f"{brief(pattern)!r} matches every line" if found.search("") else ""


def judge(seen: Seen, limits: Limits) -> Result:
    """Errors first, since one is one however short the log; then whether there was anything to look at."""
    evidence = [_evidence(pattern, line) for pattern, line in seen.hits]
    window = f"{seen.slot} ({brief(seen.release[:12])}), {show_duration(max(seen.seconds, 0))} since its {seen.since}"
    rate = seen.matched / max(seen.seconds / 60, 1.0)
    more: dict[str, Any] = {"target": limits.max_errors, "measured": seen.matched, "evidence": evidence}
    first = f": {brief(seen.hits[0][1], 200)}" if seen.hits else ""
    fix = "read what follows on the server; roll back, or put what is known and harmless into `allow`"
    if seen.matched > limits.max_errors:
        found = f"{counted(seen.matched, 'line')} of {window} match, the limit is {limits.max_errors}{first}"
        return failed(found, fix, **more)
    if limits.max_rate is not None and rate > limits.max_rate:
        found = f"{rate:.3g} lines a minute of {window} match, the limit is {limits.max_rate:.3g}{first}"
        return failed(found, fix, **more)
    if seen.lines < limits.min_lines:
        found = f"{counted(seen.lines, 'line')} in the log of {window}, at least {limits.min_lines} must be there"
        raise CouldNotTell(
            found, "see whether the application logs at all, and whether commands.logs reads it", evidence
        )
    also = f", {seen.allowed} allowed" if seen.allowed else ""
    found = f"{seen.matched} of {counted(seen.lines, 'line')} of {window} match, the limit is {limits.max_errors}{also}"
    return passed(found, **more)


def _evidence(pattern: str, line: str) -> Evidence:
    return {"message": brief(line, 500), "rule": brief(pattern, 100)}
