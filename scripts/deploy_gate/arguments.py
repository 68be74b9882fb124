"""Inputs from where they come: the composite action's one variable, and options of the command line over it."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from typing import Any, NoReturn

from deploy_gate.inputs import bind
from deploy_gate.manifest import Manifest
from deploy_gate.problems import Misconfigured, nearest

VARIABLE = "DEPLOY_GATE_INPUTS"


class Parser(argparse.ArgumentParser):
    """argparse that raises our own error and never guesses abbreviated options."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(prog=f"python3 scripts {prog}", description=description, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing a usage."""
        raise Misconfigured([f"{self.prog}: {message}"])

    def parse(self, argv: list[str]) -> argparse.Namespace:
        """Parse everything; an unknown option names the nearest one."""
        values, rest = self.parse_known_args(argv)
        if rest:
            options = [
                option for action in self._actions for option in action.option_strings if option.startswith("--")
            ]
            raise Misconfigured([f"{self.prog}: unknown argument '{rest[0]}'{nearest(rest[0], options)}"])
        return values


def add_inputs(parser: Parser, manifest: Manifest) -> None:
    """One option for each declared input; given twice, the values are joined as lines."""
    for name, spec in manifest.inputs.items():
        default = f" (default: {spec.default})" if spec.default else " (required)" if spec.required else ""
        text = f"{spec.description}{default}".replace("%", "%%")
        parser.add_argument(f"--{name}", action="append", dest=f"input {name}", metavar="VALUE", help=text)
    if "input" not in manifest.inputs:
        text = "any of them, also as NAME=VALUE"
        parser.add_argument("--input", action="append", dest="pairs", metavar="NAME=VALUE", default=[], help=text)


def given(manifest: Manifest, options: argparse.Namespace) -> dict[str, Any]:
    """The values handed over by the action, with the command line's laid over them."""
    values = _from_action()
    for pair in getattr(options, "pairs", []):
        name, equals, value = pair.partition("=")
        if not equals:
            raise Misconfigured([f"--input is '{pair[:80]}', expected NAME=VALUE"])
        values[name] = value
    for name in manifest.inputs:
        listed = getattr(options, f"input {name}")
        if listed is not None:
            values[name] = "\n".join(listed)
    return values


def _from_action() -> dict[str, Any]:
    raw = os.environ.get(VARIABLE, "")
    if not raw:
        return {}
    try:
        values = json.loads(raw)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise Misconfigured([f"{VARIABLE} is not a JSON object; it is `${{{{ toJSON(inputs) }}}}` of an action"])
    return values


def bound(manifest: Manifest, hints: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Typed values for a call; Misconfigured lists every wrong and missing input."""
    result = bind(manifest.inputs, hints, values)
    missing = [f"input '{name}' is required: {manifest.inputs[name].description}" for name in result.missing]
    wrong = [message for _, message in result.wrong]
    if wrong or missing:
        raise Misconfigured([f"{manifest.name}: {text}" for text in (*wrong, *missing)])
    return result.values
