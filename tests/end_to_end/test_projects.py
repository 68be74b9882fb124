"""A consumer's project is installed its own way before its code is run: pip, uv, poetry; its services are torn down."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import ROOT

from deploy_gate.bootstrap import ensure
from deploy_gate.workbench import act

PROJECT = '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["ruff @ {wheel}"]\n'
POETRY = (
    '[tool.poetry]\npackage-mode = false\n[tool.poetry.dependencies]\npython = ">=3.11"\nruff = {{path = "{path}"}}\n'
)
LINT = {"lint": {"check": "ruff-lint", "with": {"path": "shop"}}}
DOCKER = '#!/bin/sh\necho "$@" >> "$0.log"\n'
Tool = Callable[[str], Path]


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Tool:
    """A program of an environment of its own, or a file that was downloaded: nothing of it is the consumer's."""
    folder = tmp_path_factory.mktemp("tools")
    python = folder / "venv" / "bin" / "python"

    def pip(*words: str | Path) -> None:
        subprocess.run([python, "-m", "pip", "-q", *words], check=True, capture_output=True, timeout=600)

    def get(name: str) -> Path:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True, timeout=120)
        if name == "ruff":
            wheels = folder / "wheels"
            lock = (ROOT / "requirements" / "dev.txt").read_text()
            [version] = [line.split()[0] for line in lock.splitlines() if line.startswith("ruff==")]
            pip("download", "--no-deps", "--only-binary", ":all:", "-d", wheels, version)
            return next(wheels.glob("ruff-*.whl"))
        if name == "uv":
            return ensure("dev") / "bin" / "uv"
        pip("install", name)
        return python.parent / name

    return get


def run(shop: Any, scratch: Path, lines: str, **more: Any) -> act.Run:
    """The checklist of a pull request, with these lines as `setup`."""
    shop.checklist(LINT)
    call = {"uses": "tsh/deploy-gate/.github/workflows/pre-deploy.yml@v1", "permissions": {"contents": "read"}}
    call["with"] = {"setup": lines, **more.pop("inputs", {})}
    shop.write(".gitignore", ".venv\nruff-said\n")
    shop.write(".github/workflows/pr.yml", yaml.safe_dump({"on": "pull_request", "jobs": {"checklist": call}}))
    base = shop.commit("chore: as it is")
    scratch.mkdir()
    payload = {"pull_request": {"base": {"ref": "main", "sha": base}, "head": {"ref": "topic", "sha": base}}}
    where = act.Stage(scratch, shop.staged.references, event="pull_request", payload=payload, lock="dev", **more)
    return act.run(shop.path, "pr.yml", where, timeout=600)


def text(found: act.Run) -> str:
    """Everything the run said."""
    return "\n".join(line for job in found.jobs.values() for line in job.log) + found.said


@pytest.mark.long
@pytest.mark.parametrize("name", ["pip", "uv", "poetry"])
def test_installed_its_own_way(consumer: Any, tmp_path: Path, tools: Tool, name: str) -> None:
    wheel = tools("ruff")
    if name == "pip":
        consumer.write("requirements-dev.txt", f"ruff @ {wheel.as_uri()}\n")
        lines = "python3 -m venv .venv\n.venv/bin/pip install -q -r requirements-dev.txt"
    else:
        project = PROJECT.format(wheel=wheel.as_uri())
        if name == "poetry":
            # Its lock names files by their path from the project, so it has to be in the repository.
            shutil.copy(wheel, consumer.path)
            project = POETRY.format(path=wheel.name)
        consumer.write("pyproject.toml", project)
        tool = tools(name)
        subprocess.run([tool, "lock"], cwd=consumer.path, check=True, capture_output=True, timeout=120)
        lines = f"{tool} sync --locked" if name == "uv" else f"{tool} install --no-root"
    environment = {"POETRY_VIRTUALENVS_IN_PROJECT": "true"}
    found = run(consumer, tmp_path / "run", lines, environment=environment)
    assert found.code == 0, text(found)
    assert "0 findings in 2 files" in text(found)
    assert "(the project's own)" in text(found)


@pytest.mark.long
def test_services_are_torn_down_when_the_set_up_fails(consumer: Any, tmp_path: Path) -> None:
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    consumer.write("compose test.yaml", "services: {}\n")
    environment = {"PATH": f"{docker.parent}:{os.environ['PATH']}"}
    inputs = {"services": "compose test.yaml", "python": "3.12"}
    found = run(consumer, tmp_path / "run", "false | cat\necho never", environment=environment, inputs=inputs)
    assert found.code == 1, text(found)
    assert {name: job.result for name, job in found.jobs.items()} | {"checklist": ""} == {
        "code": "failure",
        "rest": "success",
        "gate": "failure",
        "checklist": "",
    }, text(found)
    assert "wanted 3.12, the machine has" in text(found)
    assert "never" not in found.jobs["code"].log
    assert Path(f"{docker}.log").read_text().splitlines() == [
        "compose --file compose test.yaml up --build --detach --wait",
        "compose --file compose test.yaml down --volumes --timeout 10",
    ]
