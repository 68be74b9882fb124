"""What a slot wrote since it got the traffic, looked through here: a log is too large to be carried to whoever asks."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any

from host import slots
from host.machine import Machine
from host.masking import masked
from host.processes import environment
from host.state import State
from host.trouble import UNKNOWN, WRONG, Trouble

_LONGEST = 4000  # of a line; what follows is not looked at, and says nothing about who wrote it
_SHOWN = 100
_SECONDS = 30
_MOST_PATTERNS = 100


@dataclass
class Found:
    """What was seen: lines that match a pattern and are not allowed; of these only the first ones are kept."""

    lines: int = 0
    allowed: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    hits: list[dict[str, str]] = field(default_factory=list)

    def take(self, line: str, match: Sequence[re.Pattern[str]], allow: Sequence[re.Pattern[str]]) -> None:
        """One line; it counts once, for the first pattern that it matches."""
        self.lines += 1
        hit = next((one.pattern for one in match if one.search(line)), None)
        if hit is None:
            return
        if any(one.search(line) for one in allow):
            self.allowed += 1
            return
        self.counts[hit] = self.counts.get(hit, 0) + 1
        if len(self.hits) < _SHOWN:
            self.hits.append({"pattern": hit, "line": masked(line)[:1000]})


def look(machine: Machine, slot: str, *, since: str, match: Sequence[str], allow: Sequence[str]) -> dict[str, Any]:
    """Read the slot's log from its `since` (switch or start) on, and count what matches."""
    patterns = _compiled(match), _compiled(allow)
    state = machine.load()
    kept = state.slots[slot]
    argv = machine.settings.commands.logs
    if not any("{since}" in word for word in argv):
        raise Trouble(
            "commands.logs does not say from when on: it has no {since}",
            "the configuration is from before, or prints only the last lines",
            "put {since} (seconds since 1970) into it, as `docker compose … logs --no-color --since {since}` or "
            "`journalctl -o cat -u erp@{slot} --since @{since}`",
            WRONG,
        )
    if not kept.release:
        raise Trouble(f"{slot} is empty", "nothing was deployed there yet", "name the live slot")
    moment = _moment(state, slot) if since == "switch" else _started(state, slot)
    values = {"slot": slot, "port": str(machine.settings.slots[slot]), "release": kept.release}
    found = _read(slots.filled(argv, {**values, "since": str(int(moment))}), *patterns)
    told = {"lines": found.lines, "allowed": found.allowed, "counts": found.counts, "hits": found.hits}
    return {
        "slot": slot,
        "release": kept.release,
        "since": since,
        "seconds": round(machine.clock.wall() - moment, 1),
        **told,
    }


def _compiled(texts: Sequence[str]) -> list[re.Pattern[str]]:
    try:
        return [re.compile(one) for one in texts[:_MOST_PATTERNS]]
    except re.error as fault:
        raise Trouble(
            f"{fault.pattern!r} is no regular expression: {fault}", "a typing mistake", "correct it", WRONG
        ) from fault


def _moment(state: State, slot: str) -> float:
    """When the slot got the traffic, by the wall clock; since its start where that is not known."""
    if slot == state.live and state.switched is not None:
        return float(state.switched["wall"]) - float(state.switched["seconds"])
    return _started(state, slot)


def _started(state: State, slot: str) -> float:
    try:
        return datetime.fromisoformat(state.slots[slot].since).timestamp()
    except ValueError:
        raise Trouble(
            f"it is not known since when {slot} runs", "it was not started by this program", "deploy once", UNKNOWN
        ) from None


def _read(argv: list[str], match: list[re.Pattern[str]], allow: list[re.Pattern[str]]) -> Found:
    # A pattern that never comes to an end cannot be interrupted from within: then this program ends.
    signal.setitimer(signal.ITIMER_REAL, 2 * _SECONDS)
    try:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(),
            start_new_session=True,
        )
    except OSError as fault:
        what = f"commands.logs cannot be started: {argv[0]}: {fault.strerror}"
        raise Trouble(what, "a wrong path", "correct the configuration", UNKNOWN) from fault
    late = threading.Event()

    def stop() -> None:
        late.set()
        _end(child)

    timer = threading.Timer(_SECONDS, stop)
    timer.start()
    try:
        found = Found()
        if child.stdout is not None:
            _lines(child.stdout, found, match, allow)
        code = child.wait()
    finally:
        timer.cancel()
        _end(child)
        child.wait()
        signal.setitimer(signal.ITIMER_REAL, 0)
    if code or late.is_set():
        why = f"did not end within {_SECONDS} s" if late.is_set() else f"ended with {code}"
        last = f": {found.hits[-1]['line'][:200]}" if found.hits else ""
        raise Trouble(
            f"commands.logs {why}{last}", "it follows the log, or the slot is gone", "run it by hand", UNKNOWN
        )
    return found


def _end(child: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def _lines(stream: IO[bytes], found: Found, match: list[re.Pattern[str]], allow: list[re.Pattern[str]]) -> None:
    whole = True
    while raw := stream.readline(_LONGEST):
        if whole:
            found.take(raw.decode(errors="replace").rstrip("\r\n"), match, allow)
        whole = raw.endswith(b"\n")
