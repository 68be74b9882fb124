"""The product exported once, and consumers to try it on, under a real runner."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from consumers import Consumer
from support import snapshot

from deploy_gate.workbench import stage


@pytest.fixture(scope="session")
def staged(tmp_path_factory: pytest.TempPathFactory) -> stage.Staged:
    """This working tree as tsh/deploy-gate@v1."""
    folder = tmp_path_factory.mktemp("product")
    return stage.export(snapshot(folder / "tree"), folder / "staged")


@pytest.fixture
def consumer(tmp_path: Path, staged: stage.Staged) -> Consumer:
    """A clean consumer."""
    return Consumer(tmp_path / "shop", staged, tmp_path / "run")


@pytest.fixture
def gate() -> Callable[..., dict[str, Any]]:
    """The step that runs the root action."""
    return lambda **inputs: {"id": "gate", "name": "gate", "uses": "tsh/deploy-gate@v1", "with": inputs}
