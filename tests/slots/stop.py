"""``stop.py WORK SLOT``: the stop command of a slot; ends its process gracefully, right also when it does not run."""

from __future__ import annotations

import os
import select
import signal
import sys
from contextlib import suppress


def stop(work: str, slot: str) -> int:
    """SIGTERM, then wait until it is gone."""
    with suppress(OSError, ValueError):
        with open(f"{work}/{slot}.pid") as stream:  # noqa: PTH123 - starts at every stop of a slot
            handle = os.pidfd_open(int(stream.read()))
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        select.select([handle], [], [], 20)
    return 0


if __name__ == "__main__":
    sys.exit(stop(*sys.argv[1:]))
