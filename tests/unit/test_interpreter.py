"""Finding the project's interpreter, and asking it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from deploy_gate.facts import interpreter
from deploy_gate.result import CouldNotTell


def place(folder: Path, name: str = "python") -> Path:
    """A program that counts as an interpreter."""
    program = folder / "bin" / name
    program.parent.mkdir(parents=True, exist_ok=True)
    program.symlink_to(os.path.realpath(sys.executable))
    return program


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty workspace without any interpreter in reach."""
    workspace = tmp_path / "work space"
    workspace.mkdir()
    monkeypatch.chdir(workspace)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    for name in ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    return workspace


def test_the_order(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CouldNotTell) as fault:
        interpreter.find("")
    assert fault.value.found.endswith(
        "looked for $VIRTUAL_ENV, $UV_PROJECT_ENVIRONMENT, .venv, venv, env, poetry's environment, python3 on PATH"
    )
    system = place(tmp_path / "system", "python3")
    place(here, "python3")
    monkeypatch.setenv("PATH", f"bin{os.pathsep}{os.pathsep}{system.parent}")
    assert interpreter.find("") == system
    poetry(here, tmp_path / "poetry-env", system.parent)
    program = place(tmp_path / "poetry-env")
    assert interpreter.find("") == program
    for folder in ("venv", ".venv"):
        program = place(here / folder)
        assert interpreter.find("") == program
    for name in ("UV_PROJECT_ENVIRONMENT", "VIRTUAL_ENV"):
        program = place(tmp_path / name)
        monkeypatch.setenv(name, str(program.parents[1]))
        assert interpreter.find("") == program
    given = place(tmp_path / "given")
    assert interpreter.find(str(given)) == given


def poetry(workspace: Path, environment: Path, folder: Path) -> None:
    """A poetry that names an environment, and a project of it."""
    (workspace / "pyproject.toml").write_text("[tool.poetry]\nname = 'x'\n")
    program = folder / "poetry"
    program.write_text(f"#!/bin/sh\n[ \"$1 $2 $3\" = 'env info -p' ] && echo '{environment}'\n")
    program.chmod(0o755)


def test_poetry_counts_only_in_its_projects(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = place(tmp_path / "system", "python3")
    monkeypatch.setenv("PATH", str(system.parent))
    place(tmp_path / "poetry-env")
    poetry(here, tmp_path / "poetry-env", system.parent)
    (here / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert interpreter.find("") == system
    (here / "poetry.lock").write_text("")
    assert interpreter.find("") == tmp_path / "poetry-env/bin/python"


def test_given_forms(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = place(here / "envs/a")
    for given in ("envs/a", "envs/a/bin/python", "./envs/../envs/a", str(program)):
        assert interpreter.find(given) == program
    named = place(tmp_path / "system", "python3.99")
    monkeypatch.setenv("PATH", str(named.parent))
    assert interpreter.find("python3.99") == named


@pytest.mark.parametrize("given", ["nowhere", "./nowhere", "/nowhere/python", "text", "-c"])
def test_given_must_exist(here: Path, given: str) -> None:
    place(here / ".venv")
    (here / "text").write_text("not a program")
    with pytest.raises(CouldNotTell, match="is not there"):
        interpreter.find(given)


def test_a_dead_link_is_passed_over(here: Path) -> None:
    (here / ".venv/bin").mkdir(parents=True)
    (here / ".venv/bin/python").symlink_to("/nowhere/python3")
    program = place(here / "venv")
    assert interpreter.find("") == program


def test_never_our_own(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, other = place(tmp_path / "own", "python3"), place(tmp_path / "other", "python3")
    place(tmp_path / "own")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "own"))
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "own"))
    monkeypatch.setenv("PATH", f"{own.parent}{os.pathsep}{other.parent}")
    assert interpreter.find("") == other


def test_strays_of_the_workspace_are_not_imported(here: Path) -> None:
    for name in ("json", "sysconfig", "pytest", "importlib"):
        (here / f"{name}.py").write_text("raise SystemExit('stray')\n")
    python = Path(sys.executable)
    assert set(interpreter.versions(python, "pytest", "no-such-package")) == {"pytest"}
    assert interpreter.ask(python, "import json; print(json.dumps(1))", cwd=here) == 1
    assert interpreter.script(python, "ruff") == python.parent / "ruff"
    assert interpreter.script(python, "no-such-program") is None


def test_active_environment(here: Path, tmp_path: Path) -> None:
    program = place(tmp_path / "env")
    assert "VIRTUAL_ENV" not in interpreter.environment(program)
    (tmp_path / "env/pyvenv.cfg").write_text("")
    found = interpreter.environment(program)
    assert found["VIRTUAL_ENV"] == str(tmp_path / "env")
    assert found["PATH"].split(os.pathsep)[0] == str(program.parent)
