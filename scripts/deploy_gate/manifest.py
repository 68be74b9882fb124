"""Reading an `action.yml`: the one place where inputs and outputs are declared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy_gate import yamlfile
from deploy_gate.inputs import Input
from deploy_gate.problems import Misconfigured, Problem


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an action declares of itself."""

    name: str
    description: str
    inputs: dict[str, Input]

    @property
    def summary(self) -> str:
        """The first sentence of the description, without its full stop."""
        return self.description.split(". ")[0].rstrip(".")


def read(path: Path) -> Manifest:
    """The manifest in a file; Misconfigured when it is not one."""
    document = yamlfile.read(path)
    data = document.data
    try:
        return Manifest(
            name=str(data["name"]),
            description=str(data["description"]).strip(),
            inputs={name: _input(name, spec or {}) for name, spec in (data.get("inputs") or {}).items()},
        )
    except (KeyError, TypeError, AttributeError) as fault:
        raise Misconfigured([Problem(document.path, 0, f"is not an action manifest: {fault}")]) from None


def _input(name: str, spec: dict[str, Any]) -> Input:
    default = spec.get("default", "")
    text = ("true" if default else "false") if isinstance(default, bool) else str(default)
    return Input(name, str(spec["description"]).strip(), spec.get("required") is True, text)
