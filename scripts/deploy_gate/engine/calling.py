"""Calling one check or operation, with what it needs installed."""

from __future__ import annotations

from collections.abc import Mapping

from deploy_gate import bootstrap
from deploy_gate.catalog import Capability
from deploy_gate.engine import masking
from deploy_gate.result import CouldNotTell, Result, hide_with


def call_capability(capability: Capability, values: Mapping[str, object], masker: masking.Masker) -> Result:
    """Install what the capability needs, then call it; in a process of its own, since every text of it is masked."""
    hide_with(masker.text)
    try:
        for lock in capability.about.locks:
            bootstrap.add(lock)
    except bootstrap.SetupError as fault:
        raise CouldNotTell(f"its tools could not be installed: {fault.found}", fault.fix) from None
    return capability.function(**values)
