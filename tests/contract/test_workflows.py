"""The reusable workflows: what they need, who sees which secret, who waits for whom; and what callers are told."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import ROOT

from deploy_gate import branch_rule, yamlfile
from deploy_gate.catalog import Catalog
from deploy_gate.checklist import loading
from deploy_gate.commands import init_command
from deploy_gate.facts.repository_facts import Facts

FOLDER = ROOT / ".github" / "workflows"
CALLED = re.compile(r"tsh/deploy-gate/\.github/workflows/([a-z-]+)\.yml@")
REUSABLE = ("pre-deploy", "deploy", "verify", "rollback", "pipeline", "monitor", "comments", "review", "site")
LEVELS = ("none", "read", "write")
# What a step cannot do without, by the action it uses. The artifact actions have a token of their own, and setup-python
# downloads what is public.
NEEDS = {
    "actions/checkout": {"contents": "read"},
    "actions/upload-artifact": {},
    "actions/download-artifact": {},
    "actions/setup-python": {},
    "actions/upload-pages-artifact": {},
    "actions/deploy-pages": {"pages": "write", "id-token": "write"},
}
GATE = "$/.github/actions/gate"
WATCH = "$/actions/watch"
PHASES = ("pull-request", "pre-deploy", "idle-slot", "verify", "monitor", "close")


def workflow(name: str) -> dict[str, Any]:
    return yamlfile.read(FOLDER / f"{name}.yml").data


def most(scopes: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Of each scope the highest level."""
    found: dict[str, str] = {}
    for scope, level in scopes:
        found[scope] = max(level, found.get(scope, "none"), key=LEVELS.index)
    return found


def asked(checks: Iterable[str]) -> list[tuple[str, str]]:
    """What checks and operations ask of GitHub."""
    catalog = Catalog()
    pairs = [one.partition(": ") for name in checks for one in catalog.get(name).about.github]
    return [(scope, level) for scope, _, level in pairs]


def looks(step: dict[str, Any]) -> list[str]:
    """The checks that a step may run: the bundled ones of its phases, or those that the watch repeats."""
    bundled = loading.load(loading.BUNDLED).checklist
    if step["uses"] == WATCH:
        watched = [one.check for one in bundled.items.values() if one.watch]
        return [*watched, *(one.check for one in bundled.triggers.values())]
    phases = [one for one in PHASES if one in str(step["with"]["phase"])]
    items = [one for one in bundled.items.values() if set(phases) & set(one.phases)]
    # Those that run code are told to look at nothing but the code.
    return [one.check for one in items if not one.runs_code] if step["with"]["code"] == "without" else []


def needed(steps: list[dict[str, Any]]) -> dict[str, str]:
    found: list[tuple[str, str]] = []
    for step in steps:
        uses = step.get("uses", "")
        if uses.startswith("$/actions/"):
            found += asked([uses.rpartition("/")[2]])
        elif uses and uses != GATE:
            found += NEEDS[uses.partition("@")[0]].items()
        if uses in (GATE, WATCH):
            found += asked(looks(step))
    return most(found)


def grants(name: str) -> dict[str, str]:
    """What a caller must grant: the most that any job of it has."""
    return most(pair for job in workflow(name)["jobs"].values() for pair in job["permissions"].items())


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


def test_who_signs_the_ledger_is_told_to_all_that_write_it_or_follow_it() -> None:
    """One of them that does not look would sign over what somebody else wrote."""
    found = {}
    for name in REUSABLE:
        steps = [step for job in workflow(name)["jobs"].values() for step in job["steps"]]
        for step in steps:
            uses, given = step.get("uses", ""), step.get("with", {})
            follows = uses == "$/actions/proceed" or (uses == GATE and "pre-deploy" in str(given["phase"]))
            key = "signers" if uses == "$/actions/record" else "ledger-signers" if follows else ""
            if key:
                found[name, step["name"]] = given.get(key)
    assert set(found.values()) == {"${{ inputs.ledger-signers }}"}
    assert {name for name, _ in found} == {"pre-deploy", "pipeline", "comments", "rollback", "monitor"}


