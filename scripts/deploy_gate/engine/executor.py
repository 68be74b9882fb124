"""Checks side by side, each in a forked child of its own session: bounded in time, killed as a whole, crash-proof.

Rude ones follow when all others have ended, one by one: what they do to the site must not be seen as its fault.

A fork shares the modules that are already loaded, so a check costs a millisecond or two instead of an interpreter.
The parent stays single-threaded; it is the subreaper of everything below it, so nothing a check started outlives it.
"""

from __future__ import annotations

import gc
import json
import os
import select
import selectors
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import FrameType

from deploy_gate import descendants, leftovers
from deploy_gate.engine import child as forked
from deploy_gate.engine.masking import Listener
from deploy_gate.result import Result, error

MAX_RESULT = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Job:
    """One check to run: `call` in a child with exactly `environment`, for at most `timeout` seconds."""

    key: str
    call: Callable[[], Result]
    timeout: float
    environment: Mapping[str, str]
    rude: int = 0
    """Above 0 it runs alone, when all others have ended; the rudest last (`About.rude`)."""
    grace: float = 0
    """Seconds for what it must tidy up when it is ended early: then it gets SIGTERM first."""


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
    listed = list(jobs)
    if len({job.key for job in listed}) < len(listed):
        raise ValueError("two jobs of one key: the later result would be taken for both")
    executor = Executor(listed, limit, listener)
    executor.run()
    return Outcome(executor.results, signal.Signals(executor.cancelled).name if executor.cancelled else "")


class Executor:
    """The loop behind `run_all`; a stream of jobs that has no end in sight builds on it."""

    def __init__(self, jobs: list[Job], limit: int, listener: Listener) -> None:
        # What may take longest begins first: no processor waits for it at the end. Stable, so else in the given order.
        ordered = sorted(jobs, key=lambda job: (job.rude, -job.timeout))
        self.waiting, self.limit, self.listener = ordered[::-1], max(limit, 1), listener
        self.running: dict[int, _Child] = {}
        self.results: dict[str, Result] = {}
        self.cancelled: int | None = None
        self.ready = selectors.DefaultSelector()

    def run(self) -> None:
        """Until nothing is left."""
        previous = {number: signal.signal(number, self.cancel) for number in forked.SIGNALS}
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
        self.let_tidy_up(list(self.running.values()))
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
            forked.run(job.call, job.environment, writer)
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
        late = [one for one in self.running.values() if one.deadline <= now]
        self.let_tidy_up(late)
        for child in late:
            fix = "see what it waits for, or raise `timeout` of its item in the checklist"
            self.finish(child, error(f"did not end within {child.job.timeout:g} s and was stopped", fix))

    def let_tidy_up(self, children: list[_Child]) -> None:
        """Ask those that must to end by themselves, and wait so long as they may take."""
        asked = [one for one in children if one.job.grace]
        for child in asked:
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGTERM)
        ends = time.monotonic() + max((one.job.grace for one in asked), default=0)
        while asked and (left := ends - time.monotonic()) > 0:
            # A pipe that is at its end belongs to one that has ended.
            ready = select.select([one.pipe for one in asked], [], [], left)[0]
            asked = [one for one in asked if one.pipe not in ready or os.read(one.pipe, 1 << 20)]

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
