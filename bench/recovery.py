"""Detection and recovery per trigger, on the real ERP: `python3 bench/recovery.py [TRIGGER ...]` (all ten: 45 minutes).

One server on loopback (nginx, two slots of the example ERP over PostgreSQL and Redis, the guard, sshd), ten users, and
for each trigger a release that fires it and no other, ill from the switch on. The watch runs as its step would, by the
intervals and windows of the bundled checklist. All in seconds from the beginning of the watch (*decided*), and from the
moment at which the fault was there (*total*) until the front door served the release before again; what is only to be
considered is held, so it has no recovery but a person's. The guard looks rarely here: it is the watch that is measured.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

from deploy_gate import bootstrap  # noqa: E402 - found by the line above

if __name__ == "__main__" and Path(sys.prefix).resolve() != bootstrap.ensure("dev").resolve():
    python = bootstrap.python(bootstrap.ensure("dev"))
    sys.exit(subprocess.call([python, __file__, *sys.argv[1:]]))

import bot_api  # noqa: E402 - only there in the environment that was just entered
import erp_world  # noqa: E402
import github_server  # noqa: E402
import yaml  # noqa: E402
from consumers import Consumer  # noqa: E402
from shipping import CONSIDER, IMMEDIATE, Bad, Ship, unwell  # noqa: E402

from deploy_gate.watch.hostlook import HOST  # noqa: E402
from deploy_gate.workbench.stage import Staged  # noqa: E402
from host.state import HOLD  # noqa: E402

LONGEST = 1200.0
USERS = 1500
"""Requests of users before the switch, for a baseline."""
HEAD = f"{'trigger':<17}{'detect':>8}{'decide':>8}{'restore':>9}{'decided':>9}{'total':>8}  what came of it"


def main() -> int:
    """Each in turn."""
    wanted = sys.argv[1:] or [*IMMEDIATE, *CONSIDER]
    print(HEAD, flush=True)
    bad = 0
    with (
        erp_world.serving(
            erp_world.UNHURRIED, guard={"interval": 15, "guard-for": 60, "beat": 120, "sample": 1}
        ) as shop,
        github_server.running() as github,
        bot_api.telegram() as chat,
        tempfile.TemporaryDirectory(prefix="recovery-") as folder,
    ):
        for name in wanted:
            shop.reset()
            unwell(github)
            consumer = Consumer(Path(folder) / name, Staged(ROOT, "", []), Path(folder) / f"{name}-run" / "x")
            consumer.scratch.parent.mkdir()
            ship = Ship(consumer, shop, github, chat)
            ship.checklist(bundled())
            ship.settle()
            told, as_meant = once(ship, name, {**IMMEDIATE, **CONSIDER}[name])
            bad += not as_meant
            print(f"{name:<17}{told}", flush=True)
    return 1 if bad else 0


def bundled() -> dict[str, dict[str, Any]]:
    """How often the bundled checklist looks at each line and trigger, and over which time."""
    whole = yaml.safe_load((ROOT / "checklist.yml").read_text())
    found = {}
    for name, one in [*whole["items"].items(), *whole["triggers"].items()]:
        spans = {key: value for key, value in one.get("with", {}).items() if key in ("since", "baseline")}
        # Of two named alike (`of`), the lines' own looks are what counts.
        watch = {} if "of" in one else {"watch": one.get("watch", {})}
        found[name] = watch | ({"with": spans} if spans else {})
    return found


def once(ship: Ship, name: str, bad: Bad) -> tuple[str, bool]:
    """Ship it, let it be watched, and tell how long each part took; whether it came as declared."""
    shop, host = ship.shop, ship.shop.host
    release = ship.commit(bad)
    with erp_world.people(host.front):
        until(lambda: (host.work / "access.log").read_text().count("\n") >= USERS)
        host.receive(release)
        host.good("prepare", release)
        if not bad.late:
            shop.break_(release, *bad.switches, **bad.faults)
        host.good("switch", release, "--confirm-within", "3600")
        if bad.late:
            shop.break_(release, *bad.switches, **bad.faults)
        seen = Seen(ship.first, time.monotonic())
        path = ship.consumer.path / "watch.json"
        code = watched(ship, release, path, seen, to_the_end=name in IMMEDIATE)
    record = json.loads(path.read_text()) if path.exists() else {"times": {}, "timeline": []}
    decided: dict[str, Any] = {"id": "", "at": None}
    # A line may have it held before the trigger takes it back.
    decided = next((one for one in reversed(record["timeline"]) if one["what"] == "decided"), decided)
    times = record["times"] | ({} if code == 4 else {"restore": None})
    told = row({**times, "decided": decided["at"], "total": seen.again})
    what = {4: "rolled back", 3: "held"}.get(code, f"exit {code}")
    # Also the server's own guard may have been the first.
    by = decided["id"] or record.get("decided_by") or "nobody"
    as_meant = by == name or (name, by) == ("t-health", HOST)
    return f"{told}  {what}, by {by}", as_meant and code == (4 if name in IMMEDIATE else 3)


@dataclass
class Seen:
    """When the front door served the release before again, in seconds since the fault was there; None: it did not."""

    first: str
    since: float
    again: float | None = None
    over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def at(self, shop: erp_world.Shop) -> Iterator[None]:
        """Ask it all the time until the block is left."""

        def ask() -> None:
            while self.again is None and not self.over.wait(0.05):
                with suppress(OSError, ValueError, KeyError):
                    self.again = time.monotonic() - self.since if shop.answers() == self.first else None

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            yield
        finally:
            self.over.set()
            asking.join()


def watched(ship: Ship, release: str, path: Path, seen: Seen, *, to_the_end: bool) -> int:
    """The operation, until it is over; or until it holds the release, and then it is cancelled."""
    shop = ship.shop
    # It reads the releases of the repository in which it stands.
    shop.servers.within = ("env", "-C", str(ship.consumer.path))
    inputs = {"environment": "production", "release": release, "record": str(path), "window": f"{LONGEST:g}s"}
    given = {**shop.servers.inputs(1, **inputs), "config": str(shop.host.config)}
    child = shop.servers.popen("watch", given, GITHUB_API_URL=ship.github.url, no_proxy="127.0.0.1", **ship.secrets)
    shop.servers.within = ()

    def end_when_held() -> None:
        while not to_the_end and child.poll() is None and not seen.over.wait(0.2):
            state = shop.host.machine.load()
            if state.watch is not None and state.watch.phase == HOLD:
                child.send_signal(signal.SIGINT)
                return

    ending = threading.Thread(target=end_when_held)
    with seen.at(shop):
        ending.start()
        told = shop.servers.read(child, LONGEST + 600)
        if told.code == 4:
            until(lambda: seen.again is not None)
    ending.join()
    return told.code


def row(times: dict[str, float | None]) -> str:
    """In the order of HEAD; what did not happen is a dash."""
    widths = {"detect": 8, "decide": 8, "restore": 9, "decided": 9, "total": 8}
    return "".join(
        f"{'-' if times.get(name) is None else f'{times[name]:.1f}':>{width}}" for name, width in widths.items()
    )


def until(true: Callable[[], bool]) -> None:
    """Wait for it; far longer than it takes."""
    ends = time.monotonic() + 600
    while not true():
        if time.monotonic() > ends:
            raise TimeoutError
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
