"""The checklist of the repository one stands in, for what reads its targets and rules and runs none of its lines."""

from __future__ import annotations

from pathlib import Path

from deploy_gate.checklist import loading
from deploy_gate.checklist.model import Checklist
from deploy_gate.commands.gate_command import find_checklist


def checklist(given: Path | None) -> Checklist:
    """The given file, else the repository's own, else the bundled one."""
    return loading.load(find_checklist(given)).checklist
