"""One ssh server for all of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy_gate.result import CouldNotTell
from deploy_gate.workbench.sshd import Sshd, sshd


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """Where it listens; skipped, by name, where there is none."""
    try:
        with sshd(tmp_path_factory.mktemp("sshd")) as found:
            yield found
    except CouldNotTell as fault:
        pytest.skip(f"no ssh server: {fault.found}; {fault.fix}")


@pytest.fixture
def door(server: Sshd, monkeypatch: pytest.MonkeyPatch) -> Sshd:
    """The same, its key in the environment."""
    monkeypatch.setenv("SSH_PRIVATE_KEY", server.key)
    return server
