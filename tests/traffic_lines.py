"""Lines of an access log as nginx writes them."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Iterable

from slots.world import World


def write(host: World, slot: str, times: Iterable[int], errors: int = 0, ago: float = 0, **more: str) -> None:
    """Lines as nginx writes them, all of one moment; `times` in milliseconds, the first `errors` answered with 500."""
    told = {"time": f"{time.time() - ago:.3f}", "method": "GET", "uri": "/orders", "slot": slot, **more}
    with (host.work / "access.log").open("a") as stream:
        for number, ms in enumerate(times):
            status = "500" if number < errors else "200"
            stream.write(json.dumps({**told, "status": status, "request_time": f"{ms / 1000:.3f}"}) + "\n")


def spread(number: int, middle: float = 80, seed: int = 1) -> list[int]:
    chance = random.Random(seed)
    return [round(middle * math.exp(chance.gauss(0, 0.5))) for _ in range(number)]
