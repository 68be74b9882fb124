"""What tests of checks share: one PostgreSQL server, and a check as the engine calls it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import databases
import hosts
import pairs
import pytest
from databases import Cluster
from fleet import Fleet, fleet
from hosts import Server
from pairs import Pair
from watch_shop import Shop, opened

from deploy_gate.catalog import Catalog
from deploy_gate.engine.child import guarded
from deploy_gate.inputs import bind
from deploy_gate.result import CouldNotTell, Result


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server of this worker."""
    with databases.running() as found:
        yield found


@pytest.fixture(scope="session")
def standing() -> Iterator[Server]:
    """A server of this worker; skipped, by name, where there is no nginx or sshd."""
    try:
        with hosts.serving() as found:
            yield found
    except CouldNotTell as fault:
        pytest.skip(f"no server: {fault.found}; {fault.fix}")


@pytest.fixture
def server(standing: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The same, as a deployment left it, with key and pin in the environment."""
    standing.world.reset()
    for path in standing.programs.iterdir():
        path.unlink()
    monkeypatch.setenv("SSH_PRIVATE_KEY", standing.door.key)
    monkeypatch.setenv("SSH_KNOWN_HOSTS", standing.door.pins)
    return standing


@pytest.fixture
def ask(request: pytest.FixtureRequest) -> Callable[..., Result]:
    """A check by its name and inputs (as texts), with the defaults of its action.yml; no password in its answer."""

    def run(name: str, **given: object) -> Result:
        capability = Catalog().get(name)
        texts = {key.replace("_", "-"): str(value) for key, value in given.items()}
        bound = bind(capability.manifest.inputs, capability.hints, texts)
        assert not bound.wrong, bound.wrong
        assert not bound.missing, bound.missing
        assert capability.faults(bound.values) == []
        result = guarded(lambda: capability.function(**bound.values))
        assert "the check itself broke" not in result.found, result
        if "cluster" in request.fixturenames:
            found: Cluster = request.getfixturevalue("cluster")
            assert not [one for one in found.passwords if one in str(result.as_json())]
        return result

    return run


@pytest.fixture(scope="session")
def two_servers() -> Iterator[Fleet]:
    """Two servers of this worker, each behind an ssh server."""
    with fleet(2) as found:
        yield found


@pytest.fixture
def servers(two_servers: Fleet) -> Fleet:
    """The same, OLD live in blue on both."""
    two_servers.reset()
    return two_servers


@pytest.fixture(scope="session")
def two_machines() -> Iterator[Pair]:
    """Two machines of this worker that can be logged in to; skipped, by name, where there is no sshd."""
    try:
        with pairs.running() as found:
            yield found
    except CouldNotTell as fault:
        pytest.skip(f"no server: {fault.found}; {fault.fix}")


@pytest.fixture
def pair(two_machines: Pair, monkeypatch: pytest.MonkeyPatch) -> Pair:
    """The same, alike, with their keys in the environment."""
    for machine in (two_machines.production, two_machines.staging):
        machine.reset()
    for name, key in two_machines.keys.items():
        monkeypatch.setenv(name, key)
    return two_machines


@pytest.fixture
def shop(servers: Fleet, tmp_path: Path) -> Iterator[Shop]:
    """A release to be watched on the first of two servers."""
    with opened(servers, tmp_path) as found:
        yield found
