"""A consumer's checklist beside servers on loopback, with a release that was switched to and not confirmed: to be watched."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot_api import TOKEN
from fleet import NEW, Fleet, Told
from traffic_lines import spread, write

QUICK = {"every": "1s", "failure-limit": 2}
ONCE = {"every": "1s", "failure-limit": 1}


@dataclass
class Shop:
    """A consumer's checklist beside the servers, NEW switched to and not confirmed."""

    servers: Fleet
    folder: Path
    items: dict[str, Any] = field(default_factory=dict)
    triggers: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        host = self.servers.hosts[0]
        self.front = f"http://127.0.0.1:{host.front}"
        self.there = {"host": self.servers.doors[0].host, "config": str(host.config)}
        self.item("health", f"{self.front}/health")

    def item(self, name: str, url: str, **more: Any) -> None:
        """A line that asks an address."""
        line = {"section": "q", "title": f"The {name}", "check": "http-endpoint", "phases": ["verify"], "watch": QUICK}
        self.items[name] = {**line, "with": {"url": url, "timeout": "20s"}, **more}

    def trigger(self, name: str, band: str, check: str, **more: Any) -> None:
        """A reason to roll back."""
        self.triggers[name] = {"title": f"Of {name}", "rule": "r", "band": band, "check": check, **more}

    def on_host(self, name: str, band: str, check: str, **given: Any) -> None:
        """One whose check asks the server."""
        self.trigger(name, band, check, **{"with": {**self.there, **given}, "watch": ONCE})

    def popen(self, count: int = 1, **more: str) -> subprocess.Popen[str]:
        """Start the watch."""
        checklist = {
            "version": 1,
            "sections": {"q": {"part": "P", "title": "T"}},
            "environments": {"production": {"branch": "main"}},
            "items": self.items,
            "triggers": self.triggers,
        }
        (self.folder / "checklist.yml").write_text(json.dumps(checklist))
        given = {
            "checklist": str(self.folder / "checklist.yml"),
            "record": str(self.record),
            "window": "1s",
            "jobs": "3",
        }
        inputs = {**given, "environment": "production", "release": NEW, "messages": str(self.folder / "told.json")}
        env = {"TELEGRAM_BOT_TOKEN": TOKEN, "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md")}
        return self.servers.popen("watch", self.servers.inputs(count, **{**inputs, **more}), **env)

    def watch(self, **more: str) -> Told:
        """Watch to the end."""
        return self.servers.read(self.popen(1, **more), 240)

    @property
    def record(self) -> Path:
        return self.folder / "watch.json"

    def lines(self) -> list[dict[str, Any]]:
        """What the record says of each."""
        found: list[dict[str, Any]] = json.loads(self.record.read_text())["lines"]
        return found

    def seen(self) -> dict[str, str]:
        """The states at the end, by name."""
        return {one["id"]: one["state"] for one in self.lines()}

    def phase(self) -> str:
        """What the server waits for."""
        return str(self.servers.hosts[0].good("status")["watch"]["phase"])


@contextmanager
def opened(servers: Fleet, folder: Path) -> Iterator[Shop]:
    """NEW is switched to on the first server, after a well OLD of a thousand requests."""
    host = servers.hosts[0]
    log = host.work / "access.log"
    log.touch()
    os.truncate(log, 0)
    write(host, "blue", spread(1000), ago=30)
    host.good("prepare", NEW)
    host.good("switch", NEW, "--confirm-within", "600")
    yield Shop(servers, folder)
    servers.reset()


def began(child: subprocess.Popen[str]) -> None:
    """Wait until it says so; line by line from the pipe itself, since what a buffer took would be missing at the end."""
    assert child.stderr is not None
    while b"began" not in (line := child.stderr.buffer.raw.readline()):  # type: ignore[attr-defined]
        assert line
