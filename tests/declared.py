"""The faults that tests cause, with the lines of the checklist that each turns red: data, read by tests and by a page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from deploy_gate import yamlfile
from deploy_gate.workbench.shop import EXAMPLE

FOLDER = Path(__file__).resolve().parent / "faults"


def faults(name: str) -> dict[str, list[str]]:
    """Fault to the lines that turn red, of one file."""
    data = yamlfile.read(FOLDER / f"{name}.yml").data
    found: dict[str, list[str]] = {fault: [] for fault in data.get("nothing", [])} | data["faults"]
    return found


def outcomes(name: str) -> dict[str, str]:
    """Fault to what comes of it, of a file of faults that turn nothing red."""
    found: dict[str, str] = yamlfile.read(FOLDER / f"{name}.yml").data["faults"]
    return found


def turning(lines: Iterable[str], *names: str) -> dict[str, set[str]]:
    """Of these files, the faults that turn any of these lines red, each with those of them that it turns."""
    found: dict[str, set[str]] = {}
    for fault, red in (pair for name in names for pair in faults(name).items()):
        found[fault] = found.get(fault, set()) | set(red) & set(lines)
    return {fault: red for fault, red in found.items() if red}


def switches() -> set[str]:
    """Every fault that the ERP can be given."""
    text = (EXAMPLE / "erp" / "faults.py").read_text(encoding="utf-8")
    return set(re.findall(r'^    [A-Z0-9_]+ = "([a-z0-9.-]+)"', text, re.MULTILINE))
