"""A consumer's workflow runs the real root action under a real runner."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import jsonschema

from deploy_gate.report import machine

LINT = {"check": "ruff-lint", "with": {"path": ["shop", "tests"], "python": sys.executable}}
TYPES = {"check": "mypy-types", "with": {"path": ["shop"], "python": sys.executable}}
TESTS = {"check": "pytest-coverage", "with": {"python": sys.executable, "source": ["shop"]}}
TODO = {"check": "todo-comments", "with": {"paths": ["shop"]}}
LOG = {"check": "changelog"}
SHOW = {
    "name": "show",
    "if": "always()",
    "env": {"REPORT": "${{ steps.gate.outputs.report }}"},
    "run": 'echo "BEGIN REPORT"; cat "$REPORT/report.json"; echo "END REPORT"',
}
Gate = Callable[..., dict[str, Any]]


def report(run: Any) -> dict[str, Any]:
    import json

    text = "\n".join(run.jobs["gate"].log)
    found: dict[str, Any] = json.loads(text[text.index("BEGIN REPORT") + 12 : text.index("END REPORT")])
    return found


def test_go(consumer: Any, gate: Gate) -> None:
    consumer.checklist({"lint": LINT, "types": TYPES, "tests": TESTS, "todo": TODO, "log": LOG})
    consumer.workflow(gate(phase="pull-request"), SHOW)
    run = consumer.run()
    job = run.jobs["gate"]
    assert job.result == "success", job.log
    assert job.outputs["gate.verdict"] == "go"
    assert (job.outputs["gate.passed"], job.outputs["gate.failed"], job.outputs["gate.error"]) == ("5", "0", "0")
    assert "## ✅ Go · pull-request" in job.summary
    assert job.annotations == []
    document = report(run)
    jsonschema.validate(document, machine.schema())
    assert [item["status"] for item in document["items"]] == ["passed"] * 5
    assert document["commit"] == consumer.git("rev-parse", "HEAD")


def test_no_go(consumer: Any, gate: Gate) -> None:
    consumer.checklist({"types": TYPES, "lint": LINT, "todo": TODO})
    consumer.write("shop/broken.py", '"""Broken."""\n\nimport os\n')
    consumer.workflow(gate(phase="pull-request"), SHOW)
    run = consumer.run()
    job = run.jobs["gate"]
    assert job.result == "failure"
    assert (job.outputs["gate.verdict"], job.outputs["gate.decided-by"]) == ("no-go", "lint")
    assert {item["id"] for item in report(run)["items"] if item["status"] != "passed"} == {"lint"}
    places = [(note.get("file"), note.get("line")) for note in job.annotations if note["kind"] == "error"]
    assert ("shop/broken.py", "3") in places
    assert "`lint`" in job.summary.split("<details")[0], "the deciding item stands first"


def test_could_not_tell(consumer: Any, gate: Gate) -> None:
    consumer.checklist({"lint": LINT, "todo": {**TODO, "with": {"paths": ["no-such-folder"]}}})
    consumer.workflow(gate(phase="pull-request"))
    job = consumer.run().jobs["gate"]
    assert job.result == "failure"
    assert (job.outputs["gate.verdict"], job.outputs["gate.decided-by"]) == ("could-not-tell", "todo")
    assert job.outputs["gate.error"] == "1"


def test_trial_measures_what_needs_no_set_up_and_lists_the_rest(consumer: Any, gate: Gate) -> None:
    consumer.workflow(gate(phase="pull-request"), SHOW)
    run = consumer.run(VIRTUAL_ENV=sys.prefix)
    job = run.jobs["gate"]
    found = {item["id"]: item["status"] for item in report(run)["items"]}
    assert found["lint"] == "passed"
    assert found["no-todo"] == "pending"
    assert "not set up: input paths" in job.summary
    assert "trial" in job.summary.splitlines()[0]
    assert job.outputs["gate.decided-by"] not in ("no-todo", "api-docs")


def test_trial_refuses_production(consumer: Any, gate: Gate) -> None:
    consumer.workflow(gate(phase="pre-deploy", environment="production"))
    job = consumer.run().jobs["gate"]
    assert job.result == "failure"
    assert any("trial mode refuses 'production'" in note["message"] for note in job.annotations)
    assert job.summary == ""


def test_a_wrong_checklist_is_told_with_file_and_line_and_nothing_runs(consumer: Any, gate: Gate) -> None:
    consumer.checklist({"lint": {**LINT, "check": "ruf-lint"}})
    consumer.workflow(gate(phase="pull-request"))
    job = consumer.run().jobs["gate"]
    assert job.result == "failure"
    [note] = job.annotations
    assert "did you mean 'ruff-lint'?" in note["message"]
    assert note["file"] == "checklist.yml"
    assert int(note["line"]) > 1
    assert not job.outputs.get("gate.verdict")


def test_two_gates_in_one_job_share_one_environment(consumer: Any, gate: Gate) -> None:
    consumer.checklist({"todo": TODO, "log": LOG})
    second = {**gate(phase="pull-request", only="log"), "id": "again"}
    consumer.workflow(gate(phase="pull-request", only="todo"), second)
    job = consumer.run().jobs["gate"]
    assert job.result == "success"
    assert (job.outputs["gate.passed"], job.outputs["again.passed"]) == ("1", "1")
    assert sum("preparing its own environment (core)" in line for line in job.log) == 1


def test_an_action_alone(consumer: Any) -> None:
    step = {"id": "lint", "name": "lint", "uses": "tsh/deploy-gate/actions/ruff-lint@v1", "with": {"path": "shop"}}
    consumer.workflow(step)
    job = consumer.run().jobs["gate"]
    assert job.result == "success", job.log
    assert job.outputs["lint.status"] == "passed"


def test_a_workspace_full_of_traps(consumer: Any, gate: Gate) -> None:
    boom = "raise SystemExit('imported from the workspace')\n"
    for name in ("yaml", "json", "pydantic", "sitecustomize", "deploy_gate", "jinja2", "runpy"):
        consumer.write(f"{name}.py", boom)
    consumer.write("--help", "an option?\n")
    consumer.write("shop/-rf $(touch owned).py", '"""Odd name."""\n')
    consumer.checklist({"lint": LINT, "todo": TODO, "log": LOG})
    consumer.git("checkout", "-q", "-b", "odd-$(touch${IFS}owned)")
    consumer.workflow(gate(phase="pull-request"), {"name": "look", "if": "always()", "run": "test ! -e owned && ls"})
    job = consumer.run(PYTHONPATH=".", PYTHONSTARTUP="yaml.py", UV_PYTHON="/nonexistent", PIP_TARGET="stolen").jobs[
        "gate"
    ]
    assert job.result == "success", job.log
    assert not any("stolen" in line.split() for line in job.log)
