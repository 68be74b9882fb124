"""The `run:` text of every action.yml, executed by bash as the runner would, in a workspace full of traps."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support import ROOT, Repository

from deploy_gate import arguments, cli, yamlfile
from deploy_gate.catalog import Catalog

MANIFESTS = sorted([ROOT / "action.yml", *ROOT.glob("actions/*/action.yml")])
RUN_CODE = {one.name for one in Catalog().all() if one.about.runs_code}
HOSTILE = "$(touch owned) `touch owned` \"; touch owned; ' --help -rf \n::error::x"


@pytest.fixture(params=MANIFESTS, ids=lambda path: path.parent.name)
def manifest(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


class Step:
    """The one step of a manifest, ready to be run in a trapped workspace."""

    def __init__(self, manifest: Path, workspace: Repository, scratch: Path, runner_temp: Path) -> None:
        self.manifest, self.workspace, self.runner_temp = manifest, workspace, runner_temp
        self.data = yamlfile.read(manifest).data
        boom = "raise SystemExit('imported from the workspace')\n"
        for name in ("yaml", "json", "pydantic", "sitecustomize", "deploy_gate", "boto3", "os"):
            workspace.write(f"{name}.py", boom)
        workspace.write("--help", "")
        workspace.commit("$(touch owned)")
        workspace.git("checkout", "-q", "-b", "odd-$(touch${IFS}owned)")
        self.files = {name: scratch / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for path in self.files.values():
            path.write_text("")

    def run(self, inputs: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """Run it; everything a runner sets is set."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(self.manifest.parent),
            "GITHUB_WORKSPACE": str(self.workspace.path),
            "RUNNER_TEMP": str(self.runner_temp),
            "PYTHONPATH": ".",
            "PYTHONSTARTUP": "yaml.py",
            "DEPLOY_GATE_INPUTS": json.dumps(inputs),
            # Nothing listens there: a check that asks the network must say so, not hang.
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "only-a-test-key",
            **{name: str(path) for name, path in self.files.items()},
            **{name: os.environ[name] for name in os.environ if name.startswith("PIP_")},
        }
        script = self.data["runs"]["steps"][0]["run"]
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        return subprocess.run(
            command, cwd=self.workspace.path, env=environment, capture_output=True, text=True, timeout=120
        )


@pytest.fixture
def step(manifest: Path, repository: Repository, tmp_path: Path, runner_temp: Path) -> Step:
    """The step of one manifest."""
    return Step(manifest, repository, tmp_path, runner_temp)


@pytest.fixture(scope="session")
def runner_temp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One job's temporary folder: all actions of a job share their environments in it, those of other workers too."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "runner-temp"
    folder.mkdir(exist_ok=True)
    return folder


def usual(data: dict[str, Any]) -> dict[str, Any]:
    """What the runner hands over when the user sets nothing."""
    return {name: str((spec or {}).get("default", "")) for name, spec in data["inputs"].items()}


def test_hostile_inputs_are_only_values(step: Step) -> None:
    required = {name: HOSTILE for name, spec in step.data["inputs"].items() if spec.get("required")}
    done = step.run({**usual(step.data), **required})
    assert done.returncode in ((1, 2, 3) if required else (0, 1, 2, 3)), done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    # Only the consumer's own interpreter, which runs the consumer's code on purpose, may meet the traps.
    if step.manifest.parent.name not in RUN_CODE:
        assert "imported from the workspace" not in done.stdout + done.stderr
    assert step.workspace.git("status", "--porcelain", "--ignored") == "", "nothing was written to the workspace"


def test_every_input_hostile_at_once(step: Step) -> None:
    done = step.run(dict.fromkeys(usual(step.data), HOSTILE))
    assert done.returncode in (1, 2, 3), done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (step.workspace.path / "owned").exists()


def test_an_unknown_input_is_a_mistake_with_a_suggestion(
    manifest: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process: that the step starts ours is seen above, and what it says to a wrong input is the same here."""
    data = yamlfile.read(manifest).data
    name = next(iter(data["inputs"]))
    monkeypatch.setenv(arguments.VARIABLE, json.dumps({**usual(data), f"{name}x": "1"}))
    words = shlex.split(data["runs"]["steps"][0]["run"])
    assert cli.main(words[words.index("-I") + 2 :]) == 2
    assert f"unknown input '{name}x'; did you mean '{name}'?" in capsys.readouterr().err
