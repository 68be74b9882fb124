"""The reusable workflows: what they need, who sees which secret, who waits for whom; and what callers are told."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import ROOT

from deploy_gate import branch_rule, yamlfile
from deploy_gate.commands import init_command
from deploy_gate.facts.repository_facts import Facts

FOLDER = ROOT / ".github" / "workflows"
CALLED = re.compile(r"tsh/deploy-gate/\.github/workflows/([a-z-]+)\.yml@")
REUSABLE = ("pre-deploy", "deploy", "verify", "rollback", "pipeline")
LEVELS = ("none", "read", "write")
# What a step cannot do without, by the action it uses. Ours ask GitHub nothing; the artifact actions have a token of
# their own, and setup-python downloads what is public.
NEEDS = {
    "actions/checkout": {"contents": "read"},
    "actions/upload-artifact": {},
    "actions/download-artifact": {},
    "actions/setup-python": {},
}
GATE = "$/.github/actions/gate"


def workflow(name: str) -> dict[str, Any]:
    return yamlfile.read(FOLDER / f"{name}.yml").data


def needed(steps: list[dict[str, Any]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for step in steps:
        uses = step.get("uses", "$/")
        if not uses.startswith("$/"):
            found |= NEEDS[uses.partition("@")[0]]
    return found


def grants(name: str) -> dict[str, str]:
    """What a caller must grant: the most that any job of it has."""
    found: dict[str, str] = {}
    for job in workflow(name)["jobs"].values():
        for scope, level in job["permissions"].items():
            found[scope] = max(level, found.get(scope, "none"), key=LEVELS.index)
    return found


@pytest.mark.parametrize("name", REUSABLE)
def test_a_job_has_what_its_steps_need_and_no_more(name: str) -> None:
    for key, job in workflow(name)["jobs"].items():
        assert job["permissions"] == needed(job["steps"]), key


# --- who calls them


def fenced(path: Path) -> list[dict[str, Any]]:
    """Workflows in a page for users."""
    blocks = re.findall(r"```yaml\n(.*?)```", path.read_text(), re.DOTALL)
    found = [yaml.safe_load(text) for text in blocks if "jobs:" in text]
    return [one for one in found if isinstance(one, dict)]


def callers() -> dict[str, dict[str, Any]]:
    """Every workflow that we show or write: examples, pages, and what `init` writes."""
    found = {
        str(path.relative_to(ROOT)): yamlfile.read(path).data
        for path in ROOT.glob("examples/*/.github/workflows/*.yml")
    }
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        found |= {f"{path.name} {number}": data for number, data in enumerate(fenced(path))}
    facts = Facts("main", ["true"])
    for name in init_command.TEMPLATES:
        found[f"init {name}"] = yaml.safe_load(init_command.workflow(facts, name))
    return found


def calls() -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Where, which of ours, the calling job, and the whole workflow."""
    found = []
    for where, data in callers().items():
        jobs = [(CALLED.match(job.get("uses", "")), job) for job in data["jobs"].values()]
        found += [(where, match[1], job, data) for match, job in jobs if match]
    return found


def test_each_is_shown_somewhere() -> None:
    assert {name for _, name, _, _ in calls()} == set(REUSABLE)
    assert {"init deploy-gate", "init deploy", "init rollback"} <= {where for where, *_ in calls()}


@pytest.mark.parametrize(("where", "name", "job", "data"), calls(), ids=lambda one: one if isinstance(one, str) else "")
def test_callers_grant_what_is_needed_and_hand_over_what_is_declared(
    where: str, name: str, job: dict[str, Any], data: dict[str, Any]
) -> None:
    assert data.get("permissions") == {}, where
    assert job["permissions"] == grants(name), where
    declared = workflow(name)["on"]["workflow_call"]
    given, secrets = set(job.get("with", {})), set(job.get("secrets", {}))
    assert given <= set(declared["inputs"]), where
    assert {key for key, one in declared["inputs"].items() if one.get("required")} <= given, where
    assert secrets <= set(declared.get("secrets", {})), where
    assert {key for key, one in declared.get("secrets", {}).items() if one.get("required")} <= secrets, where
    for key, value in job.get("secrets", {}).items():
        assert re.search(rf"secrets\.([A-Z]+_)?{key}\b", value), where


def test_the_page_of_names_tells_the_permissions() -> None:
    page = (ROOT / "docs" / "required-checks.md").read_text()
    for name in REUSABLE:
        scopes = ", ".join(f"`{scope}: {level}`" for scope, level in grants(name).items()) or "none"
        assert f"| `{name}.yml` | {scopes} |" in page


# --- code and secrets


def secrets_of(node: object) -> set[str]:
    return set(re.findall(r"secrets\.([A-Z_]+)", yaml.safe_dump(node)))


@pytest.mark.parametrize("name", REUSABLE)
def test_code_and_secrets_do_not_meet(name: str) -> None:
    data = workflow(name)
    assert "toJSON(secrets" not in (FOLDER / f"{name}.yml").read_text()
    assert secrets_of(data["jobs"]) == set(data["on"]["workflow_call"].get("secrets", {}))
    for key, job in data["jobs"].items():
        codes = {step["with"]["code"] for step in job["steps"] if step.get("uses") == GATE}
        runs_code = "only" in codes or "SETUP" in str(job["steps"]) or "docker" in str(job["steps"])
        assert not (runs_code and secrets_of(job)), key
        assert codes <= ({"only"} if runs_code else {"without"}), key


