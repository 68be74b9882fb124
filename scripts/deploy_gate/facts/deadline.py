"""Calls that must come back in time, whatever the other side does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, work: Callable[[], T], stop: Callable[[], None] | None = None) -> T:
    """Call `work` and return its value, or raise what it raised; TimeoutError when it takes longer than `seconds`.

    Socket time-outs start anew with every byte and name look-ups know none, so a patient enemy outlasts both. `stop`
    is called when time is up and should make `work` end (shut its socket down); the thread is not waited for long.
    """
    values: list[T] = []
    faults: list[BaseException] = []

    def run() -> None:
        try:
            values.append(work())
        except BaseException as fault:  # noqa: BLE001 - raised again in the caller's thread
            faults.append(fault)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(max(seconds, 0.0))
    if thread.is_alive():
        if stop:
            stop()
        thread.join(1.0)
        raise TimeoutError
    if faults:
        raise faults[0]
    return values[0]
