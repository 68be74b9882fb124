"""Detection and recovery of the watch on a real host: `python3 bench/watch_real.py` (some ten minutes).

A host on loopback (nginx, two slots, the guard, sshd), the bundled checklist's triggers at their own intervals, one
fault for each immediate trigger from the switch on: seconds until the decision, and until the release before served
again. What it costs the server: `bench/watch_cost.py`.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fleet import Fleet
    from slots.world import World

ROOT = Path(__file__).resolve().parents[1]
JOURNEY = """
version: 1
journey: order
steps:
  - name: the orders
    class: read
    request: GET /orders
    expect: {status: 200}
"""


def main() -> int:
    """Everything in one run."""
    sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]
    from fleet import fleet

    with fleet(1) as servers, tempfile.TemporaryDirectory(prefix="watch-") as folder:
        for name, fault in FAULTS.items():
            print(f"{name:<12}{once(servers, Path(folder), fault)}", flush=True)
            servers.reset()
    return 0


def errors(host: World) -> None:
    """One of eight requests fails."""
    from traffic_lines import spread, write

    write(host, "green", spread(4000), errors=500)


def latency(host: World) -> None:
    """Six times as slow."""
    from traffic_lines import spread, write

    write(host, "green", spread(4000, middle=480))


def database(host: World) -> None:
    """The database is gone, and the log says so."""
    log = host.work / "green.log"
    log.write_text("OperationalError: server closed the connection unexpectedly\n" * 20)
    host.configure(commands={"logs": ["sh", "-c", 'cat "$2"', "x", "{since}", str(log)]})


def orders(host: World) -> None:
    """Orders answer 500."""
    from slots.world import NEW

    host.fault(NEW, status=500)


FAULTS: dict[str, Callable[[World], None]] = {
    "t-errors": errors,
    "t-db": database,
    "t-critical": orders,
    "t-latency": latency,
}


def once(servers: Fleet, folder: Path, fault: Callable[[World], None]) -> str:
    """Switch, break, watch."""
    from slots.world import NEW
    from traffic_lines import spread, write

    host = servers.hosts[0]
    (host.work / "access.log").touch()
    os.truncate(host.work / "access.log", 0)
    write(host, "blue", spread(4000), ago=60)
    (folder / "order.yml").write_text(JOURNEY)
    place = {"url": f"http://127.0.0.1:{host.front}", "host": servers.doors[0].host, "slots_config": str(host.config)}
    environments = {"production": {**place, "journeys": str(folder)}}
    path = folder / "checklist.yml"
    secure = {name: {"with": {"host": "https://127.0.0.1"}} for name in ("tls", "tls-live", "cert-30")}  # not watched
    whole = {"version": 1, "extends": "default", "environments": environments, "items": secure}
    path.write_text(json.dumps(whole))
    host.good("prepare", NEW)
    host.good("switch", NEW, "--confirm-within", "900")
    fault(host)
    inputs = {"checklist": str(path), "environment": "production", "release": NEW, "record": str(folder / "watch.json")}
    told = servers.read(servers.popen("watch", servers.inputs(1, window="10m", **inputs)), 900)
    if not (folder / "watch.json").exists():
        return told.found
    record = json.loads((folder / "watch.json").read_text())
    return f"exit {told.code}, by {record['decided_by']}: {moments(record)}"


def moments(record: dict[str, Any]) -> str:
    """When it was decided and done, from the beginning of the watch on."""
    at = {one["what"]: one["at"] for one in record["timeline"]}
    return f"decided after {at.get('decided', -1):.0f} s, back after {at.get('done', -1):.1f} s; {record['times']}"


if __name__ == "__main__":
    sys.exit(main())
