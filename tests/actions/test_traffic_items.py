"""The lines of the bundled checklist for the first hour, through the gate itself: each fault turns exactly its own red."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import declared
import pytest
from hosts import Server
from support import Repository
from traffic_lines import spread, write

from deploy_gate import cli
from host import sampler

LINES = ("p95", "errors", "cpu", "memory", "disk-io")
FILE = """
version: 1
extends: default
environments:
  production: {{branch: main, url: "https://shop.example", host: {host}, slots_config: {config}}}
items:
  p95: {{with: {{since: 10m}}}}
  errors: {{with: {{since: 10m}}}}
"""


def looked(*lines: str) -> dict[str, str]:
    """Status by line, after the gate has run."""
    cli.main(["gate", "--phase", "monitor", "--environment", "production", "--report", "report", "--only", *lines])
    items = json.loads(Path("report/report.json").read_text())["items"]
    return {one["id"]: one["status"] for one in items}


@pytest.fixture
def shop(repository: Repository, server: Server) -> Iterator[Repository]:
    """A repository that says where its server is, a quiet server, a log of users who fare well."""
    repository.write("checklist.yml", FILE.format(**server.inputs))
    repository.commit()
    os.truncate(server.world.work / "access.log", 0)
    fare(server, cpu=20, memory=40, disk=10)
    yield repository
    fare(server)


def fare(server: Server, **shares: float) -> None:
    """A quarter of an hour of the guard's samples."""
    for name in (sampler.FILE, sampler.OLDER):
        (server.world.home / name).unlink(missing_ok=True)
    now = time.time()
    for ago in range(885, 0, -15) if shares else ():
        sampler.keep(server.world.home, {"at": now - ago, **shares})


def test_everything_is_as_it_should_be(shop: Repository, server: Server) -> None:
    write(server.world, "blue", spread(6000))
    assert looked(*LINES) == dict.fromkeys(LINES, "passed")


# How each declared fault is written down.
CAUSES: dict[str, dict[str, int]] = {
    "12 of 6,000 requests fail": {"errors": 12},
    "p95 at 501 ms": {"slow": 501},
    "the processor at 61 %": {"cpu": 61},
    "memory at 71 %": {"memory": 71},
    "disk I/O at 71 %": {"disk": 71},
    "150 requests": {"number": 150},
    "5,990 requests": {"number": 5990},
}
RED = declared.faults("monitor")
# At once, what is looked at apart: each must turn its own lines red, and no other.
TOGETHER = [
    ("12 of 6,000 requests fail", "the processor at 61 %", "memory at 71 %"),
    ("p95 at 501 ms", "disk I/O at 71 %"),
    ("150 requests",),
    ("5,990 requests",),
]


def test_every_declared_fault_is_caused() -> None:
    assert {name for names in TOGETHER for name in names} == set(RED) == set(CAUSES)


@pytest.mark.parametrize("faults", TOGETHER, ids=" and ".join)
def test_each_fault_turns_its_own_lines_red(shop: Repository, server: Server, faults: tuple[str, ...]) -> None:
    fault = {key: value for name in faults for key, value in CAUSES[name].items()}
    number = fault.get("number", 6000)
    times = [*spread(number - number // 10), *[fault.get("slow", 90)] * (number // 10)]
    write(server.world, "blue", times, errors=fault.get("errors", 0))
    well = {"cpu": 20, "memory": 40, "disk": 10}
    fare(server, **{key: fault.get(key, value) for key, value in well.items()})
    expected = {line for name in faults for line in RED[name]}
    assert {name for name, status in looked(*LINES).items() if status != "passed"} == expected
