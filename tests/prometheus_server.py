"""A real Prometheus that scrapes ports of loopback once a second; skipped, by name, where there is none."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy_gate.facts.prometheus import Prometheus
from deploy_gate.result import CouldNotTell
from deploy_gate.workbench import packages
from deploy_gate.workbench.server import free_port, running


def program(name: str) -> Path:
    """Where it is."""
    try:
        return packages.ensure(name)
    except CouldNotTell as fault:
        pytest.skip(f"no {name}: {fault.found}")


@contextmanager
def scraping(folder: Path, **ports: int) -> Iterator[Prometheus]:
    """One that knows these jobs, each by its port, until the block is left; its files lie in `folder`."""
    found = program("prometheus")
    jobs = [{"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]} for name, port in ports.items()]
    config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": jobs}
    (folder / "prometheus.yml").write_text(json.dumps(config))
    own = free_port()
    argv: list[str | Path] = [found, f"--config.file={folder}/prometheus.yml"]
    argv += [f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{own}"]
    with running(argv, "Server is ready"):
        yield Prometheus(f"http://127.0.0.1:{own}")


def exported(good: int, bad: int, started: float | None = None) -> str:
    """What an application exports of its answers, and of the moment at which it was started."""
    rows = [f'http_requests_total{{method="GET",handler="/orders",status="200"}} {good}']
    rows += [f'http_requests_total{{method="GET",handler="/orders",status="500"}} {bad}'] if bad else []
    rows += [f"process_start_time_seconds {started}"] if started is not None else []
    return "".join(f"{row}\n" for row in rows)


def settled(true: Callable[[], bool]) -> None:
    """Wait until it is so: a scrape comes once a second."""
    until = time.monotonic() + 120
    while True:
        try:
            if true():
                return
        except CouldNotTell:
            pass
        assert time.monotonic() < until
        time.sleep(0.2)
