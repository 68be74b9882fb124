"""What the tests break: declared for every line of the checklist, by names that exist, and used by a test."""

from __future__ import annotations

import declared
import pytest
from support import ROOT

from deploy_gate import fault_page, yamlfile
from deploy_gate.catalog import Catalog
from deploy_gate.checklist import loading
from deploy_gate.checklist.model import Checklist

CHECKS = yamlfile.read(declared.FOLDER / fault_page.CHECKS).data
FILES = sorted(path.stem for path in declared.FOLDER.glob("*.yml") if path.name != fault_page.CHECKS)


def bundled() -> Checklist:
    return loading.load(loading.BUNDLED).checklist


@pytest.mark.parametrize("name", FILES)
def test_exact_faults_name_lines_of_their_phases_and_are_read_by_their_test(name: str) -> None:
    data, items = yamlfile.read(declared.FOLDER / f"{name}.yml").data, bundled().items
    for red in data["faults"].values():
        assert red
        assert all(set(items[one].phases) & set(data["phases"]) for one in red)
    assert f'declared.faults("{name}")' in (ROOT / data["test"]).read_text()


def test_no_line_is_without_a_fault() -> None:
    page = fault_page.page(declared.FOLDER, bundled())
    assert "**none**" not in page
    assert len(page.splitlines()) > 100


@pytest.mark.parametrize("check", CHECKS)
def test_what_is_broken_by_check_has_tests(check: str) -> None:
    assert Catalog().get(check).kind == "check"
    assert "def test_" in (ROOT / "tests" / "actions" / f"test_{check.replace('-', '_')}.py").read_text()


def test_every_switch_of_the_erp_is_declared_or_has_a_test_that_names_it() -> None:
    text = (ROOT / "examples" / "erp" / "erp" / "faults.py").read_text()
    switches = {line.split('"')[1] for line in text.splitlines() if line.startswith("    ") and ' = "' in line}
    assert len(switches) > 30
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert {
        one
        for one in switches - set(declared.faults("erp")) - set(declared.faults("erp-traffic"))
        if f'"{one}"' not in tests
    } == set()
