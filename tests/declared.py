"""The faults that tests cause, with the lines of the checklist that each turns red: data, read by tests and by a page."""

from __future__ import annotations

from pathlib import Path

from deploy_gate import yamlfile

FOLDER = Path(__file__).resolve().parent / "faults"


def faults(name: str) -> dict[str, list[str]]:
    """Fault to the lines that turn red, of one file."""
    found: dict[str, list[str]] = yamlfile.read(FOLDER / f"{name}.yml").data["faults"]
    return found
