"""The hour that is over, as the server's guard wrote it down: were there samples of it, and was the front door well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from typing import Any

from deploy_gate.engine.executor import Job
from deploy_gate.facts.served import same_release
from deploy_gate.result import CouldNotTell, Result, failed, passed, warned
from deploy_gate.rollout.servers import Login, servers, side_by_side
from deploy_gate.ssh.hostprogram import HostProgram
from deploy_gate.units import show_duration
from deploy_gate.watch import hostlook

WINDOW = "the window"
LONGEST_BAD = 120.0
"""The checklist's own: health checks fail for more than two minutes."""
COVERED = 0.8
_LATE = 3
_GAP, _FEW, _OLD = 60.0, 5, 120.0


@dataclass(frozen=True, slots=True)
class Fared:
    """One server: seconds of the release's time that were looked at, the longest bad spell, whether it lasts."""

    seconds: float
    samples: int
    bad: int
    longest: float
    lasts: bool


def job(login: Login, release: str, seconds: float, environment: Mapping[str, str]) -> Job:
    """As the executor runs it."""
    return Job(WINDOW, partial(look, login, release, seconds), 120.0, environment)


def no_time(where: Sequence[HostProgram], window: float) -> str:
    """Why there is nothing to look back at; empty where there is. A cron job asks for ever, and at any moment."""
    told = [one.good("samples", "--since=1", timeout=60).get("switched_ago") for one in where]
    ago = min((float(one) for one in told if isinstance(one, int | float)), default=None)
    if ago is None:
        return "nothing was switched here yet, so there is nothing to look back at"
    most = window * _LATE
    if ago > most:
        return f"it was switched to {show_duration(ago)} ago, and is looked back at for {show_duration(most)} at most"
    watches = [one.good("status", "--quick", timeout=60).get("watch") for one in where]
    if any(isinstance(one, dict) and one.get("phase") != hostlook.GUARD for one in watches):
        return (
            f"it was switched to {show_duration(ago)} ago and is not confirmed: its own run, or a person, is to do that"
        )
    return ""


def look(login: Login, release: str, seconds: float) -> Result:
    """Ask every server for its samples."""
    with servers(login) as where:
        answers = side_by_side(where, lambda one: one.run("samples", f"--since={seconds:g}", timeout=60))
    fared = []
    for server, answer in answers:
        if not answer.good:
            raise CouldNotTell(f"{server.name}: {answer.found}", answer.fix)
        fared.append(read(server.name, answer.data, release, seconds))
    return judge(fared)


def read(name: str, told: Mapping[str, Any], release: str, window: float) -> Fared:
    """The samples of that release; CouldNotTell where they are too few for the window, or for its time in it."""
    listed = told.get("samples")
    kept = [one for one in listed if _of(one, release)] if isinstance(listed, list) else []
    fix = "see whether the guard runs there, and samples (`guard.sample` in slots.json)"
    if len(kept) < _FEW:
        raise CouldNotTell(f"{name}: {len(kept)} samples of {release[:12]}, at least {_FEW} are needed", fix)
    now, newest = told.get("now"), float(kept[-1]["at"])
    ago = (float(now) if isinstance(now, int | float) else newest) - newest
    if ago > _OLD:
        raise CouldNotTell(f"{name}: the newest sample is {show_duration(ago)} old", fix)
    since = told.get("switched_ago")
    whole = min(window, float(since)) if isinstance(since, int | float) else window
    places = list(accumulate((_apart(early, late) for early, late in pairwise(kept)), initial=0.0))
    seen = places[-1]
    if seen < COVERED * whole:
        raise CouldNotTell(f"{name}: only {show_duration(seen)} of {show_duration(whole)} were sampled", fix)
    bad = [_is_bad(one) for one in kept]
    longest, lasts = _longest(places, bad)
    return Fared(seen, len(kept), sum(bad), longest, lasts)


def _apart(early: Mapping[str, Any], late: Mapping[str, Any]) -> float:
    """Seconds that the two stand for, a gap for a minute at most: nobody looked then, and it was neither well nor ill.

    By the clock that never jumps; after a reboot, which sets that one back, by the other.
    """
    first, then = early.get("boot"), late.get("boot")
    if isinstance(first, int | float) and isinstance(then, int | float) and first <= then:
        return min(float(then - first), _GAP)
    return min(max(float(late["at"]) - float(early["at"]), 0.0), _GAP)


def _of(one: Any, release: str) -> bool:
    moment = isinstance(one, dict) and isinstance(one.get("at"), int | float)
    return moment and isinstance(one.get("front"), dict) and same_release(str(one.get("release") or ""), release)


def _is_bad(one: Mapping[str, Any]) -> bool:
    return bool(one["front"].get("status") != 200)


def _longest(places: Sequence[float], bad: Sequence[bool]) -> tuple[float, bool]:
    longest, since = 0.0, None
    for place, ill in zip(places, bad, strict=True):
        if not ill:
            since = None
            continue
        since = place if since is None else since
        longest = max(longest, place - since)
    return longest, since is not None and places[-1] - since >= LONGEST_BAD


def judge(fared: Sequence[Fared]) -> Result:
    """A spell that lasts is to be taken back at once; one that is over is for a person to judge."""
    worst = max(fared, key=lambda one: (one.lasts, one.longest))
    samples, bad = sum(one.samples for one in fared), sum(one.bad for one in fared)
    told = f"{bad} of {samples} samples bad in {show_duration(worst.seconds)}"
    if worst.longest >= LONGEST_BAD:
        found = f"{told}, {show_duration(worst.longest)} on end, the limit is {show_duration(LONGEST_BAD)}"
        band = "immediate" if worst.lasts else "consider"
        return failed(found, "see `slots journal` and `slots logs`", evidence=[{"band": band}])
    if bad:
        return warned(f"{told}, {show_duration(worst.longest)} on end at most", "see `slots samples` for when")
    return passed(told)