@pytest.mark.parametrize("name", REUSABLE)
def test_no_report_is_the_checkouts(name: str) -> None:
    """A step that did not run wrote none, and what is kept then must not be one that somebody committed."""
    steps = [step for job in workflow(name)["jobs"].values() for step in job["steps"]]
    written = [step["with"]["report"] for step in steps if step.get("uses") in (GATE, "$/actions/deploy")]
    kept = [step["with"]["path"] for step in steps if step.get("name") == "Keep the report"]
    assert {*written, *kept} <= {f"${{{{ runner.temp }}}}/deploy-gate-{name}" for name in ("report", "hands")}


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
        steps = [step for step in pipeline["jobs"][other]["steps"] if step.get("if", "").find("inputs.chat") < 0]
        # Only there a job before it read the artifact.
        steps = [step for step in steps if "SIGNED" not in step.get("env", {})]
        ours = [step.get("uses", step.get("run")) for step in steps]
        assert ours == [step.get("uses", step.get("run")) for step in workflow(other)["jobs"][other]["steps"]]


def test_only_deploying_waits_and_what_hurries_nobody() -> None:
    waiting = {(name, key) for name in REUSABLE for key, job in workflow(name)["jobs"].items() if "concurrency" in job}
    assert waiting == {("deploy", "deploy"), ("pipeline", "deploy"), ("review", "review"), ("site", "publish")}
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


def summed(folder: Path, step: dict[str, Any], **environment: str) -> tuple[int, str, str]:
    """Exit code, output and words of a step, where the artifact was brought to."""
    out = folder / "out"
    out.write_text("")
    given = {"PATH": os.environ["PATH"], "GITHUB_OUTPUT": str(out), **environment}
    command = ["bash", "-e", "-c", step["run"]]
    done = subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, timeout=60)
    return done.returncode, out.read_text().removeprefix("sums=").strip(), done.stdout


@pytest.mark.parametrize("names", [("m.json", "images.tar"), ("m.json", ""), ("", "images.tar"), ("", "")])
def test_only_what_was_signed_is_deployed(tmp_path: Path, names: tuple[str, str]) -> None:
    jobs = workflow("pipeline")["jobs"]
    [read] = [step for step in jobs["rest"]["steps"] if step.get("id") == "artifact"]
    steps = jobs["deploy"]["steps"]
    [compare] = [step for step in steps if "SIGNED" in step.get("env", {})]
    assert steps.index(compare) == 2, "before anything else is done with it"
    assert jobs["rest"]["outputs"]["sums"] == "${{ steps.artifact.outputs.sums }}"
    assert compare["env"]["SIGNED"] == "${{ needs.rest.outputs.sums }}"
    conditions = {step["if"] for step in (read, compare, steps[1])}
    assert conditions == {"inputs.artifact != ''"}
    (folder := tmp_path / "deploy-gate-artifact").mkdir()
    for name in filter(None, names):
        (folder / name).write_text(name)
    given = dict(zip(("MANIFEST", "ARCHIVE"), names, strict=True))
    code, signed, _ = summed(tmp_path, read, **given)
    assert (code, signed.count("/"), signed.count("none")) == (0, 2, names.count(""))
    assert summed(tmp_path, compare, SIGNED=signed, **given)[0] == 0
    code, _, told = summed(tmp_path, compare, SIGNED="", **given)
    assert (code, "is not the one that the job rest read" in told) == (1, True), "nothing was told of it"
    for name in filter(None, names):
        (folder / name).write_text("other")
        assert summed(tmp_path, compare, SIGNED=signed, **given)[0] == 1
        (folder / name).unlink()
        assert summed(tmp_path, compare, SIGNED=signed, **given)[0] == 1
        assert summed(tmp_path, read, **given)[0] == 1
        (folder / name).write_text(name)


