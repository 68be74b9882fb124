"""One line every few seconds of how this host and its users fare, so that a later run can look back over a window."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from host.accesslog import Record
from host.files import append_to, read_bounded, tail_of
from host.follow import Follow, Place
from host.machine import Machine
from host.probe import Look, front_look, slot_look
from host.processes import PDEATHSIG, environment
from host.vitals import Counters, between, counters, look, memory

FILE, OLDER = "samples.jsonl", "samples.1.jsonl"
LARGEST = 4 * 1024 * 1024  # of each of the two files: about two days at five seconds
_MOST = 20_000
COVERED = 0.8
"""Of the time asked for, that the samples must cover; else the host is measured now."""


class Beside:
    """The sampler's process, as the guard sees it: started again a minute after it ended, and never waited for.

    A process of its own, not a thread: what it waits for must not hold up a rollback, nor what it holds when the guard
    starts a command.
    """

    def __init__(self, argv: Sequence[str]) -> None:
        """How it is started; nothing: there is none."""
        self.argv = list(argv)
        self.child: subprocess.Popen[bytes] | None = None
        self.not_before = 0.0

    def tend(self, now: float) -> None:
        """Start it, when it does not run."""
        if self.argv and now >= self.not_before and (self.child is None or self.child.poll() is not None):
            self.not_before = now + 60
            with suppress(OSError):
                self.child = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, env=environment())

    def end(self) -> None:
        """End it."""
        if self.child is not None:
            with suppress(ProcessLookupError):
                self.child.kill()
            self.child.wait()


class Sampler:
    """What it remembers between two samples."""

    def __init__(self, machine: Machine) -> None:
        """The machine's clock is the sampler's."""
        self.machine = machine
        self.before: Counters | None = None
        path = machine.settings.access.log
        self.log = Follow(Path(path), remembered(machine.home)) if path else None

    def run(self, parent: int) -> None:
        """Until the guard that started it is gone; whatever goes wrong, the next sample is another one."""
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        while os.getppid() == parent:
            with suppress(Exception):
                keep(self.machine.home, self.take())
            self.machine.clock.sleep(self.machine.settings.guard.sample)

    def close(self) -> None:
        """Let the log go."""
        if self.log is not None:
            self.log.close()

    def take(self) -> dict[str, Any]:
        """One sample."""
        machine, settings = self.machine, self.machine.settings
        state = machine.load()
        now = counters(machine.clock)
        shares = between(self.before or now, now)
        self.before = now
        front = front_look(settings.front, settings.health)
        own = slot_look(settings.slots[state.live], settings.health.ready, settings.health)
        times = {"at": round(machine.clock.wall(), 3), "boot": round(machine.clock.boot(), 3)}
        looks = {"live": state.live, "release": state.release()[:12], "front": shown(front), "slot": shown(own)}
        return {**times, **shares, "memory": memory(), **looks, **self._requests()}

    def _requests(self) -> dict[str, Any]:
        if self.log is None:
            return {}
        try:
            records = self.log.records()
        except OSError as fault:
            return {"log_trouble": str(fault)[:200]}
        told = counted(records, urlsplit(self.machine.settings.front.url).path or "/")
        return {**told, "skipped": self.log.skipped, "log": self.log.place}


def shown(one: Look) -> dict[str, Any]:
    """Of a look what a chart needs."""
    told = {"status": one.status, "slot": one.slot, "release": one.release[:12], "ms": round(one.seconds * 1000, 1)}
    return {**told, "error": one.error[:200]} if one.error else told


def counted(records: list[Record], front: str) -> dict[str, Any]:
    """Requests but those for the path that we look at ourselves: how many, how many failed, their p95."""
    seconds, errors, marked = [], 0, 0
    for one in records:
        with suppress(KeyError, ValueError, TypeError):
            if one["uri"] != front:
                errors += int(one["status"]) >= 500
                marked += bool(one.get("marker"))
                seconds.append(float(one["request_time"]))
    seconds.sort()
    p95 = round(seconds[-(-len(seconds) * 95 // 100) - 1] * 1000) if seconds else None
    return {"requests": len(seconds), "errors": errors, "marked": marked, "p95": p95}


def keep(home: Path, sample: dict[str, Any]) -> None:
    """Put a line at the end; when the file is large it becomes the older one, and the older one is gone."""
    path = home / FILE
    with append_to(path) as stream:
        stream.write(json.dumps(sample).encode() + b"\n")
        stream.flush()
        size = os.fstat(stream.fileno()).st_size
    if size > LARGEST:
        path.replace(home / OLDER)


def remembered(home: Path) -> Place | None:
    """How far the log was read by the guard before this one."""
    for line in reversed(tail_of(home / FILE, 4096).splitlines()):
        with suppress(ValueError, TypeError, KeyError, RecursionError):
            device, inode, offset = (int(one) for one in json.loads(line)["log"])
            return [device, inode, offset]
    return None


def samples(machine: Machine, since: float, until: float = 0.0) -> dict[str, Any]:
    """Those from `since` to `until` seconds ago, oldest first, the newest 20,000 at most."""
    now = machine.clock.wall()
    found = []
    for name in (OLDER, FILE):
        with suppress(OSError):
            text = read_bounded(machine.home / name, LARGEST + 64 * 1024)
            found += [one for one in map(_sample, text.splitlines()) if one and now - since <= one["at"] <= now - until]
    return {"samples": found[-_MOST:], "cut": max(len(found) - _MOST, 0), "now": round(now, 3)}


def _sample(line: bytes) -> dict[str, Any] | None:
    """A sample, None for a line that a full disk or a cut left half."""
    try:
        found = json.loads(line)
        return found if isinstance(found["at"], (int, float)) else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def resources(machine: Machine, seconds: float, over: float) -> dict[str, Any]:
    """Percent of processor, memory and disk: of the samples since `over` seconds ago, else measured now."""
    kept = samples(machine, over)["samples"] if over else []
    told: dict[str, Any] = {"over": over, "count": len(kept)}
    moments = sorted(one["at"] for one in kept)
    # While the guard did not run nothing is known: a gap counts for a minute at most.
    told["span"] = round(sum(min(late - early, 60.0) for early, late in zip(moments, moments[1:])), 1)
    for name in ("cpu", "memory", "disk"):
        values = [float(one[name]) for one in kept if isinstance(one.get(name), (int, float))]
        told[name] = {"mean": round(sum(values) / len(values), 2), "max": max(values)} if values else None
    enough = over and told["span"] >= COVERED * over
    return {"cores": os.cpu_count(), "live": None if enough else look(machine.clock, seconds), "samples": told}
