"""The repository itself: its linters, its workflows, its words."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT

from deploy_gate import yamlfile
from deploy_gate.bootstrap import ensure
from deploy_gate.commands import lint_command

WORKFLOWS = sorted([*ROOT.glob(".github/workflows/*.yml"), *ROOT.glob("examples/*/.github/workflows/*.yml")])
FOLDERS = ("actions/*/action.yml", ".github/actions/*/action.yml")
ACTIONS = sorted([ROOT / "action.yml", *(path for pattern in FOLDERS for path in ROOT.glob(pattern))])


@pytest.mark.parametrize("name", lint_command.commands(ROOT))
def test_linters_find_nothing(name: str) -> None:
    tool, *rest = lint_command.commands(ROOT)[name]
    folder = ensure("dev") / "bin"
    path = f"{folder}:/usr/local/bin:/usr/bin:/bin"
    done = subprocess.run(
        [folder / tool, *rest], cwd=ROOT, capture_output=True, text=True, timeout=300, env={"PATH": path}
    )
    assert done.returncode == 0, done.stdout + done.stderr


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_address_of_a_registry_or_of_a_machine() -> None:
    wrong = re.compile(r"//[a-z0-9.-]*(pypi|npmjs|pythonhosted|debian)[a-z0-9.-]*/|/root/|/home/[a-z]+/")
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in tracked()
        if path != Path(__file__) and (match := wrong.search(path.read_text(errors="replace")))
    ]
    assert found == []


@pytest.mark.long
def test_our_own_history_holds_no_credential() -> None:
    """What the baseline answers for is found without it: the scan does look."""
    command = [sys.executable, str(ROOT / "scripts"), "check", "secrets-in-history", "--json"]
    shallow = subprocess.run(
        ["git", "rev-parse", "--is-shallow-repository"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if shallow.stdout.strip() != "false":
        pytest.skip("this is no clone with the whole history")
    for more, expected in (([], (1, 2)), (["--baseline", ".github/known-secrets.yml"], (0, 0))):
        done = subprocess.run([*command, *more], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
        assert (done.returncode, json.loads(done.stdout)["measured"]) == expected, done.stdout + done.stderr


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: str(path.relative_to(ROOT)))
def test_no_expression_in_a_script(path: Path) -> None:
    for script in scripts(yamlfile.read(path).data):
        assert "${{" not in script


def scripts(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["run"]] if isinstance(node.get("run"), str) else []
        return own + [script for value in node.values() for script in scripts(value)]
    return [script for value in node for script in scripts(value)] if isinstance(node, list) else []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: str(path.relative_to(ROOT)))
def test_workflows_are_careful(path: Path) -> None:
    data = yamlfile.read(path).data
    assert data["permissions"] == {}
    for job in data["jobs"].values():
        if "uses" in job:
            # The called one has the limits.
            assert job["uses"].startswith("tsh/deploy-gate/.github/workflows/")
            continue
        assert job["timeout-minutes"] <= 90
        for step in job["steps"]:
            uses = step.get("uses", "$/")
            assert uses.startswith(("$/", "tsh/deploy-gate")) or re.search(r"@[0-9a-f]{40}$", uses), uses
            if uses.startswith("actions/checkout"):
                assert step["with"]["persist-credentials"] is False


def test_a_rollback_never_queues_behind_a_deployment() -> None:
    found = {}
    for name in ("deploy.yml", "rollback.yml"):
        data = yamlfile.read(ROOT / ".github" / "workflows" / name).data
        assert "concurrency" not in data
        found[name] = [job.get("concurrency") for job in data["jobs"].values()]
    group = "deploy-${{ inputs.environment }}"
    assert found["deploy.yml"] == [{"group": group, "cancel-in-progress": False, "queue": "max"}]
    assert found["rollback.yml"] == [None, None]


def test_ci_calls_the_test_command() -> None:
    assert "exec python3 scripts test\n" in (ROOT / ".ci" / "run").read_text()
