"""A consumer's own workflows call ours under a real runner: push, deploy; a bad release; a rollback by hand."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fleet import OLD, Fleet, fleet

from deploy_gate.workbench import act, stage


@pytest.fixture(scope="module")
def server() -> Iterator[Fleet]:
    """One server, OLD live in blue."""
    with fleet(1) as found:
        found.reset()
        yield found


def run(consumer: Any, server: Fleet, scratch: Path, workflow: str, event: str, **inputs: Any) -> act.Run:
    """Run a workflow of the consumer."""
    scratch.mkdir()
    payload = {"inputs": inputs} if inputs else {}
    secrets = {"SSH_PRIVATE_KEY": server.key}
    where = act.Stage(scratch, consumer.staged.references, secrets, event=event, payload=payload, lock="dev")
    return act.run(consumer.path, workflow, where, timeout=180)


def caller(consumer: Any, server: Fleet, name: str, on: Any, **given: Any) -> None:
    """A workflow of the consumer's that calls ours."""
    inputs = {"environment": "production", **server.inputs(), **given}
    job = {
        "uses": f"tsh/deploy-gate/.github/workflows/{name}@v1",
        "with": inputs,
        "secrets": {"SSH_PRIVATE_KEY": "${{ secrets.SSH_PRIVATE_KEY }}"},
    }
    outcome = "${{ needs.call.outputs.outcome || needs.call.outputs.status }}"
    tell = {"run": 'echo "outcome: $OUTCOME"', "env": {"OUTCOME": outcome}}
    after = {"needs": "call", "if": "always()", "runs-on": "ubuntu-latest", "steps": [tell]}
    consumer.write(f".github/workflows/{name}", yaml.safe_dump({"on": on, "jobs": {"call": job, "after": after}}))


def text(found: act.Run) -> str:
    """Everything the run said."""
    return "\n".join(line for job in found.jobs.values() for line in job.log) + found.said


def test_push_deploys_and_a_bad_release_comes_back(consumer: Any, server: Fleet, tmp_path: Path) -> None:
    host = server.hosts[0]
    # Well until it has the traffic, ill from then on.
    wait = "while test ! -e flags/green; do sleep 0.05; done; cp trap faults/$1.json"
    script = f"cd; test ! -e trap || ({wait}) >/dev/null 2>&1 &"
    smoke = shlex.join(["sh", "-c", script, "trap", "{release}"])
    caller(consumer, server, "deploy.yml", "push", watch="3s", **{"smoke-command": smoke})
    caller(
        consumer,
        server,
        "rollback.yml",
        {"workflow_dispatch": {"inputs": {"reason": {"required": True}}}},
        reason="${{ inputs.reason }}",
    )
    consumer.commit("feat: the first")
    bad = consumer.git("rev-parse", "HEAD^{tree}")
    (host.work / "trap").write_text(json.dumps({"ready": 500, "live": 500}))
    found = run(consumer, server, tmp_path / "bad", "deploy.yml", "push")
    assert found.code == 1, text(found)
    assert "fell back" in text(found)
    # act runs no job after a called workflow that failed, so the output is read where it is made.
    told = [json.loads(value) for key, value in found.jobs["deploy"].outputs.items() if key == "deploy.result"]
    assert [one["measured"] for one in told] == ["fell back"], found.jobs["deploy"].outputs.keys()
    host.live(OLD, "blue")
    assert host.good("status")["left"][-1]["release"] == bad
    assert list((tmp_path / "bad" / "artifacts").glob("diagnosis-production/*"))

    (host.work / "trap").unlink()
    consumer.write("shop/price.py", '"""Prices, corrected."""\n')
    consumer.commit("fix: the second")
    good = consumer.git("rev-parse", "HEAD^{tree}")
    found = run(consumer, server, tmp_path / "good", "deploy.yml", "push")
    assert found.code == 0, text(found)
    assert "outcome: deployed" in found.jobs["after"].log
    host.live(good, "green")

    found = run(consumer, server, tmp_path / "back", "rollback.yml", "workflow_dispatch", reason="orders fail")
    assert found.code == 0, text(found)
    assert "outcome: passed" in found.jobs["after"].log
    assert f"would go back: {server.doors[0].host} serves {good[:12]} from green, before it {OLD[:12]}" in text(found)
    host.live(OLD, "blue")
    assert host.good("status")["left"][-1]["reason"] == "orders fail"


def test_what_the_stage_changed(staged: stage.Staged) -> None:
    assert {".github/workflows/deploy.yml", ".github/workflows/rollback.yml"} <= set(staged.changes)
    text = (staged.path / ".github/workflows/deploy.yml").read_text()
    assert "queue:" not in text
    assert "cancel-in-progress: false" in text
