"""A watch that is cancelled comes to its end: the signal is noted, and what was seen by then is still written down."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(slots=True)
class Noted:
    """The first signal that came; empty: none."""

    name: str = ""

    def note(self, number: int, _: FrameType | None) -> None:
        """A signal came: no more than that, so that a rollback or a record that is under way is brought to its end."""
        self.name = self.name or signal.Signals(number).name


@contextmanager
def noted() -> Iterator[Noted]:
    """From before the first look until the last word is written; in between the stream of looks hears them itself.

    A runner that cancels sends SIGINT, and SIGTERM some seconds later; a second one must not cut off what the first
    one asked for.
    """
    found = Noted()
    before = {number: signal.signal(number, found.note) for number in _SIGNALS}
    try:
        yield found
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
