"""How the users fare, from nginx's access log: this release since its switch, beside the other slot before it."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from host.accesslog import Reading
from host.clock import Deadline
from host.machine import Machine
from host.state import State
from host.tally import NOWHERE, Classes, Markers, Tally, Window
from host.trouble import BUSY, WRONG, Trouble

FORMAT = (
    '{"time":"$msec","status":"$status","request_time":"$request_time","method":"$request_method",\'\n'
    '        \'"uri":"$uri","slot":"$%s_slot","release":"$upstream_http_x_release",'
    '"marker":"$http_x_deploy_gate_probe"}'
)
_LONGEST = 7 * 86400.0


def log_format(application: str) -> str:
    """What nginx has to write; its `uri` has no query, in which secrets stand."""
    return f"log_format {application}_slots escape=json\n        '{FORMAT % application}';"


def required(machine: Machine) -> Path:
    """The log's path; Trouble where none is configured."""
    text = machine.settings.access.log
    if not text:
        raise Trouble(
            "access.log is not set in this host's configuration",
            "the log that this program counts was not set up yet",
            "see `slots nginx show` for its format, then set access.log to its path",
            WRONG,
        )
    return Path(text)


def traffic(
    machine: Machine, *, since: str, until: float, baseline: float, classes: Sequence[str], markers: Sequence[str]
) -> dict[str, Any]:
    """Counts and histograms of the window, and of the other slot's `baseline` seconds before the last switch."""
    path, state, now = required(machine), machine.load(), machine.clock.wall()
    switched, jump = moment(machine, state)
    begun = _begun(since, now, switched, state)
    names = list(machine.settings.slots)
    window = Window(begun, now - until, [*names, NOWHERE])
    windows = [window]
    if switched is not None and baseline:
        other = machine.settings.other(state.live)
        windows.append(Window(switched - min(baseline, _LONGEST), switched, [other]))
    front = urlsplit(machine.settings.front.url).path or "/"
    tally = Tally(windows, Classes(classes, front), Markers(markers), names)
    reading = Reading(path, min(one.since for one in windows))
    # A pattern that never comes to an end cannot be interrupted from within: then this program ends.
    signal.setitimer(signal.ITIMER_REAL, 100)
    try:
        for batch in reading.batches():
            tally.take(batch)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    told = {"window": window.as_json(), "baseline": windows[1].as_json() if len(windows) > 1 else None}
    read = {"lines": reading.lines, "unreadable": reading.bad + tally.bad, "taken": tally.taken, "files": reading.files}
    ago = None if switched is None else round(now - switched, 1)
    who = {"live": state.live, "release": state.release(), "switched_ago": ago, "clock_jump": round(jump, 1)}
    return {**told, **who, "read": read, "releases": tally.releases}


def moment(machine: Machine, state: State) -> tuple[float | None, float]:
    """When the live slot got the traffic, in the log's own time; and how far the clock was moved since."""
    if state.switched is None:
        return None, 0.0
    kept = Deadline.of(state.switched)
    wall = kept.wall - kept.seconds
    jump = 0.0
    if kept.boot_id == machine.clock.boot_id():
        jump = (machine.clock.wall() - machine.clock.boot()) - (kept.wall - kept.boot)
    return wall, jump


def _begun(since: str, now: float, switched: float | None, state: State) -> float:
    if since == "switch":
        if switched is None:
            what = f"when {state.live} got the traffic is not known: nothing was switched on this host yet"
            raise Trouble(what, "this is the release that `slots init` named", "deploy once, or ask for seconds", BUSY)
        return max(switched, now - _LONGEST)
    try:
        seconds = float(since)
        if not 0 < seconds <= _LONGEST:
            raise ValueError  # noqa: TRY301 - told like what is no number
    except ValueError as fault:
        what = f"--since is `switch`, or seconds up to {_LONGEST:.0f}, not {since[:40]!r}"
        raise Trouble(what, "a typing mistake", "correct it", WRONG) from fault
    return now - seconds
