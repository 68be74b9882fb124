"""An item of the checklist, bound to its check, with its values and what will happen to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from deploy_gate.catalog import Capability, handed
from deploy_gate.checklist.model import Item
from deploy_gate.result import Severity


class State(StrEnum):
    """What will happen to an item."""

    RUN = "run"
    PLANNED = "planned"
    SKIPPED = "skipped"
    SET_UP = "to set up"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of this phase, ready to run, or with the reason why it is not."""

    id: str
    item: Item
    title: str
    state: State
    reason: str = ""
    fix: str = ""
    capability: Capability | None = None
    values: dict[str, Any] = field(default_factory=dict)
    severity: Severity = Severity.BLOCK
    timeout: float = 120.0

    @property
    def runs_code(self) -> bool:
        """Whether it executes the repository's own code."""
        return self.item.runs_code or bool(self.capability and self.capability.about.runs_code)

    @property
    def handed(self) -> tuple[str, ...]:
        """Variables that the checklist hands to the code on purpose."""
        return handed(self.values)

    @property
    def visible(self) -> list[str]:
        """Names of all variables it may see beyond the harmless ones."""
        if self.capability is None:
            return []
        return self.capability.visible(self.values, runs_code=self.item.runs_code, secrets=self.item.secrets)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Environment variables that hold its secrets; it sees them unless it runs the repository's code."""
        if self.capability is None:
            return tuple(self.item.secrets)
        return (*self.capability.about.secrets, *self.capability.named(self.values), *self.item.secrets)
