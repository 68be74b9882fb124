"""Our own workflows and our own demonstration, run for real."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support import ROOT, Repository, snapshot

from deploy_gate import units
from deploy_gate.catalog import Catalog
from deploy_gate.result import Status
from deploy_gate.workbench import act, shop, stage

WORKFLOWS = (
    *("ci", "comments", "deploy", "monitor", "pipeline", "pre-deploy", "release", "review", "rollback", "site"),
    "verify",
)


def test_the_stage_changes_what_act_does_not_know_and_nothing_else(staged: stage.Staged) -> None:
    assert staged.changes == [f".github/workflows/{name}.yml" for name in WORKFLOWS]
    differing = []
    for path in sorted(staged.path.rglob("*")):
        original = ROOT / path.relative_to(staged.path)
        if path.is_file() and original.is_file() and path.read_bytes() != original.read_bytes():
            differing.append(str(path.relative_to(staged.path)))
    assert differing == staged.changes
    text = (staged.path / ".github/workflows/ci.yml").read_text()
    assert f"uses: tsh/deploy-gate/actions/ruff-lint@{staged.commit}" in text
    assert "$/" not in text


def test_keys_that_act_rejects_are_taken_out(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    repository = Repository(tmp_path / "r")
    text = "concurrency:\n  group: a\n  queue: max\njobs:\n  a:\n    environment:\n      name: b\n      deployment: false\n"
    repository.write(".github/workflows/a.yml", text)
    repository.commit()
    staged = stage.export(repository.path, tmp_path / "staged")
    left = (staged.path / ".github/workflows/a.yml").read_text()
    assert left == "concurrency:\n  group: a\njobs:\n  a:\n    environment:\n      name: b\n"


def test_our_own_selftest_is_green(staged: stage.Staged, tmp_path: Path) -> None:
    tree = snapshot(tmp_path / "tree")
    Repository(tree).git("remote", "add", "origin", "https://github.com/tsh/deploy-gate.git")
    ci = tree / ".github/workflows/ci.yml"
    ci.write_text((staged.path / ".github/workflows/ci.yml").read_text())
    scratch = tmp_path / "run"
    scratch.mkdir()
    where = act.Stage(scratch, staged.references, job="selftest", lock="dev")
    run = act.run(tree, "ci.yml", where, timeout=240)
    assert run.jobs["selftest"].result == "success", run.jobs["selftest"].log
    assert run.jobs["selftest"].outputs["broken.status"] == "error"


def test_the_demonstration_sees_exactly_its_four_faults(tmp_path: Path) -> None:
    tree = snapshot(tmp_path / "tree")
    command: list[str | Path] = [sys.executable, tree / "scripts", "demo", "--output", tmp_path / "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "then exactly backup-fresh, lint, schema-parity, types" in done.stdout
    reports: dict[str, Any] = {
        path.parent.name: json.loads(path.read_text()) for path in tmp_path.glob("out/*/report.json")
    }
    assert set(reports) == {"green-code", "green-rest", "red-code", "red-rest"}
    assert [reports[name]["verdict"] for name in sorted(reports)] == ["go", "go", "no-go", "no-go"]
    assert (tmp_path / "out" / "red-rest" / "report.html").stat().st_size > 5000


def test_the_example_attests_by_dispatch_and_the_check_believes_it(
    staged: stage.Staged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "authority.pem").write_text("")
    made = shop.create(tmp_path / "erp", {}, tmp_path / "authority.pem")
    scratch = tmp_path / "run"
    scratch.mkdir()
    inputs = {"item": "gps", "evidence": "walked round the block and saw the track"}
    who = {"GITHUB_TRIGGERING_ACTOR": "Joan"}
    where = act.Stage(
        scratch, staged.references, environment=who, event="workflow_dispatch", payload={"inputs": inputs}, lock="dev"
    )
    run = act.run(made.path, "attest.yml", where, timeout=180)
    assert run.jobs["attest"].result == "success", run.jobs["attest"].log
    line = (run.artifact("attestations") / "attestations.jsonl").read_text()
    assert json.loads(line)["by"] == "Joan"
    monkeypatch.chdir(made.path)
    ask = Catalog().get("attestation").function
    given = {"file": run.artifact("attestations") / "attestations.jsonl", "item": "gps", "release": "", "role": "qa"}
    given |= {"environment": "", "digests": "", "plan": ""}
    assert ask(**given, roles="qa: joan kim", max_age=units.duration("7d")).status is Status.ATTESTED
    assert ask(**given, roles="qa: kim", max_age=units.duration("7d")).status is Status.PENDING
    made.append("README.md", "another release\n")
    made.commit("chore: another release")
    assert ask(**given, roles="qa: joan", max_age=units.duration("7d")).status is Status.PENDING


@pytest.mark.long
@pytest.mark.parametrize(("tag", "result"), [("v1.0.0", "success"), ("v1.0.1", "failure")])
def test_a_release_begins_with_what_agrees(staged: stage.Staged, tmp_path: Path, tag: str, result: str) -> None:
    tree = Repository(snapshot(tmp_path / "tree"))
    away = tmp_path / "away.git"
    subprocess.run(["git", "init", "-q", "--bare", str(away)], check=True)
    tree.git("remote", "add", "origin", str(away))
    tree.write(".github/workflows/release.yml", (staged.path / ".github/workflows/release.yml").read_text())
    tree.write("VERSION", "1.0.0\n")
    tree.write("CHANGELOG.md", "# Changelog\n\n## [1.0.0] - 2026-11-25\n\n### Added\n\n- All of it.\n")
    tree.commit("chore: 1.0.0")
    tree.git("branch", "-M", "main")
    tree.git("tag", tag)
    tree.git("push", "-q", "origin", "main", tag)
    scratch = tmp_path / "run"
    scratch.mkdir()
    own = {"GITHUB_REF": f"refs/tags/{tag}", "GITHUB_REF_NAME": tag, "GITHUB_REF_TYPE": "tag"}
    payload = {"ref": f"refs/tags/{tag}", "repository": {"default_branch": "main", "full_name": "tsh/deploy-gate"}}
    where = act.Stage(scratch, staged.references, environment=own, payload=payload, job="agree", lock="dev")
    run = act.run(tree.path, "release.yml", where, timeout=240)
    assert run.jobs["agree"].result == result, run.jobs["agree"].log
    said = {"success": "tag, VERSION and CHANGELOG agree", "failure": "VERSION says 1.0.0, and the tag v1.0.1"}[result]
    assert said in "\n".join(run.jobs["agree"].log)
