"""What a server that is slow for everybody costs: `python3 bench/watch_noise.py [SEED] [WINDOWS]` (a new seed; 10).

The good windows of `bench/watch.py`, in which the server itself (a backup, a neighbour) makes every answer slower for
some minutes. The watch cannot tell that from a release that wears the server down, so at some point
it asks a person; how long that takes is counted here. A cell is: held for a person + taken back.
"""

from __future__ import annotations

import importlib
import random
import secrets
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MINUTES = (2, 3, 4, 5, 6, 8, 10)
FACTORS = (1.3, 1.5, 2.0, 3.0)


def main() -> int:
    """Everything in one run."""
    sys.path[:0] = [str(HERE), str(HERE.parent / "scripts")]
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else secrets.randbelow(10**6)
    windows = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    print(f"seed {seed}; {windows} windows each")
    print(f"{'minutes':<9}" + "".join(f"{f'{factor:g} ×':>8}" for factor in FACTORS), flush=True)
    watch, chance = importlib.import_module("watch"), random.Random(seed)
    for minutes in MINUTES:
        cells = []
        for factor in FACTORS:
            told = [watch.watch(noisy(watch, chance, factor, 60 * minutes))[0] for _ in range(windows)]
            back = sum(one.startswith("back") for one in told)
            cells.append(f"{sum(one != 'go' for one in told) - back}+{back}")
        print(f"{minutes:<9}" + "".join(f"{cell:>8}" for cell in cells), flush=True)
    return 0


def noisy(watch: Any, chance: random.Random, factor: float, seconds: float) -> Any:
    """A service that is well on a server that is not, for so many seconds."""
    service, since = watch.Service(chance), chance.uniform(0, watch.LATEST)
    drift, live = service.drift, service.live

    def slow(at: float) -> None:
        service.drift = drift * (factor if since <= at < since + seconds else 1)
        live(at)

    service.live = slow
    return service


if __name__ == "__main__":
    sys.exit(main())
