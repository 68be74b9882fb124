"""What tests share: checks by name, a repository to stand in, and folders of made-up checks."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import Actions, Repository

from deploy_gate.catalog import Catalog
from deploy_gate.result import CouldNotTell, Result
from deploy_gate.workbench import compose
from deploy_gate.workbench.dockerd import Docker, dockerd

if TYPE_CHECKING:
    from github_server import GitHub

_RUNNER = ("GITHUB_", "RUNNER_", "DEPLOY_GATE_", "INPUT_")


@pytest.fixture(autouse=True)
def no_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    """A laptop: nothing of the CI that runs these tests may decide their outcome."""
    for name in list(os.environ):
        if name.startswith(_RUNNER):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture
def load() -> Callable[[str], Callable[..., Result]]:
    """The function of a check or operation, by the folder's name."""
    return lambda name: Catalog().get(name).function


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """An empty repository, which is also the working directory."""
    folder = tmp_path / "shop"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Repository(folder)


@pytest.fixture
def actions(tmp_path: Path) -> Actions:
    """An empty folder of actions."""
    return Actions(tmp_path / "made-up-actions")


def pytest_configure() -> None:
    """A shell starts what it sends to the background deaf to SIGINT, and every child of ours would be deaf too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def docker_daemon() -> Iterator[Docker]:
    """A docker daemon of these tests' own, with `docker compose`; skipped, with the reason, where there can be none."""
    with ExitStack() as stack:
        try:
            found = stack.enter_context(dockerd())
            compose.provide(found)
        except CouldNotTell as fault:
            pytest.skip(f"no docker: {fault.found}; {fault.fix}")
        yield found


@pytest.fixture
def docker(docker_daemon: Docker, monkeypatch: pytest.MonkeyPatch) -> Docker:
    """The same, and whatever runs `docker` in this test talks to it."""
    for name, value in docker_daemon.environment.items():
        monkeypatch.setenv(name, value)
    return docker_daemon


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slowest come first, so that no worker ends alone; long ones run only when asked for, and are named."""
    items.sort(key=lambda item: "end_to_end" not in item.path.parts)
    if os.environ.get("DEPLOY_GATE_ALL_TESTS"):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason=f"{item.name} is long: `python3 scripts test --all` runs it"))


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    """A GitHub of this test's own, and the variables of a run that talks to it."""
    # The law it holds itself to takes a while to read: only for those who ask for it.
    import github_server

    with github_server.running() as found:
        monkeypatch.setenv("GITHUB_API_URL", found.url)
        monkeypatch.setenv("GITHUB_REPOSITORY", github_server.NAME)
        monkeypatch.setenv("GITHUB_TOKEN", github_server.TOKEN)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield found