@pytest.mark.parametrize(
    ("ran", "watch", "look", "verdict"),
    [
        ("success", "go", "go", "go"),
        ("success", "go", "no-go", "no-go"),
        ("success", "go", "could-not-tell", "could-not-tell"),
        ("success", "go", "", ""),  # nobody looked, which is no go
        # Held for a person: nobody looks further, and no line that is red takes it back at once.
        ("failure", "could-not-tell", "", "could-not-tell"),
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


DEPLOYED, BACK = '{"measured": "switched"}', '{"found": "it\'s back"}'


@pytest.mark.parametrize(
    ("deploy", "rollback", "back", "verdict", "stage"),
    [
        (DEPLOYED, "", "skipped", "go", "succeeded"),
        (DEPLOYED, "", "skipped", "could-not-tell", "running"),
        (DEPLOYED, BACK, "success", "no-go", "rolled-back"),
        (DEPLOYED, BACK, "success", "", "rolled-back"),
        (DEPLOYED, BACK, "failure", "no-go", "failed"),
        # Nothing was switched, and nothing had to be taken back.
        (DEPLOYED, "", "success", "", "failed"),
        ("", "", "skipped", "", "failed"),
    ],
)
def test_what_came_of_it(tmp_path: Path, deploy: str, rollback: str, back: str, verdict: str, stage: str) -> None:
    [step] = [one for one in workflow("pipeline")["jobs"]["close"]["steps"] if one.get("id") == "came"]
    for job in ("code", "verify"):
        folder = tmp_path / "deploy-gate-evidence" / f"report-{job}-shop"
        folder.mkdir(parents=True)
        (folder / "report.json").write_text("{}")
    begun = tmp_path / "deploy-gate-evidence" / "report-begun-shop"
    begun.mkdir()
    (begun / "deploy-gate-notified.json").write_text("begun")
    given = {
        "DEPLOY": deploy,
        "ROLLBACK": rollback,
        "BACK": back,
        "VERDICT": verdict,
        "ENVIRONMENT": "shop",
        "SAID": "seen\nx=y",
    }
    env = {"PATH": os.environ["PATH"], "GITHUB_OUTPUT": str(tmp_path / "out"), **given}
    subprocess.run(["bash", "-eo", "pipefail", "-c", step["run"]], cwd=tmp_path, env=env, check=True, timeout=60)
    said = (tmp_path / "out").read_text()
    assert "reports<<END-OF-LIST\ndeploy-gate-evidence/report-verify-shop/report.json\nEND-OF-LIST\n" in said
    # What the repository's code could have written is told apart.
    assert "code=deploy-gate-evidence/report-code-shop/report.json\n" in said
    assert f"stage={stage}\n" in said
    assert f"verdict={verdict}\n" in said
    assert [line for line in said.splitlines() if line.startswith(("text=", "x="))] == [
        f"text={'It is held for a person, and without an answer the servers go back. ' * (stage == 'running')}seenx=y"
    ]
    for name, text in (("deploy", deploy), ("rollback", rollback)):
        assert (f"{name}=deploy-gate-evidence/{name}.json\n" in said) == bool(text)
        assert not text or (tmp_path / "deploy-gate-evidence" / f"{name}.json").read_text() == text
    assert (tmp_path / "deploy-gate-notified.json").read_text() == "begun"


def test_the_gate_in_a_folder_is_the_root_action() -> None:
    root, folder = (yamlfile.read(ROOT / name).data for name in ("action.yml", ".github/actions/gate/action.yml"))
    [step] = folder["runs"]["steps"]
    assert step["run"] == 'exec python3 -I "$GITHUB_ACTION_PATH/../../../scripts" gate'
    step["run"] = root["runs"]["steps"][0]["run"]
    root.pop("branding")
    assert folder == root
