"""Checks run again and again: a feeder says what is due, the executor's children do it side by side."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable

from deploy_gate.engine.executor import Executor, Job
from deploy_gate.engine.masking import Listener

Feeder = Callable[[], Iterable[Job] | None]
_TICK = 0.1


def run(feed: Feeder, limit: int, listener: Listener) -> str:
    """Ask `feed` a few times a second for the jobs that are due, until it returns None.

    What runs then is waited for, as long as its own time limit: a journey that is cut off leaves things behind.
    Returns the signal that ended it early; an empty text when none did. No job may be handed over while it runs.
    """
    stream = _Stream(feed, limit, listener)
    stream.run()
    return signal.Signals(stream.cancelled).name if stream.cancelled else ""


class _Stream(Executor):
    def __init__(self, feed: Feeder, limit: int, listener: Listener) -> None:
        super().__init__([], limit, listener)
        self.feed, self.over = feed, False

    def going(self) -> bool:
        """Ask for more, unless nobody wants any."""
        if not self.over and self.cancelled is None:
            more = self.feed()
            self.over = more is None
            self.waiting[:0] = reversed(list(more or ()))
        return bool(self.waiting or self.running) or (not self.over and self.cancelled is None)

    def step(self) -> None:
        """As ever; with nothing to wait for, a moment passes."""
        if self.running:
            super().step()
        else:
            time.sleep(_TICK)