def test_a_pull_request_meets_no_secret() -> None:
    steps = workflow("pre-deploy")["jobs"]["rest"]["steps"]
    proposed = "github.event_name == 'pull_request' || github.event_name == 'merge_group'"
    assert [step["if"] for step in steps if secrets_of(step)] == [
        "github.event_name != 'pull_request' && github.event_name != 'merge_group'"
    ]
    assert [step["if"] for step in steps if step.get("id") == "proposed"] == [proposed]


# --- the order of things


def test_the_pipeline_calls_none_of_the_others_and_looks_at_the_same() -> None:
    pipeline, pre = workflow("pipeline"), workflow("pre-deploy")
    assert not any("uses" in job for job in pipeline["jobs"].values())
    code, same = (yaml.safe_load(yaml.safe_dump(one["jobs"]["code"])) for one in (pipeline, pre))
    for job in (code, same):
        job.pop("outputs", None)
        [gate] = [step for step in job["steps"] if step.get("uses") == GATE]
        gate["with"].pop("phase")
    assert code == same
    for other in ("deploy", "verify"):
        ours = [step.get("uses", step.get("run")) for step in pipeline["jobs"][other]["steps"]]
        assert ours == [step.get("uses", step.get("run")) for step in workflow(other)["jobs"][other]["steps"]]


def test_only_deploying_waits() -> None:
    waiting = {(name, key) for name in REUSABLE for key, job in workflow(name)["jobs"].items() if "concurrency" in job}
    assert waiting == {("deploy", "deploy"), ("pipeline", "deploy")}
    assert not any("concurrency" in workflow(name) for name in REUSABLE)
    groups = [workflow(name)["jobs"]["deploy"]["concurrency"] for name in ("deploy", "pipeline")]
    assert groups[0] == groups[1]


def test_the_frozen_names() -> None:
    gate = workflow("pre-deploy")["jobs"]["gate"]
    assert (gate["name"], gate["if"], gate["needs"]) == ("gate", "always()", ["code", "rest"])
    [job] = yaml.safe_load(init_command.workflow(Facts("main", ["true"])))["jobs"].values()
    assert f"{job['name']} / {gate['name']}" == branch_rule.CHECK
    assert f"`{branch_rule.CHECK}`" in (ROOT / "docs" / "required-checks.md").read_text()


@pytest.mark.parametrize(
    ("code", "rest", "verdict"),
    [
        ("success go", "success go", "go"),
        ("failure no-go", "success go", "no-go"),
        ("success go", "failure no-go", "no-go"),
        ("failure could-not-tell", "failure no-go", "no-go"),
        ("failure could-not-tell", "success go", "could-not-tell"),
        ("cancelled ", "success go", "could-not-tell"),
        ("skipped ", "skipped ", "could-not-tell"),
        ("success ", "success go", "could-not-tell"),
        # The gate said go, and something after it failed: the job did not succeed.
        ("failure go", "success go", "could-not-tell"),
        ("", "", "could-not-tell"),
    ],
)
def test_both_halves_must_say_go(tmp_path: Path, code: str, rest: str, verdict: str) -> None:
    [step] = workflow("pre-deploy")["jobs"]["gate"]["steps"]
    environment = {"PATH": os.environ["PATH"], "CODE": code, "REST": rest, "GITHUB_OUTPUT": str(tmp_path / "out")}
    done = subprocess.run(["bash", "-e", "-c", step["run"]], env=environment, capture_output=True, timeout=60)
    assert (tmp_path / "out").read_text() == f"verdict={verdict}\n"
    assert (done.returncode == 0) == (verdict == "go")


@pytest.mark.parametrize(
    ("ran", "watch", "look", "verdict"),
    [
        ("success", "go", "go", "go"),
        ("success", "go", "no-go", "no-go"),
        ("success", "go", "could-not-tell", "could-not-tell"),
        ("success", "go", "", ""),  # nobody looked, which is no go
        ("failure", "could-not-tell", "go", "could-not-tell"),
        ("failure", "could-not-tell", "no-go", "no-go"),
        ("failure", "no-go", "", "no-go"),
        ("failure", "", "go", "no-go"),
        ("skipped", "", "go", "go"),
        ("skipped", "", "no-go", "no-go"),
    ],
)
def test_the_worse_of_watch_and_look(tmp_path: Path, ran: str, watch: str, look: str, verdict: str) -> None:
    [step] = [one for one in workflow("verify")["jobs"]["verify"]["steps"] if one.get("id") == "watch"]
    env = {"PATH": os.environ["PATH"], "GITHUB_OUTPUT": str(tmp_path / "out"), "RAN": ran, "WATCH": watch, "LOOK": look}
    done = subprocess.run(["bash", "-e", "-c", step["run"]], env=env, capture_output=True, check=False)
    assert (tmp_path / "out").read_text() == f"verdict={verdict}\n"
    assert (done.returncode == 0) == (verdict == "go")


def test_the_gate_in_a_folder_is_the_root_action() -> None:
    root, folder = (yamlfile.read(ROOT / name).data for name in ("action.yml", ".github/actions/gate/action.yml"))
    [step] = folder["runs"]["steps"]
    assert step["run"] == 'python3 -I "$GITHUB_ACTION_PATH/../../../scripts" gate'
    step["run"] = root["runs"]["steps"][0]["run"]
    root.pop("branding")
    assert folder == root
