"""The host program with a `kill -9` built in: dies at the point that SLOTS_TEST_DIE_AT names, writes the points it passed.

SLOTS_TEST_CLOCK says by how many seconds its wall clock is off.

Nothing of this is in the program itself: `points.reached` is replaced here.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from host import points
from host.cli import main
from host.clock import Clock

DIE_AT = os.environ.pop("SLOTS_TEST_DIE_AT", "")
PASSED = os.environ.pop("SLOTS_TEST_PASSED", "")
OFF = float(os.environ.pop("SLOTS_TEST_CLOCK", "") or 0)


def reached(point: str) -> None:
    """Remember the point, or die at it."""
    if PASSED:
        with open(PASSED, "a") as stream:  # noqa: PTH123 - short
            stream.write(point + "\n")
    if point == DIE_AT:
        os.kill(os.getpid(), signal.SIGKILL)


def wall(self: Clock) -> float:
    """The time of a host whose clock is so many seconds off."""
    del self
    return time.time() + OFF


points.reached = reached
Clock.wall = wall  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
