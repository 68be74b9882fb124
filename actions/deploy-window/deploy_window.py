"""A deployment is allowed now: inside a window, outside of freezes and holidays, or overridden for a reason."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from deploy_gate.catalog import About
from deploy_gate.facts import calendar, textfile
from deploy_gate.facts.calendar import Calendar
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, error, failed, passed, warned
from deploy_gate.units import Duration, show_duration

OVERRIDE = "DEPLOY_OVERRIDE_REASON"
ABOUT = About(reads=(OVERRIDE,), timeout=30)
MAX_BYTES = 256 * 1024
MAX_REMAINING = 24 * 3600
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}(\[bot\])?")
_FIX = "wait for the next window; in an emergency start the deployment by hand, with a reason in " + OVERRIDE


@dataclass(frozen=True, slots=True)
class Override:
    """A reason to break the rule, who gives it, and why it does not count (empty: it does)."""

    reason: str
    by: str
    refused: str = ""


def check(*, windows: str, time_zone: str, freezes: str, holidays: str, remaining: Duration) -> Result:
    """Judge this moment; CouldNotTell when the holidays cannot be read."""
    validate(windows=windows, time_zone=time_zone, freezes=freezes, remaining=remaining)
    zone = calendar.zone(time_zone)
    days = _holidays(holidays) if holidays else None
    known = Calendar(zone, calendar.windows(windows), calendar.freezes(freezes, zone), days)
    return judge(known, datetime.now(UTC), remaining, override())


def validate(*, windows: str, time_zone: str, freezes: str, remaining: Duration, **_: object) -> None:
    """Misconfigured for a window, time zone or freeze that is none."""
    faults = []
    for name, read in (("windows", lambda: calendar.windows(windows)), ("time-zone", lambda: calendar.zone(time_zone))):
        try:
            read()
        except ValueError as fault:
            faults.append(f"input '{name}' expects {fault}")
    try:
        calendar.freezes(freezes, calendar.zone("UTC"))
    except ValueError as fault:
        faults.append(f"input 'freezes' expects {fault}")
    if remaining > MAX_REMAINING:
        faults.append("input 'remaining' expects at most 24h")
    if faults:
        raise Misconfigured(faults)


def _holidays(path: str) -> dict[date, str]:
    name = brief(path, 200)
    file = Path(path)
    if file.is_absolute() or not file.resolve().is_relative_to(Path.cwd().resolve()):
        raise CouldNotTell(f"{name} does not lie in the repository", "name a file relative to the repository's root")
    raw = textfile.read(file, MAX_BYTES)
    if raw is None:
        raise CouldNotTell(f"there is no {name}, so the public holidays are not known", "write it, or correct its path")
    try:
        return calendar.holidays(raw.decode("utf-8-sig"), name)
    except UnicodeDecodeError:
        raise CouldNotTell(f"{name} is not UTF-8", "save the file as UTF-8") from None
    except ValueError as fault:
        raise CouldNotTell(str(fault), "correct that line") from None


def override() -> Override | None:
    """What the environment says of an emergency; it never comes from a checklist, where it would stand for ever."""
    reason = os.environ.get(OVERRIDE, "").strip()
    if not reason:
        return None
    who = os.environ.get("GITHUB_TRIGGERING_ACTOR", "")
    if os.environ.get("GITHUB_ACTIONS") != "true" or os.environ.get("GITHUB_EVENT_NAME") != "workflow_dispatch":
        return Override(reason, "", "only a run that a person started by hand (workflow_dispatch) can override")
    if not _LOGIN.fullmatch(who):
        return Override(reason, "", "GITHUB_TRIGGERING_ACTOR names nobody")
    if len(reason) < 10 or len(reason.split()) < 2:
        return Override(reason, who, "the reason must be a sentence: 10 characters and two words at least")
    return Override(reason, who)


def judge(known: Calendar, now: datetime, remaining: float, emergency: Override | None) -> Result:
    """Freezes and holidays first, since no window opens them; then the window, and how long it stays open."""
    here = calendar.shown(now, known.zone)
    if known.holidays is not None and not _knows(known, now):
        year = now.astimezone(known.zone).year
        found = f"the file of public holidays knows no day of {year}, so it is out of date"
        return _overridden(error(found, f"add the holidays of {year}"), emergency, here)
    why = calendar.forbidden(known, now)
    opened = calendar.window(known, now)
    if not why and opened is None:
        why = "outside of every window"
    if why or opened is None:
        return _overridden(failed(f"{here} is {why}; {_next(known, now)}", _FIX), emergency, here)
    most = timedelta(seconds=max(remaining, 86400))
    end = calendar.closes(known, now, most)
    left = (end - now).total_seconds() if end else most.total_seconds()
    if left < remaining:
        limit = show_duration(remaining)
        found = f"the window '{opened.text}' closes in {show_duration(left)}, the limit is {limit}; {_next(known, now)}"
        return _overridden(failed(found, _FIX, target=remaining, measured=round(left)), emergency, here)
    told = f"closes in {show_duration(left)}" if end else "open for a day and more"
    return passed(f"{here} is inside the window '{opened.text}', {told}", evidence=_evidence(here, emergency))


def _knows(known: Calendar, now: datetime) -> bool:
    year = now.astimezone(known.zone).year
    return any(day.year == year for day in known.holidays or ())


def _next(known: Calendar, now: datetime) -> str:
    moment = calendar.opens(known, now)
    return f"the next begins {calendar.shown(moment, known.zone)}" if moment else "none begins within 60 days"


def _overridden(result: Result, emergency: Override | None, here: str) -> Result:
    """The same finding, told as a warning when somebody answers for it; a reason that does not count is said."""
    evidence = _evidence(here, emergency)
    if emergency is None:
        return Result.of(result.status, result.found, result.fix, target=result.target, measured=result.measured)
    if emergency.refused:
        found = f"{result.found}; the override does not count: {emergency.refused}"
        return Result.of(result.status, found, result.fix, evidence=evidence)
    found = f"overridden by {emergency.by}: {brief(emergency.reason, 300)}; {result.found}"
    return warned(found, "write into the review why this could not wait", evidence=evidence)


def _evidence(here: str, emergency: Override | None) -> list[Evidence]:
    if emergency is None:
        return []
    counted = "refused" if emergency.refused else "counts"
    reason = brief(emergency.reason, 500)
    message = f"override at {here} by {emergency.by or 'nobody'} ({counted}): {reason}"
    return [
        {"message": message, "rule": "override", "by": emergency.by, "reason": reason, "counts": not emergency.refused}
    ]
