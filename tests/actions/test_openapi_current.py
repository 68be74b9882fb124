"""openapi-current: the application's own document against the committed one, and the changelog for what breaks."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from typing import Any

import pytest
from support import ROOT, Repository

from deploy_gate import process
from deploy_gate.catalog import Catalog
from deploy_gate.inputs import bind
from deploy_gate.result import Result, Status

# Stands in for an application: what a framework's object has is the method `openapi`.
APP = """
import json, os, pathlib
print("noise while it is imported")

class App:
    def openapi(self):
        return json.loads((pathlib.Path(__file__).parent / "routes.json").read_text())

def create_app():
    return App()

app = App()
"""
LOG = "# Changelog\n\n## [Unreleased]\n\n### Changed\n\n{}\n## [1.0.0] - 2026-01-31\n\n### Added\n\n- Orders\n"


def document(*paths: str) -> dict[str, Any]:
    order = {"type": "object", "properties": {"total": {"type": "number"}}}
    answer = {"200": {"description": "", "content": {"application/json": {"schema": order}}}}
    return {"openapi": "3.1.0", "info": {"title": "Shop", "version": "1"}, "paths": {one: {"get": {"responses": answer}} for one in paths}}  # fmt: skip


class Shop:
    """A repository with an application and its committed document, as it is live."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        repository.write("shop/__init__.py", "")
        repository.write("shop/app.py", APP)
        repository.write("CHANGELOG.md", LOG.format(""))
        self.app(document("/orders", "/stock"))
        self.committed(document("/orders", "/stock"))
        repository.commit("live")
        repository.git("tag", "live")

    def app(self, data: object) -> None:
        self.repository.write("shop/routes.json", json.dumps(data))

    def committed(self, data: object) -> None:
        self.repository.write("openapi.json", json.dumps(data))

    def both(self, data: object) -> None:
        self.app(data)
        self.committed(data)


@pytest.fixture
def shop(repository: Repository) -> Shop:
    return Shop(repository)


@pytest.fixture
def check(ask: Callable[..., Result]) -> Callable[..., Result]:
    return lambda export="shop.app:create_app", **given: ask(
        "openapi-current", export=export, **{"since": "live", "python": sys.executable, **given}
    )


@pytest.mark.parametrize(
    "export",
    ["shop.app:create_app", "shop.app:app", "python -c 'import sys; sys.stdout = sys.stderr; from shop.app import app; import json; sys.stdout = sys.__stdout__; print(json.dumps(app.openapi()))'"],
)  # fmt: skip
def test_current_however_it_is_exported(shop: Shop, check: Callable[..., Result], export: str) -> None:
    result = check(export)
    assert (result.status, result.found) == (
        Status.PASSED,
        "openapi.json is what the application says: 2 paths, 0 differences",
    )


def test_a_route_that_was_added_and_not_exported(shop: Shop, check: Callable[..., Result]) -> None:
    shop.app(document("/orders", "/stock", "/returns"))
    result = check()
    assert (result.status, result.measured) == (Status.FAILED, 1)
    assert result.found == (
        "1 difference between openapi.json and the application, the limit is 0: paths › /returns added"
    )
    assert result.fix == "export it again and commit openapi.json"
    assert result.evidence[0]["path"] == "openapi.json"
    shop.committed(document("/orders", "/stock", "/returns"))
    assert check().status is Status.PASSED


def test_text_does_not_count_but_meaning_does(shop: Shop, check: Callable[..., Result]) -> None:
    data = document("/stock", "/orders")
    shop.repository.write("openapi.json", json.dumps(data, indent=8, sort_keys=True))
    assert check().status is Status.PASSED
    data["info"]["version"] = "2"
    shop.committed(data)
    assert "info › version changed" in check().found
    assert check(ignore="info.version").status is Status.PASSED


def test_a_breaking_change_needs_an_entry_that_names_it(shop: Shop, check: Callable[..., Result]) -> None:
    shop.both(document("/orders"))
    result = check()
    assert (result.status, result.measured) == (Status.FAILED, 1)
    assert "not told in CHANGELOG.md, the limit is 0: GET /stock: is removed" in result.found
    shop.repository.write("CHANGELOG.md", LOG.format("- Many improvements\n- `/stocks` is new\n"))
    assert check().status is Status.FAILED
    shop.repository.write("CHANGELOG.md", LOG.format("- `/stock` is gone; use `/inventory`\n"))
    told = check()
    assert told.status is Status.PASSED
    assert "1 breaking change since" in told.found
    assert told.evidence[0]["message"] == "GET /stock: is removed (told in the changelog)"


@pytest.mark.parametrize(
    ("entry", "status"),
    [("The body of a request and its answer are checked", "failed"), ("`/orders` needs a shop now", "passed"), ("Name the shopfront", "passed")],
)  # fmt: skip
def test_our_own_words_do_not_tell_of_a_break(
    shop: Shop, check: Callable[..., Result], entry: str, status: str
) -> None:
    data = document("/orders", "/stock")
    required = {"in": "query", "name": "shopfront", "required": True}
    data["paths"]["/orders"]["get"].update(parameters=[required], requestBody={"required": True, "content": {}})
    del data["paths"]["/orders"]["get"]["requestBody" if status == "passed" else "parameters"]
    shop.both(data)
    shop.repository.write("CHANGELOG.md", LOG.format(f"- {entry}\n"))
    assert check().status == status


