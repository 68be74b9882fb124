"""What a watch costs the server, measured while one runs: `python3 bench/watch_cost.py [MINUTES]` (5).

A host on loopback (nginx, two slots, the guard, sshd) with thirty thousand lines of users in its log, watched by the
bundled checklist at its own intervals, journeys of five requests each. Nothing is computed from single looks: processor
time is what the kernel counted for sshd and all it started, for nginx, and for the guard; requests and logins are those
that stand in the server's own logs.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fleet import Fleet
    from slots.world import World

ROOT = Path(__file__).resolve().parents[1]
JOURNEYS = (
    *("log-in", "products", "customer-login", "order", "inventory", "notifications"),
    *("wholesale", "retail", "inventory-sync", "gps", "whatsapp"),
)
STEP = "\n  - {{name: step {0}, class: read, request: GET /orders/{0}, expect: {{status: 200}}}}"
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Everything in one run."""
    sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]
    from fleet import fleet

    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    with fleet(1) as servers, ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="watch-cost-")))
        logins = counting(servers, stack)
        prepared(servers.hosts[0], folder)
        for title, during in (
            ("nobody watches", lambda: time.sleep(30)),
            ("watched", lambda: watched(servers, folder, minutes)),
        ):
            before, begun, still = counters(servers), time.monotonic(), lines(servers.hosts[0], logins)
            told = during()
            spent, after = (time.monotonic() - begun) / 60, counters(servers)
            print(f"{title}, {spent:.1f} minutes: {told or ''}")
            for name, seconds in after.items():
                one = (seconds - before[name]) / spent
                print(f"  {name:<9}{one:.2f} s of processor time a minute, {one / 60:.1%} of one processor")
            for name, number in lines(servers.hosts[0], logins).items():
                print(f"  {name:<9}{(number - still[name]) / spent:.0f} a minute", flush=True)
    return 0


def counting(servers: Fleet, stack: ExitStack) -> Path:
    """An sshd that writes down who logs in, for the first server."""
    from deploy_gate.workbench import packages
    from deploy_gate.workbench.server import free_port, running

    door, port = servers.doors[0], free_port()
    log = door.home / "logins"
    words = f"exec {packages.ensure('sshd')} -D -p {port} -E {log} -f {door.home}/sshd_config"
    stack.enter_context(running(["sh", "-c", f"({words}) & echo started; wait"], "started"))
    until = time.monotonic() + 60
    while not (log.exists() and "Server listening" in log.read_text()):
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(0.05)
    servers.doors[0] = replace(door, port=port)
    return log


def prepared(host: World, folder: Path) -> None:
    """NEW is live, with users before and after the switch."""
    from slots.world import NEW
    from traffic_lines import spread, write

    host.configure(guard={"interval": 0.5, "sample": 5})
    (host.work / "access.log").touch()
    for ago in range(1190, 0, -10):
        write(host, "blue", spread(200), ago=ago)
    host.good("guard", "stop")
    host.good("guard", "start")
    host.good("prepare", NEW)
    host.good("switch", NEW, "--confirm-within", "3600")
    write(host, "green", spread(6000))
    for name in JOURNEYS:
        steps = "".join(STEP.format(number) for number in range(5))
        (folder / f"{name}.yml").write_text(f"version: 1\njourney: {name}\nsteps:{steps}\n")


def watched(servers: Fleet, folder: Path, minutes: float) -> str:
    """Watch, by the bundled checklist; what came of it."""
    from slots.world import NEW

    host = servers.hosts[0]
    place = {"url": f"http://127.0.0.1:{host.front}", "host": servers.doors[0].host, "slots_config": str(host.config)}
    secure = {name: {"with": {"host": "https://127.0.0.1"}} for name in ("tls", "tls-live", "cert-30")}  # not watched
    environments = {"production": {**place, "journeys": str(folder)}}
    path = folder / "checklist.yml"
    path.write_text(json.dumps({"version": 1, "extends": "default", "environments": environments, "items": secure}))
    inputs = {"checklist": str(path), "environment": "production", "release": NEW, "record": str(folder / "watch.json")}
    child = servers.popen("watch", servers.inputs(1, window=f"{minutes:g}m", **inputs))
    told = servers.read(child, 60 * minutes + 900)
    looks = sum(one["looks"] for one in json.loads((folder / "watch.json").read_text())["lines"])
    return f"exit {told.code}, {looks} looks of lines and triggers"


def counters(servers: Fleet) -> dict[str, float]:
    """Seconds of processor time so far: of sshd with all that it started and that ended, of nginx, of the guard."""
    host, port = servers.hosts[0], servers.doors[0].port
    found = {"ssh": 0.0, "nginx": 0.0, "guard": 0.0}
    master = (host.work / "nginx.pid").read_text().strip()
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError, IndexError):
            words = (entry / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            mine = sum(int(one) for one in fields[11:15]) / TICKS
            if f"-p {port} " in words and "sshd" in words and "wait" not in words:
                found["ssh"] += mine
            elif master in (entry.name, fields[1]):
                found["nginx"] += mine
            elif str(host.config) in words and " guard" in words:
                found["guard"] += mine
    return found


def lines(host: World, logins: Path) -> dict[str, int]:
    """What stands in the logs by now."""
    asked = (host.work / "access.log").read_text().count("\n")
    return {"requests": asked, "logins": logins.read_text().count("Accepted publickey")}


if __name__ == "__main__":
    sys.exit(main())
