"""Checks side by side, each in a forked child of its own session: bounded in time, killed as a whole, crash-proof.

Rude ones follow when all others have ended, one by one: what they do to the site must not be seen as its fault.

A fork shares the modules that are already loaded, so a check costs a millisecond or two instead of an interpreter.
The parent stays single-threaded; it is the subreaper of everything below it, so nothing a check started outlives it.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

from deploy_gate import descendants, leftovers
from deploy_gate.engine.masking import Listener
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Result, error, one_line

MAX_RESULT = 64 * 1024 * 1024
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Job:
    """One check to run: `call` in a child with exactly `environment`, for at most `timeout` seconds."""

    key: str
    call: Callable[[], Result]
    timeout: float
    environment: Mapping[str, str]
    rude: int = 0
    """Above 0 it runs alone, when all others have ended; the rudest last (`About.rude`)."""


@dataclass(slots=True)
class _Child:
    job: Job
    pid: int
    pipe: int
    started: float
    chunks: list[bytes] = field(default_factory=list)
    size: int = 0

    @property
    def deadline(self) -> float:
        return self.started + self.job.timeout


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of every job, and the signal that ended the run early (empty: none did)."""

    results: dict[str, Result]
    cancelled: str = ""


def run_all(jobs: Iterable[Job], limit: int, listener: Listener) -> Outcome:
    """Run every job, at most `limit` at once, the rude alone and last; each ends in a Result, whatever happens."""
    executor = Executor(list(jobs), limit, listener)
    executor.run()
    return Outcome(executor.results, signal.Signals(executor.cancelled).name if executor.cancelled else "")


class Executor:
    """The loop behind `run_all`; a stream of jobs that has no end in sight builds on it."""

    def __init__(self, jobs: list[Job], limit: int, listener: Listener) -> None:
        ordered = sorted(jobs, key=lambda job: job.rude)  # stable: else in the order of the checklist
        self.waiting, self.limit, self.listener = ordered[::-1], max(limit, 1), listener
        self.running: dict[int, _Child] = {}
        self.results: dict[str, Result] = {}
        self.cancelled: int | None = None
        self.ready = selectors.DefaultSelector()

    def run(self) -> None:
        """Until nothing is left."""
        previous = {number: signal.signal(number, self.cancel) for number in _SIGNALS}
        descendants.adopt_orphans()
        gc.freeze()
        try:
            while self.going():
                while self.may_start():
                    self.start(self.waiting.pop())
                self.step()
                if self.cancelled is not None:
                    self.give_up()
        finally:
            for child in list(self.running.values()):
                self.finish(child, error("stopped with the gate", "run it again"))
            descendants.kill_adopted()
            leftovers.sweep()
            self.ready.close()
            gc.unfreeze()
            for number, handler in previous.items():
                signal.signal(number, handler)

    def may_start(self) -> bool:
        if not self.waiting or self.cancelled is not None:
            return False
        # The rude come last, so none of the others is left to meet what a rude one does.
        return not self.running if self.waiting[-1].rude else len(self.running) < self.limit

    def going(self) -> bool:
        """Whether there is more to do."""
        return bool(self.waiting or self.running)

    def cancel(self, number: int, _: FrameType | None) -> None:
        """A signal came."""
        self.cancelled = number

    def give_up(self) -> None:
        """Kill what runs; it was cancelled."""
        name = signal.Signals(self.cancelled or signal.SIGTERM).name
        for child in list(self.running.values()):
            self.finish(child, error(f"cancelled ({name}) while it ran", "run the job again"))
        for job in self.waiting:
            self.results[job.key] = error(f"cancelled ({name}) before it ran", "run the job again")
        self.waiting.clear()

    def start(self, job: Job) -> None:
        """Fork a child for it."""
        sys.stdout.flush()
        sys.stderr.flush()
        pipe: tuple[int, ...] = ()
        try:
            reader, writer = pipe = os.pipe()
            pid = os.fork()
        except OSError as fault:
            for descriptor in pipe:
                os.close(descriptor)
            found = f"it could not be started: {fault.strerror}"
            self.results[job.key] = error(
                found, "run fewer checks at once (`jobs:`), or raise the limits of the machine"
            )
            return
        if pid == 0:
            os.close(reader)
            _child(job, writer)
        os.close(writer)
        os.set_blocking(reader, False)
        child = _Child(job, pid, reader, time.monotonic())
        self.running[reader] = child
        self.ready.register(reader, selectors.EVENT_READ)
        self.listener(job.key, None)

    def step(self) -> None:
        """Read what came, end what took too long."""
        if not self.running:
            return
        first = min(child.deadline for child in self.running.values())
        # Bounded, so that a signal between the check above and the wait cannot be slept through.
        wait = min(max(first - time.monotonic(), 0), 0.5)
        for key, _ in self.ready.select(wait):
            self.read(self.running[key.fd])
        now = time.monotonic()
        for child in [one for one in self.running.values() if one.deadline <= now]:
            fix = "see what it waits for, or raise `timeout` of its item in the checklist"
            self.finish(child, error(f"did not end within {child.job.timeout:g} s and was stopped", fix))

    def read(self, child: _Child) -> None:
        """Some bytes, or the end, of an answer."""
        data = os.read(child.pipe, 1 << 20)
        child.chunks.append(data)
        child.size += len(data)
        if child.size > MAX_RESULT:
            self.finish(child, error("its result is larger than 64 MiB", "narrow what it looks at"))
        elif not data:
            self.finish(child, None)

    def finish(self, child: _Child, instead: Result | None) -> None:
        """Reap the child and all it started, and keep its answer."""
        self.ready.unregister(child.pipe)
        os.close(child.pipe)
        del self.running[child.pipe]
        status = descendants.end(child.pid, at_once=instead is not None)
        result = instead or _answer(b"".join(child.chunks), status)
        seconds = time.monotonic() - child.started
        self.results[child.job.key] = final = replace(result, seconds=seconds)
        self.listener(child.job.key, final)


def _answer(raw: bytes, status: int) -> Result:
    try:
        # An answer of a process that was killed may not be its own.
        answer = Result.from_json(json.loads(raw)) if status == 0 else None
    except (ValueError, KeyError, TypeError):
        answer = None
    if answer is not None:
        return answer
    how = f"signal {-status}" if status < 0 else f"exit code {status}"
    return error(f"the check ended without an answer ({how})", "report this with the log; it is a fault of the check")


def _child(job: Job, writer: int) -> NoReturn:
    """Run one check in the forked child and write its answer; never returns."""
    code = 1
    try:
        os.setsid()
        descendants.die_with_parent()
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        _silence()
        os.environ.clear()
        os.environ.update(job.environment)
        raw = json.dumps(guarded(job.call).as_json()).encode()
        with os.fdopen(writer, "wb") as stream:
            stream.write(raw)
        code = 0
    finally:
        os._exit(code)


def _silence() -> None:
    # A check answers by its Result; what its libraries print would tear the live table apart.
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    sys.stdout = sys.stderr = os.fdopen(null, "w")


def guarded(call: Callable[[], Result]) -> Result:
    """Call a check; whatever it raises becomes its *error*."""
    try:
        return call()
    except CouldNotTell as fault:
        return fault.result()
    except Misconfigured as fault:
        return error(str(fault), "correct the input")
    except Exception as fault:  # noqa: BLE001 - a fault in one check must never be the gate's
        frame = traceback.extract_tb(fault.__traceback__)[-1]
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        text = one_line(f"{type(fault).__name__}: {fault}", 300)
        return error(
            f"the check itself broke at {place}: {text}", "report this; the checked thing may be fine, nobody knows"
        )
