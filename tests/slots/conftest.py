"""One host on loopback for each module of tests, brought back to its beginning before each test."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from slots.world import PATIENT, World, world

from deploy_gate.result import CouldNotTell
from deploy_gate.workbench import packages


@pytest.fixture(scope="session")
def nginx() -> str:
    """The program; without it these tests are skipped, by name."""
    try:
        return str(packages.ensure("nginx"))
    except CouldNotTell as fault:
        pytest.skip(f"no nginx: {fault.found}; {fault.fix}")


@pytest.fixture(scope="module")
def shared(nginx: str) -> Iterator[World]:
    """A host for the tests of a module. Not below pytest's own folder: nginx's workers could not enter that."""
    with tempfile.TemporaryDirectory(prefix="slots-") as folder, world(Path(folder), **PATIENT) as found:
        yield found


@pytest.fixture
def host(shared: World) -> World:
    """The same, with OLD live in blue."""
    shared.reset()
    return shared