def test_an_old_entry_does_not_tell_of_a_new_break(shop: Shop, check: Callable[..., Result]) -> None:
    shop.repository.write("CHANGELOG.md", LOG.format("- `/stock` is faster\n"))
    shop.repository.commit("docs: told before")
    shop.repository.git("tag", "-f", "live")
    shop.both(document("/orders"))
    assert check().status is Status.FAILED


def test_a_break_and_an_old_document_are_both_told(shop: Shop, check: Callable[..., Result]) -> None:
    shop.app(document("/orders"))
    result = check()
    assert result.found.startswith("1 difference between openapi.json")
    assert [one["rule"] for one in result.evidence] == ["out-of-date", "breaking"]


def test_a_document_that_is_new_breaks_nothing(shop: Shop, check: Callable[..., Result]) -> None:
    shop.repository.git("mv", "openapi.json", "api.json")
    assert check(path="api.json").status is Status.PASSED
    missing = check()
    assert (missing.status, missing.found) == (Status.FAILED, "there is no openapi.json, the application has 2 paths")


@pytest.mark.parametrize(
    ("export", "says"),
    [
        ("shop.app:nothing", "ended with exit code 1: "),
        ("shop.missing:app", "No module named 'shop.missing'"),
        ("shop.app:json", "ended with exit code 1"),
        ("python -c 'print(1)'", "is no OpenAPI 3 document"),
        ("python -c 'raise SystemExit(3)'", "ended with exit code 3"),
        ("no-such-program", "cannot be started"),
        ("shop.app", "cannot be started"),
        ("""python -c 'print("{\\"openapi\\": \\"3.1.0\\", \\"paths\\": {}}")'""", "describes no path"),
    ],
)
def test_what_cannot_be_exported_is_an_error(shop: Shop, check: Callable[..., Result], export: str, says: str) -> None:
    helps = {
        "shop.app": "`shop.app:app`",
        "shop.missing:app": "as it is imported",
        "shop.app:nothing": "as it is called",
    }
    result = check(export)
    assert result.status is Status.ERROR
    assert says in result.found
    assert "<frozen" not in result.found
    assert helps.get(export, "") in result.fix


@pytest.mark.parametrize("text", ["", "nothing", '{"openapi": "3.1.0"}'])
def test_a_committed_document_that_is_none_is_an_error(shop: Shop, check: Callable[..., Result], text: str) -> None:
    shop.repository.write("openapi.json", text)
    assert check().status is Status.ERROR
    assert check(path="../openapi.json").status is Status.ERROR


def test_the_application_sees_no_secret(
    shop: Shop, check: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "hidden")
    monkeypatch.setenv("SHOP_MODE", "test")
    seen = "print(json.dumps({'openapi': '3.1.0', 'paths': {'/' + ','.join(sorted(os.environ)): {}}}))"
    result = check(f'python -c "import json, os; {seen}"', env="SHOP_MODE")
    place = next(str(one["message"]) for one in result.evidence if "SHOP_MODE" in str(one["message"]))
    assert "TELEGRAM" not in place


def test_it_runs_code_and_needs_to_know_which() -> None:
    capability = Catalog().get("openapi-current")
    assert capability.about.runs_code
    assert bind(capability.manifest.inputs, capability.hints, {}).missing == ["export"]
    bound = bind(capability.manifest.inputs, capability.hints, {"export": "python 'x"})
    assert "input 'export' expects" in capability.faults(bound.values)[0]


@pytest.mark.long
def test_the_erp_with_its_own_packages(repository: Repository, check: Callable[..., Result], tmp_path: Any) -> None:
    """The example as a user has it: its own environment, its own application; then a route nobody exported."""
    erp = ROOT / "examples" / "erp"
    shutil.copytree(erp, repository.path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".venv"))
    repository.commit("live")
    repository.git("tag", "live")
    home = tmp_path / "venv"
    for command in (
        ["-m", "venv", home],
        ["-m", "pip", "install", "-q", "--require-hashes", "-r", erp / "requirements.txt"],
    ):
        python = home / "bin" / "python" if "pip" in command else sys.executable
        done = process.run([python, *command], timeout=600, pass_env=["PIP_INDEX_URL", "PIP_CONFIG_FILE"])
        assert done.code == 0, done.err
    export = "python -m erp.export_openapi"
    assert check(export, python=str(home)).status is Status.PASSED
    routes = repository.path / "erp" / "api" / "stock.py"
    routes.write_text(routes.read_text() + '\n\n@router.get("/shelves")\ndef shelves() -> int:\n    return 3\n')
    added = check(export, python=str(home))
    assert added.status is Status.FAILED
    assert "/shelves" in str(added.evidence)
