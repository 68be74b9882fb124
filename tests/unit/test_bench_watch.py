"""The simulation of the watch answers for every check of the bundled triggers, and tells a good window from a bad one."""

from __future__ import annotations

import importlib.util
import random
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
from support import ROOT


@pytest.fixture
def bench() -> Iterator[ModuleType]:
    """The script, which is no module of any package."""
    spec = importlib.util.spec_from_file_location("bench_watch", ROOT / "bench" / "watch.py")
    assert spec is not None
    assert spec.loader is not None
    found = sys.modules["bench_watch"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    yield found
    del sys.modules["bench_watch"]


def test_every_check_of_the_bundled_triggers_is_played(bench: ModuleType) -> None:
    service = bench.Service(random.Random(1))
    service.live(0)
    asked = {one.probe for one in bench.lines() if one.probe}
    assert asked - dict(service.looks(15)).keys() == set()


@pytest.mark.parametrize(("fault", "told"), [("", "go"), ("database lost", "back: t-db: ill")])
def test_a_window(bench: ModuleType, fault: str, told: str) -> None:
    assert bench.watch(bench.Service(random.Random(1), fault, 100))[0] == told
