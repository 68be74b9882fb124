"""What the product can do: one folder under `actions/` each, found by looking, loaded when asked for."""

from __future__ import annotations

import importlib.util
import sys
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from deploy_gate import manifest
from deploy_gate.bootstrap import ROOT
from deploy_gate.problems import Misconfigured, nearest
from deploy_gate.result import Result
from deploy_gate.units import Variable

ACTIONS = ROOT / "actions"
Kind = Literal["check", "operation"]


@dataclass(frozen=True, slots=True)
class About:
    """What the engine must know of a check or operation before it runs it; the constant `ABOUT` of its module."""

    runs_code: bool = False
    """It executes the repository's own code."""
    secrets: tuple[str, ...] = ()
    """Environment variables that hold its secrets; no other secret reaches it."""
    reads: tuple[str, ...] = ()
    """Further environment variables it reads, which are no secrets."""
    locks: tuple[str, ...] = ()
    """Lock files (`requirements/<name>.txt`) whose packages it imports or runs."""
    github: tuple[str, ...] = ()
    """What GITHUB_TOKEN must be granted for it in a private repository, such as `checks: read`."""
    timeout: float = 120.0
    """Seconds it may take in all."""
    grace: float = 0
    """Seconds for what it must tidy up when it is ended early (SIGTERM); at most 5, since a runner waits no longer."""
    rude: int = 0
    """How much its requests disturb others (0: not at all). The rude run alone, after all others; the rudest last."""
    runs_items: bool = False
    """It runs items of the checklist, each of which sees the secrets that it lists."""


@dataclass(frozen=True)
class Capability:
    """One folder: its manifest, and its module once somebody asks."""

    name: str
    folder: Path
    manifest: manifest.Manifest

    @cached_property
    def module(self) -> ModuleType:
        """The folder's module; imported on first use, from its path, under its own unique name."""
        stem = self.name.replace("-", "_")
        path = self.folder / f"{stem}.py"
        spec = importlib.util.spec_from_file_location(stem, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise Misconfigured([f"{path.name} is missing beside {self.folder.name}/action.yml"])
        module = importlib.util.module_from_spec(spec)
        # Registered first: dataclasses look their own module up while it is being executed.
        sys.modules[stem] = module
        spec.loader.exec_module(module)
        return module

    @cached_property
    def kind(self) -> Kind:
        """Whether it judges (`check`) or acts (`operate`)."""
        return "operation" if hasattr(self.module, "operate") else "check"

    @cached_property
    def function(self) -> Callable[..., Result]:
        """`check` or `operate`: keyword-only, one parameter for each input."""
        found: Callable[..., Result] = getattr(self.module, "operate" if self.kind == "operation" else "check")
        return found

    @cached_property
    def about(self) -> About:
        """The module's `ABOUT`."""
        found: About = getattr(self.module, "ABOUT", About())
        return found

    def faults(self, values: Mapping[str, Any]) -> list[str]:
        """What the module's own `validate` finds wrong with typed values: what no type can tell. It runs nothing."""
        validate = getattr(self.module, "validate", None)
        try:
            if validate is not None:
                validate(**values)
        except Misconfigured as fault:
            return [str(problem) for problem in fault.problems]
        return []

    def visible(self, values: Mapping[str, Any], *, runs_code: bool = False, secrets: Iterable[str] = ()) -> list[str]:
        """Names of all variables a run with these values may see beyond the harmless ones.

        Secrets never reach the repository's code.
        """
        hidden = runs_code or self.about.runs_code
        kept = () if hidden else (*self.about.secrets, *self.named(values), *secrets)
        return [*self.about.reads, *handed(values), *kept]

    def named(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """The variables with secrets that these values name: its inputs of type `Variable`, or lists of them."""
        single = [values[name] for name, hint in self.hints.items() if hint is Variable and values.get(name)]
        lists = [values.get(name) or () for name, hint in self.hints.items() if hint == list[Variable]]
        return (*map(str, single), *(str(one) for names in lists for one in names))

    @cached_property
    def hints(self) -> dict[str, Any]:
        """Parameter names and their types."""
        return {name: hint for name, hint in typing.get_type_hints(self.function).items() if name != "return"}


def handed(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The names in the inputs `env` and `scratch-url`: by convention, variables such as a throw-away database's URL.

    What runs the repository's code may see them.
    """
    names, scratch = values.get("env"), values.get("scratch_url")
    listed = names if isinstance(names, list) else []
    return (*listed, *([scratch] if isinstance(scratch, str) and scratch else []))


@dataclass(frozen=True)
class Catalog:
    """All capabilities below one folder."""

    root: Path = ACTIONS
    known: dict[str, Capability] = field(default_factory=dict)

    @cached_property
    def names(self) -> list[str]:
        """Names of all folders that hold an `action.yml`, sorted."""
        return sorted(path.parent.name for path in self.root.glob("*/action.yml"))

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def get(self, name: str) -> Capability:
        """The capability of that name; Misconfigured, with the nearest name, when there is none."""
        if name not in self.names:
            raise Misconfigured([f"there is no '{name}'{nearest(name, self.names)}"])
        if name not in self.known:
            folder = self.root / name
            self.known[name] = Capability(name, folder, manifest.read(folder / "action.yml"))
        return self.known[name]

    def all(self) -> list[Capability]:
        """Every capability, by name."""
        return [self.get(name) for name in self.names]
