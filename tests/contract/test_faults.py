"""What the tests break: declared for every line of the checklist, by names that exist, and asserted by a test."""

from __future__ import annotations

import re

import declared
import pytest
from support import ROOT

from deploy_gate import fault_page, yamlfile
from deploy_gate.checklist import loading
from deploy_gate.checklist.model import Checklist

WORDS: fault_page.Words = yamlfile.read(declared.FOLDER / fault_page.CHECKS).data
FILES = sorted(path.stem for path in declared.FOLDER.glob("*.yml") if path.name != fault_page.CHECKS)
ACTIONS = ROOT / "tests" / "actions"


def bundled() -> Checklist:
    return loading.load(loading.BUNDLED).checklist


@pytest.mark.parametrize("name", FILES)
def test_exact_faults_name_lines_of_their_phases_and_are_read_by_their_test(name: str) -> None:
    data, checklist = yamlfile.read(declared.FOLDER / f"{name}.yml").data, bundled()
    assert data["faults"]
    reader = "outcomes" if data.get("quiet") else "faults"
    assert re.search(rf'declared\.{reader}\("{name}"\)', (ROOT / data["test"]).read_text())
    red = [] if data.get("quiet") else list(data["faults"].values())
    known = data.get("among") or [
        name for name, item in checklist.items.items() if set(item.phases) & set(data.get("phases", []))
    ]
    known = list(checklist.triggers) if data.get("triggers") else known
    assert set(data.get("among", [])) <= set(checklist.items)
    assert [one for one in red if not one or not set(one) <= set(known)] == []


def test_no_line_is_without_a_fault() -> None:
    page = fault_page.page(declared.FOLDER, bundled())
    assert "Lines without a fault" not in page
    assert [one for one in declared.faults("erp") if f"`{one}`" not in page] == []
    assert [one for faults in WORDS.values() for one in faults if f" | {one} | " not in page] == []


def test_a_line_without_a_fault_is_named() -> None:
    words = {key: faults for key, faults in WORDS.items() if key not in ("p95", "tls-certificate")}
    before, after = (set(fault_page.without({"cert-30"}, one, bundled())) for one in (WORDS, words))
    assert after - before == {"p95", "tls", "tls-live"}


@pytest.mark.parametrize("key", WORDS)
def test_what_is_broken_is_broken_by_a_test_of_that_check(key: str) -> None:
    """A name in the data is the name of a test, so that who takes the test away must take the fault away."""
    items, lines = bundled().items, fault_page.covered(WORDS, bundled())[key]
    assert lines, f"no line of the checklist looks through {key}"
    checks = {items[line].check.replace("-", "_") for line in lines}
    own = {path.name for check in checks for path in ACTIONS.glob(f"test_{check}*.py")}
    for fault, test in WORDS[key].items():
        file, _, name = test.rpartition("::")
        texts = [(ACTIONS / one).read_text() for one in ([file] if file else own)]
        assert any(re.search(rf"^def {name}\(", text, re.MULTILINE) for text in texts), f"{key}: {fault}: no {test}"


def test_every_switch_of_the_erp_is_declared() -> None:
    switches = declared.switches()
    assert len(switches) == 33
    own = {fault for name in ("erp", "erp-traffic") for fault in declared.faults(name)}
    # How slow that is depends on the machine: a test that sets limits of its own looks at it.
    assert switches - own == {"slow-5x"}
    assert '"slow-5x"' in (ACTIONS / "test_journey_erp.py").read_text()
    assert own <= switches
