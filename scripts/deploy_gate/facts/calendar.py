"""When deployments are allowed: windows of the week, freezes and holidays, by the clock on a wall of one time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from deploy_gate.problems import similar
from deploy_gate.result import brief

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEK = 7 * 24 * 60
MAX_LINES = 1000
_WINDOW = re.compile(r"([a-z*, -]{1,60}?)\s+(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_MOMENT = r"\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2})?"
_FREEZE = re.compile(rf"({_MOMENT})\s*\.\.\s*({_MOMENT})(?:\s+(\S.{{0,200}}))?")
_HOLIDAY = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[\s,;]+(\S.{0,200}))?")


@dataclass(frozen=True, slots=True)
class Window:
    """A span of every week: minutes since Monday's midnight; `end` may lie in the week after."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Freeze:
    """No deployments from `start` until before `end` (both UTC)."""

    name: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Calendar:
    """What is allowed and forbidden; `holidays` is None where none were declared."""

    zone: ZoneInfo
    windows: tuple[Window, ...]
    freezes: tuple[Freeze, ...] = ()
    holidays: dict[date, str] | None = None


def zone(name: str) -> ZoneInfo:
    """The time zone of that name; ValueError says what would be legal."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        from zoneinfo import available_timezones

        known = available_timezones()
        if not known:
            raise ValueError("a time zone, but this machine knows none: install tzdata") from None
        raise ValueError(f"a time zone such as Europe/Berlin{similar(name, known)}") from None


def windows(text: str) -> tuple[Window, ...]:
    """Every window, one a line; ValueError names the line that is none."""
    found = [one for line in _lines(text) for one in _window(line)]
    if not found:
        raise ValueError("at least one window such as `mon-thu 09:00-16:00`, or `always`")
    return tuple(found)


def _lines(text: str) -> list[str]:
    lines = [line.split("#", 1)[0].strip() for line in text.splitlines()]
    found = [line for line in lines if line]
    if len(found) > MAX_LINES:
        raise ValueError(f"at most {MAX_LINES} lines")
    return found


def _window(line: str) -> list[Window]:
    if line.lower() == "always":
        return [Window("always", 0, WEEK)]
    match = _WINDOW.fullmatch(line.lower())
    if not match:
        raise ValueError(f"windows such as `mon-thu 09:00-16:00` or `always`, not {brief(line)!r}")
    start, end = _minute(match[2], match[3], line), _minute(match[4], match[5], line)
    if start in (end, 1440):
        raise ValueError(f"a window that lasts, not {brief(line)!r}; a whole day is 00:00-24:00")
    long = end - start if end > start else end - start + 1440
    return [Window(line, day * 1440 + start, day * 1440 + start + long) for day in _days(match[1], line)]


def _minute(hour: str, minute: str, line: str) -> int:
    value = int(hour) * 60 + int(minute)
    if int(minute) > 59 or value > 1440:
        raise ValueError(f"times from 00:00 to 24:00, not {brief(line)!r}")
    return value


def _days(text: str, line: str) -> list[int]:
    found: set[int] = set()
    for part in text.replace(" ", "").split(","):
        first, _, last = part.partition("-")
        if part == "*":
            found.update(range(7))
        elif first in DAYS and (last or first) in DAYS:
            start, end = DAYS.index(first), DAYS.index(last or first)
            found.update(day % 7 for day in range(start, end + 1 if end >= start else end + 8))
        else:
            raise ValueError(f"days such as mon, tue-thu or * (mon, tue, wed, thu, fri, sat, sun), not {brief(line)!r}")
    return sorted(found)


def freezes(text: str, where: ZoneInfo) -> tuple[Freeze, ...]:
    """Every freeze, one a line; a last day counts to its end. ValueError names the line that is none."""
    return tuple(_freeze(line, where) for line in _lines(text))


def _freeze(line: str, where: ZoneInfo) -> Freeze:
    match = _FREEZE.fullmatch(line)
    start, end = (_moment(match[group]) for group in (1, 2)) if match else (None, None)
    if match is None or start is None or end is None:
        raise ValueError(f"freezes such as `2026-12-21..2027-01-03 end of year`, not {brief(line)!r}")
    if "T" not in match[2]:
        end += timedelta(days=1)
    if end <= start:
        raise ValueError(f"a freeze that ends after it begins, not {brief(line)!r}")
    # An hour that the clock shows twice, or leaves out, belongs to the freeze on both readings.
    return Freeze(brief(match[3] or line, 200), min(_instants(start, where)), max(_instants(end, where)))


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _instants(wall: datetime, where: ZoneInfo) -> list[datetime]:
    return [wall.replace(tzinfo=where, fold=fold).astimezone(UTC) for fold in (0, 1)]


def holidays(text: str, name: str) -> dict[date, str]:
    """Dates and their names; ValueError names the line that is none."""
    found: dict[date, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        plain = line.split("#", 1)[0].strip()
        match = _HOLIDAY.fullmatch(plain)
        day = _moment(match[1]) if match else None
        if match and day:
            found[day.date()] = brief(match[2] or "public holiday", 100)
        elif plain:
            wrong = f"line {number} of {name} is {brief(plain)!r}, expected a date and a name: 2026-12-25 Christmas"
            raise ValueError(wrong)
    return found


def forbidden(calendar: Calendar, now: datetime) -> str:
    """Which freeze or holiday it is, or an empty text."""
    freeze = next((one for one in calendar.freezes if one.start <= now < one.end), None)
    if freeze:
        return f"inside the freeze '{freeze.name}' until {shown(freeze.end, calendar.zone)}"
    today = now.astimezone(calendar.zone).date()
    name = (calendar.holidays or {}).get(today)
    return f"a public holiday ({name})" if name else ""


def window(calendar: Calendar, now: datetime) -> Window | None:
    """The window that is open by the clock on the wall, freezes and holidays aside."""
    minute = _of_week(now.astimezone(calendar.zone))
    both = (minute, minute + WEEK)  # a window of Sunday night ends in the week after
    return next((one for one in calendar.windows if any(one.start <= at < one.end for at in both)), None)


def _of_week(wall: datetime) -> float:
    return wall.weekday() * 1440 + wall.hour * 60 + wall.minute + wall.second / 60


def is_open(calendar: Calendar, now: datetime) -> bool:
    """Whether a deployment may begin at this moment."""
    return window(calendar, now) is not None and not forbidden(calendar, now)


def closes(calendar: Calendar, now: datetime, most: timedelta) -> datetime | None:
    """When what is open now closes, to the minute; None when it is still open after `most`."""
    moment, last = now.replace(second=0, microsecond=0) + timedelta(minutes=1), now + most
    while moment <= last:
        if not is_open(calendar, moment):
            return moment
        moment += timedelta(minutes=1)
    return None


def opens(calendar: Calendar, now: datetime, days: int = 60) -> datetime | None:
    """The next moment at which a deployment may begin; None when there is none in so many days."""
    wall = now.astimezone(calendar.zone)
    first = wall.date()
    # Only at these moments can it open: a window's beginning, a freeze's end, midnight after a holiday.
    marks = [freeze.end for freeze in calendar.freezes]
    for ahead in range(days + 1):
        day = first + timedelta(days=ahead)
        minutes = {one.start % 1440 for one in calendar.windows if one.start // 1440 == day.weekday()} | {0}
        for minute in minutes:
            marks += _instants(datetime.combine(day, time(minute // 60, minute % 60)), calendar.zone)
    return min((mark for mark in marks if mark > now and is_open(calendar, mark)), default=None)


def shown(moment: datetime, where: ZoneInfo) -> str:
    """`Mon 2026-12-21 09:00 CET`."""
    wall = moment.astimezone(where)
    return f"{DAYS[wall.weekday()].title()} {wall:%Y-%m-%d %H:%M} {wall.tzname()}"
