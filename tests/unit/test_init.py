"""`init` looks at a repository and writes files that the gate itself accepts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from support import ROOT, Repository

from deploy_gate import branch_rule, cli, yamlfile

ALEMBIC = {"migrations-documented", "migrations-staged", "migrations-reversible", "rollback-migration"}
IMAGES = {"images-build", "image-size", "image-secrets"}
SERVICES = {"healthchecks", "limits"}


def init(capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = cli.main(["init"])
    said = capsys.readouterr()
    return code, said.out, said.err


def written() -> tuple[dict[str, dict[str, object]], str]:
    items = yaml.safe_load(Path("checklist.yml").read_text())["items"]
    return items or {}, Path(".github/workflows/deploy-gate.yml").read_text()


def test_a_full_python_repository_needs_little(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.write("pyproject.toml", '[tool.mypy]\n[tool.pytest.ini_options]\nmarkers = ["integration: slow"]\n')
    repository.write("shop/orders/a.py", "")
    repository.write("tests/test_a.py", "")
    repository.write("CHANGELOG.md", "# Changelog\n")
    repository.write("alembic.ini", "[alembic]\n")
    repository.write("requirements-dev.txt", "pytest\n")
    repository.write("compose.yaml", "services:\n  backend:\n    build: .\n")
    repository.write("Dockerfile", "FROM scratch\n")
    repository.commit()
    code, out, _ = init(capsys)
    items, workflow = written()
    assert code == 0
    assert items == {"no-todo": {"with": {"paths": ["shop/orders"]}}}
    assert yaml.safe_load(workflow)["jobs"]["checklist"]["with"]["setup"].splitlines() == [
        "python3 -m venv .venv",
        ".venv/bin/pip install -r requirements-dev.txt",
    ]
    assert "15 items of a pull request can be measured from the first run: lint, types" in out


@pytest.mark.parametrize(
    ("files", "missing"),
    [
        (
            {"main.go": ""},
            {"lint", "types", "security-scan", "unit-tests", "integration-tests", "no-todo", "changelog"},
        ),
        ({"a.py": ""}, {"types", "integration-tests", "no-todo", "changelog"}),
        ({"a.py": "", "mypy.ini": "", "CHANGELOG.md": "# C\n"}, {"integration-tests", "no-todo"}),
    ],
)
def test_what_is_not_there_is_declared_not_guessed(
    repository: Repository, capsys: pytest.CaptureFixture[str], files: dict[str, str], missing: set[str]
) -> None:
    for name, text in files.items():
        repository.write(name, text)
    repository.commit()
    assert init(capsys)[0] == 0
    items, _ = written()
    assert {name for name, item in items.items() if "not-applicable" in item} == missing | ALEMBIC | IMAGES | SERVICES


def test_alembic_in_a_folder_of_its_own(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.write("back/alembic.ini", "[alembic]\n")
    repository.commit()
    init(capsys)
    items = written()[0]
    assert not ALEMBIC & {name for name, item in items.items() if "not-applicable" in item}
    assert items["migrations-documented"] == {"with": {"config": "back/alembic.ini"}}


@pytest.mark.parametrize(
    ("name", "command"),
    [("uv.lock", "uv sync --locked"), ("poetry.lock", "poetry install"), ("pyproject.toml", "pip install -e .")],
)
def test_installs_the_way_the_project_does(
    repository: Repository, capsys: pytest.CaptureFixture[str], name: str, command: str
) -> None:
    repository.write(name, "")
    repository.commit()
    init(capsys)
    for path, job in (("deploy-gate", "checklist"), ("deploy", "deploy")):
        workflow = yaml.safe_load(Path(f".github/workflows/{path}.yml").read_text())
        assert command in workflow["jobs"][job]["with"]["setup"]


def test_integration_tests_in_a_folder(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.write("a.py", "")
    repository.write("tests/integration/test_b.py", "")
    repository.commit()
    init(capsys)
    assert written()[0]["integration-tests"]["with"] == {"marker": "", "path": "tests/integration"}


def test_overwrites_nothing(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.write("checklist.yml", "mine")
    code, _, err = init(capsys)
    assert code == 2
    assert "checklist.yml exist already" in err
    assert Path("checklist.yml").read_text() == "mine"
    assert not Path(".github").exists()


def test_names_from_outside_stay_texts(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.commit()
    repository.git("checkout", "-q", "-b", "it's-#{x}&!|>%@")
    repository.write('pay"ment: {a}/b.py', "")
    repository.commit()
    assert init(capsys)[0] == 0
    assert yaml.safe_load(written()[1])[True]["pull_request"]["branches"] == ["it's-#{x}&!|>%@"]
    deploy = yaml.safe_load(Path(".github/workflows/deploy.yml").read_text())
    assert deploy[True]["push"]["branches"] == ["it's-#{x}&!|>%@"]


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("git@github.com:acme/shop.git", "acme/shop"),
        ("https://github.com/acme/shop", "acme/shop"),
        ("ssh://git@github.com/acme/shop.git", "acme/shop"),
        ("/srv/git/shop.git", None),
        ("https://github.com/acme/shop/x: y", None),
    ],
)
def test_the_repository_is_named_as_its_remote_names_it(
    repository: Repository, origin: str, expected: str | None
) -> None:
    repository.git("remote", "add", "origin", origin)
    assert cli.main(["init"]) == 0
    block = yaml.safe_load((repository.path / "checklist.yml").read_text())["environments"]["production"]
    assert block.get("repository") == expected


def test_the_branch_rule_is_told(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.commit()
    _, out, _ = init(capsys)
    assert 'Require the check "checklist / gate" on main: `init --apply` sets the rule with GITHUB_TOKEN' in out
    shown = next(line for line in out.splitlines() if line.strip().startswith("{"))
    assert json.loads(shown) == branch_rule.rule("main")
    job = yaml.safe_load(written()[1])["jobs"]
    called = yamlfile.read(ROOT / ".github/workflows/pre-deploy.yml").data["jobs"]
    assert [f"{one['name']} / {called['gate']['name']}" for one in job.values()] == [branch_rule.CHECK]


def test_another_deploy_workflow_is_not_overwritten(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.write(".github/workflows/deploy.yml", "mine")
    code, _, err = init(capsys)
    assert (code, ".github/workflows/deploy.yml exist already" in err) == (2, True)
    assert not Path("checklist.yml").exists()


@pytest.mark.parametrize(
    ("files", "away", "inputs"),
    [
        ({"compose.yaml": "services: {a: {build: .}}"}, set(), {}),
        ({"docker-compose.yml": "services:\n  a:\n    image: a\n"}, IMAGES, {}),
        ({"Dockerfile": "FROM scratch\n"}, SERVICES, {}),
        (
            {"ops/compose.yaml": "services:\n  a:\n    build: .\n"},
            set(),
            {name: {"with": {"file": ["ops/compose.yaml"]}} for name in IMAGES | SERVICES},
        ),
        (
            {"ops/compose.yaml": "services:\n  a:\n    image: a\n"},
            IMAGES,
            {name: {"with": {"file": ["ops/compose.yaml"]}} for name in SERVICES},
        ),
        ({"a/compose.yaml": "services: {}", "b/compose.yaml": "services: {}"}, IMAGES | SERVICES, {}),
    ],
)
def test_containers_are_looked_for(
    repository: Repository,
    capsys: pytest.CaptureFixture[str],
    files: dict[str, str],
    away: set[str],
    inputs: dict[str, object],
) -> None:
    for name, text in files.items():
        repository.write(name, text)
    repository.commit()
    assert init(capsys)[0] == 0
    items = {name: item for name, item in written()[0].items() if name in IMAGES | SERVICES}
    assert {name for name, item in items.items() if "not-applicable" in item} == away
    assert {name: item for name, item in items.items() if name not in away} == inputs


@pytest.mark.parametrize(
    ("path", "code", "export"),
    [
        ("shop/app.py", "from fastapi import FastAPI\napp = FastAPI()\n", "shop.app:app"),
        ("src/shop/__init__.py", "import fastapi\napi: fastapi.FastAPI = fastapi.FastAPI(title='x')\n", "shop:api"),
        ("main.py", "def make(debug=False):\n    one = FastAPI()\n    return one\n", "main:make"),
        ("main.py", "def make(settings):\n    return FastAPI()\n", ""),
        ("main.py", "text = 'FastAPI('\n", ""),
        ("main.py", "FastAPI( is no Python\n", ""),
        ("tests/app.py", "app = FastAPI()\n", ""),
    ],
)
def test_a_web_application_is_looked_for(
    repository: Repository, capsys: pytest.CaptureFixture[str], path: str, code: str, export: str
) -> None:
    repository.write(path, code)
    repository.write("openapi.json", "{}")
    repository.write(".github/workflows/ci.yml", "on: push\n")
    repository.commit()
    told = init(capsys)
    assert "found 1 workflow" in told[1]
    assert (f"found a FastAPI application, {export}" in told[1]) == bool(export)
    assert written()[0].get("api-docs") == ({"with": {"export": export}} if export else None)


def test_an_application_without_a_document_is_declared(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write("app.py", "app = FastAPI()\n")
    repository.commit()
    assert init(capsys)[0] == 0
    assert written()[0]["api-docs"] == {
        "not-applicable": "no openapi.json yet; once it is committed, replace this line by with: {export: app:app}"
    }
