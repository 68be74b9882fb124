"""`do NAME`: one operation on its own, as an action or by hand."""

from __future__ import annotations

from deploy_gate.commands.single import run_single


def run(argv: list[str]) -> int:
    """Run one operation."""
    return run_single("operation", argv)
