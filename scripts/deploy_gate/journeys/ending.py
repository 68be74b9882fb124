"""Ended from outside (a cancelled run, a time limit): what was begun is still cleaned up."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Ended(BaseException):
    """SIGTERM came; like KeyboardInterrupt nothing that handles errors, so that no step takes it for one of its own."""


@contextmanager
def orderly() -> Iterator[None]:
    """Within, the first SIGTERM raises `Ended`; further ones are too late, since the clean-up runs by then.

    In a thread it changes nothing: only the main one hears of signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(number: int, _: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise Ended
