"""Requests counted: by slot and class of endpoint, with a histogram of how long they took. No line leaves the host."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from host.accesslog import Record
from host.trouble import WRONG, Trouble

IGNORE, HEALTH = "ignore", "health"
NOWHERE = "-"  # no slot of ours: nginx answered by itself
GAVE_UP = 5.0
"""Seconds after which a client that did not wait (499) met a failure: nothing had answered it in all that time."""
_NO_REQUEST = frozenset((501, 505))
"""What nginx answers by itself to what a scanner sent: the client's fault, though from 500 on."""
_READS = frozenset(("GET", "HEAD", "OPTIONS"))
_REMEMBERED = 20_000
_MOST_CLASSES = 20
_CLASS = re.compile(r"([a-z][a-z0-9-]{0,30})=(.{1,1000})", re.DOTALL)
_LONGEST = 1000


def health_path(url: str) -> str:
    """The path of the front door that is looked at; none where that is the home page, for which users ask too."""
    path = urlsplit(url).path
    return path if path.strip("/") else ""


def is_failure(status: int, seconds: float) -> bool:
    """Whether a user met one: an answer of 500 or more, or none for so long that they gave up."""
    return status >= 500 or (status == 499 and seconds >= GAVE_UP)


class Classes:
    """Which class a request belongs to: the first pattern that its path matches, else read or write by its method."""

    def __init__(self, given: Sequence[str], front: str) -> None:
        """`given` as NAME=REGEX; `front` is the path that the guard looks at, always of the class health; never `/`."""
        self.front = front if front.strip("/") else ""
        self.patterns: list[tuple[str, re.Pattern[str]]] = []
        for text in given[:_MOST_CLASSES]:
            match = _CLASS.fullmatch(text)
            try:
                if match is None:
                    raise re.error("NAME=REGEX is wanted")  # noqa: TRY301 - told like the other mistakes
                self.patterns.append((match[1], re.compile(match[2])))
            except re.error as fault:
                what = f"{text[:80]!r} is no class of endpoints: {fault}"
                raise Trouble(what, "a typing mistake", "write it as search=^/api/search", WRONG) from fault
        self.known: dict[tuple[str, str], str] = {}

    def of(self, method: str, path: str) -> str:
        """The class's name."""
        found = self.known.get((method, path))
        if found is None:
            if len(self.known) > _REMEMBERED:
                self.known.clear()  # paths with numbers in them have no end
            found = self.known[method, path] = self._look(method, path[:_LONGEST])
        return found

    def _look(self, method: str, path: str) -> str:
        if self.front and path == self.front:
            return HEALTH
        plain = "read" if method in _READS else "write"
        return next((name for name, pattern in self.patterns if pattern.search(path)), plain)


@dataclass
class Cell:
    """One class of one slot. `closed` ones the client did not wait for (499), `hung` ones not after seconds of waiting.

    `errors` are 5xx and those that hung.
    """

    requests: int = 0
    errors: int = 0
    refused: int = 0
    closed: int = 0
    hung: int = 0
    ms: dict[int, int] = field(default_factory=dict)

    def take(self, status: int, seconds: float) -> None:
        """Count one request. How long an upgraded connection stayed open says nothing."""
        self.requests += 1
        self.errors += is_failure(status, seconds)
        if status == 499:
            self.closed += 1
            self.hung += is_failure(status, seconds)
        elif 400 <= status < 500:
            self.refused += 1
        if status != 101:
            key = rounded(seconds * 1000)
            self.ms[key] = self.ms.get(key, 0) + 1

    def as_json(self) -> dict[str, Any]:
        """For the answer; the histogram's keys are milliseconds."""
        told = {name: getattr(self, name) for name in ("requests", "errors", "refused", "closed", "hung")}
        return {**told, "ms": {str(key): self.ms[key] for key in sorted(self.ms)}}


def rounded(ms: float) -> int:
    """Whole milliseconds, of a second and more three digits: upwards, so that a limit is never met by rounding."""
    value = int(ms + 0.5)
    step = 1
    while value >= 1000 * step:
        step *= 10
    return -(-value // step) * step


class Markers:
    """Our own probes, known by the hash of their token: the token itself must not stand in a list of processes."""

    def __init__(self, digests: Sequence[str]) -> None:
        """SHA-256 of each token, in hexadecimal digits."""
        self.digests = set(digests)
        self.known: dict[str, bool] = {}

    def has(self, text: str) -> bool:
        """Whether this is one of them; any other value counts as traffic."""
        if not text or not self.digests or len(text) > 200:
            return False
        found = self.known.get(text)
        if found is None:
            found = hashlib.sha256(text.encode(errors="replace")).hexdigest() in self.digests
            if len(self.known) < 1000:
                self.known[text] = found
        return found


class Window:
    """From a moment to another, of all slots or of one."""

    def __init__(self, since: float, until: float, slots: Sequence[str]) -> None:
        """Moments in seconds since 1970; requests of other slots are not counted."""
        self.since, self.until, self.slots = since, until, frozenset(slots)
        self.cells: dict[str, dict[str, Cell]] = {}
        self.probes = self.ignored = 0

    def take(self, slot: str, kind: str, status: int, seconds: float, *, probe: bool) -> None:
        """Count one request that falls into it."""
        if slot not in self.slots:
            return
        if probe:
            self.probes += 1
        elif kind == IGNORE:
            self.ignored += 1
        else:
            self.cells.setdefault(slot, {}).setdefault(kind, Cell()).take(status, seconds)

    def as_json(self) -> dict[str, Any]:
        """For the answer."""
        slots = {slot: {kind: cell.as_json() for kind, cell in kinds.items()} for slot, kinds in self.cells.items()}
        told = {"seconds": round(self.until - self.since, 1), "probes": self.probes, "ignored": self.ignored}
        return {"slots": slots, **told}


class Tally:
    """Records, put into windows."""

    def __init__(self, windows: Sequence[Window], classes: Classes, markers: Markers, slots: Sequence[str]) -> None:
        """`slots` are the names that there are; any other is nobody's."""
        self.windows, self.classes, self.markers, self.slots = windows, classes, markers, frozenset(slots)
        self.bad = self.taken = 0
        self.releases: dict[str, dict[str, int]] = {}

    def take(self, records: Sequence[Record]) -> None:
        """Count them."""
        for one in records:
            try:
                self._one(one)
            except (KeyError, ValueError, TypeError, AttributeError, OverflowError):  # noqa: PERF203 - each may be bad
                self.bad += 1

    def _one(self, one: Record) -> None:
        moment, status, seconds = float(one["time"]), int(one["status"]), float(one["request_time"])
        inside = [window for window in self.windows if window.since <= moment < window.until]
        if not inside or not 0 <= seconds < 1e7:
            return
        method, path, slot = one["method"], one["uri"], one["slot"]
        kind = self.classes.of(method, path)
        slot = slot if slot in self.slots else NOWHERE
        if slot == NOWHERE and status in _NO_REQUEST:
            status = 400
        probe = self.markers.has(one.get("marker", ""))
        self.taken += 1
        for window in inside:
            window.take(slot, kind, status, seconds, probe=probe)
        release = one.get("release", "")
        if release:
            self._release(slot, release[:80])

    def _release(self, slot: str, release: str) -> None:
        known = self.releases.setdefault(slot, {})
        if release in known or len(known) < 10:
            known[release] = known.get(release, 0) + 1
