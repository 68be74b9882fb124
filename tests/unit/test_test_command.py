"""The test command runs a few failures once more, alone, and names what passes then; never many, never chosen ones."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deploy_gate import bootstrap
from deploy_gate.commands import test_command


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Every call of pytest; the first fails, the second ends with what `codes` says."""
    found: list[list[str]] = []
    codes = [1, 0]

    def call(argv: list[str], **_: object) -> int:
        found.append([str(word) for word in argv])
        return codes[len(found) - 1]

    monkeypatch.setattr(subprocess, "call", call)
    monkeypatch.setattr(bootstrap, "ensure", lambda _: tmp_path)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    return found


def failing(root: Path, count: int) -> None:
    cache = root / ".pytest_cache" / "v" / "cache"
    cache.mkdir(parents=True)
    names = [f'"tests/test_a.py::test_{number}": true' for number in range(count)]
    (cache / "lastfailed").write_text("{" + ", ".join(names) + "}")


def test_a_few_run_again_alone_and_are_named(
    tmp_path: Path, calls: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    failing(tmp_path, 2)
    assert test_command.run([]) == 0
    assert calls[1][-4:] == ["-n", "0", "tests/test_a.py::test_0", "tests/test_a.py::test_1"]
    assert "unsteady, to be mended: tests/test_a.py::test_0, tests/test_a.py::test_1" in capsys.readouterr().out


@pytest.mark.parametrize(("count", "argv"), [(6, []), (0, []), (2, ["tests/test_a.py"])])
def test_many_none_known_and_chosen_ones_do_not(
    tmp_path: Path, calls: list[list[str]], count: int, argv: list[str]
) -> None:
    failing(tmp_path, count)
    assert test_command.run(argv) == 1
    assert len(calls) == 1
