"""`check NAME`: one check on its own, as an action or by hand."""

from __future__ import annotations

from deploy_gate.commands.single import run_single


def run(argv: list[str]) -> int:
    """Run one check."""
    return run_single("check", argv)
