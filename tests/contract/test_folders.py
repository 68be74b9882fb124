"""Every folder under actions/ keeps the same contract, so that a new one needs no change anywhere else."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from support import ROOT

from deploy_gate import bootstrap, generated, yamlfile
from deploy_gate.catalog import About, Capability, Catalog
from deploy_gate.inputs import bind
from deploy_gate.result import Result, Status

FOLDERS = Catalog().all()
OUTPUTS = ("status", "found", "result")
ENGINE_ONLY = ("gate", "plan", "executor", "verdict", "cli", "commands", "report")


@pytest.fixture(params=FOLDERS, ids=lambda one: one.name)
def folder(request: pytest.FixtureRequest) -> Capability:
    found: Capability = request.param
    return found


def manifest_of(folder: Capability) -> dict[str, Any]:
    return yamlfile.read(folder.folder / "action.yml").data


def test_there_is_something_to_look_at() -> None:
    assert len(FOLDERS) >= 11


def test_named_like_its_folder(folder: Capability) -> None:
    assert folder.manifest.name == folder.name
    assert folder.module.__name__ == folder.name.replace("-", "_")


def test_inputs_and_parameters_are_the_same(folder: Capability) -> None:
    parameters = inspect.signature(folder.function).parameters
    assert [name.replace("-", "_") for name in folder.manifest.inputs] == list(parameters)
    assert {one.kind for one in parameters.values()} <= {inspect.Parameter.KEYWORD_ONLY}
    assert all(one.default is inspect.Parameter.empty for one in parameters.values()), "defaults stand in action.yml"


def test_result_is_what_it_returns(folder: Capability) -> None:
    assert inspect.signature(folder.function, eval_str=True).return_annotation is Result


def test_every_default_binds(folder: Capability) -> None:
    bound = bind(folder.manifest.inputs, folder.hints, {})
    assert bound.wrong == []
    assert bound.missing == [one.name for one in folder.manifest.inputs.values() if one.required]


def test_everything_is_described(folder: Capability) -> None:
    texts = [folder.manifest.description, *(one.description for one in folder.manifest.inputs.values())]
    assert all(text and text[0].isupper() for text in texts)
    assert inspect.getdoc(folder.function)
    assert inspect.getdoc(folder.module)


def test_names_its_secrets(folder: Capability) -> None:
    for name in folder.about.secrets:
        assert re.sub(r"_[A-Z]+$", "", name)[:4] in folder.manifest.description, (
            f"description names {name} or its family"
        )


def test_the_canonical_step(folder: Capability) -> None:
    # Quoted, since shellcheck takes a bare `do` for the end of a loop.
    word, step = ("check", "check") if folder.kind == "check" else ('"do"', "do")
    assert manifest_of(folder)["runs"] == {
        "using": "composite",
        "steps": [
            {
                "id": step,
                "name": folder.name,
                "shell": "bash",
                "env": {"DEPLOY_GATE_INPUTS": "${{ toJSON(inputs) }}"},
                "run": f'exec python3 -I "$GITHUB_ACTION_PATH/../../scripts" {word} {folder.name}',
            }
        ],
    }


def test_outputs_are_those_that_are_written(folder: Capability) -> None:
    step = manifest_of(folder)["runs"]["steps"][0]["id"]
    outputs = manifest_of(folder)["outputs"]
    assert {name: spec["value"] for name, spec in outputs.items()} == {
        name: f"${{{{ steps.{step}.outputs.{name} }}}}" for name in OUTPUTS
    }
    assert all(str(status) in outputs["status"]["description"] for status in Status)


def test_imports_only_what_it_may(folder: Capability) -> None:
    own = {name for lock in folder.about.locks for name in top_level(lock)}
    tree = ast.parse((folder.folder / f"{folder.module.__name__}.py").read_text())
    for node in ast.walk(tree):
        for name in imported(node):
            top = name.split(".")[0]
            assert top in {"deploy_gate", *sys.stdlib_module_names, *own, *top_level("core")}, name
            assert name.split(".")[1:2] not in [[one] for one in ENGINE_ONLY], f"{name} is the engine's"


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [one.name for one in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [f"{node.module}.{one.name}" for one in node.names]
    return []


@cache
def installed() -> Mapping[str, list[str]]:
    """Whose package each import name is. Read once: every file of the environment is looked at for it."""
    return metadata.packages_distributions()


@cache
def top_level(lock: str) -> frozenset[str]:
    """Import names of the packages in a lock (the dev environment has them all)."""
    names = {
        re.sub(r"[-_.]+", "-", line.split("==")[0]).lower()
        for line in bootstrap.lock_file(lock).read_text().splitlines()
    }
    found = {top for top, owners in installed().items() for one in owners if one.lower() in names}
    return frozenset({*found, *(name.replace("-", "_") for name in names)})


def test_heavy_things_are_imported_where_they_are_used(folder: Capability) -> None:
    tree = ast.parse((folder.folder / f"{folder.module.__name__}.py").read_text())
    for node in tree.body:
        for name in imported(node):
            assert name.split(".")[0] in {"deploy_gate", *sys.stdlib_module_names}, f"import {name} inside a function"


def test_no_module_bears_the_name_of_a_package(folder: Capability) -> None:
    packages = set(installed()) | set(sys.stdlib_module_names)
    assert folder.module.__name__ not in packages
    assert folder.name not in packages


def test_about_is_told_in_one_place(folder: Capability) -> None:
    assert isinstance(folder.about, About)
    assert all(bootstrap.lock_file(lock) for lock in folder.about.locks)


def test_what_never_runs_while_watching_runs_alone(folder: Capability) -> None:
    source = inspect.getsource(folder.module)
    assert ("not_while_watching" in source) == bool(folder.about.rude), "say `rude` in ABOUT, or it disturbs others"


def test_has_its_own_tests(folder: Capability) -> None:
    tests = list((ROOT / "tests" / "actions").glob(f"test_{folder.module.__name__}*.py"))
    assert tests, f"tests/actions/test_{folder.module.__name__}.py is missing"


def test_small_files() -> None:
    paths = [path for top in ("scripts", "actions") for path in (ROOT / top).rglob("*.py")]
    long = {str(path.relative_to(ROOT)): n for path in paths if (n := len(path.read_text().splitlines())) > 250}
    assert long == {}


def test_generated_pages_are_up_to_date() -> None:
    assert generated.differing() == [], "run `python3 scripts docs`"


def test_actions_never_reach_into_each_other() -> None:
    names = {one.module.__name__ for one in FOLDERS}
    for path in Path(ROOT / "actions").glob("*/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            assert not {name.split(".")[0] for name in imported(node)} & (names - {path.stem})


def test_the_shared_package_never_imports_a_folder() -> None:
    names = {one.module.__name__ for one in FOLDERS}
    for path in (ROOT / "scripts").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            assert not {name.split(".")[0] for name in imported(node)} & names
