"""Several commands in one call, as a workflow asks for them: over a slow network each call costs a round trip."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

from host.machine import Machine
from host.trouble import WRONG, Trouble

_MOST = 10
# What ends by itself and is no guard's; none of them is a batch again.
ALLOWED = ("status", "preflight", "receive", "prepare", "migrate", "switch", "confirm", "lease", "journal", "ledger")


def run_steps(machine: Machine, chosen: argparse.Namespace) -> dict[str, Any]:
    """One after the other until one is not good, each with a line of its own. A lease taken holds for the next."""
    from host.cli import execute, parser

    del machine  # each command makes its own, as if it were called alone
    code, number = 0, 0
    for words in _steps(chosen.steps):
        before = ["--config", str(chosen.config)] if chosen.config else []
        code, told = execute(parser().parse_args([*before, *words, "--json"]))
        number += 1
        if code:
            break
        if words[:2] == ["lease", "acquire"]:
            os.environ["SLOTS_LEASE"] = str(told["lease"])
    return {"steps": number, "exit": code}


def _steps(text: str) -> list[list[str]]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    good = isinstance(found, list) and 0 < len(found) <= _MOST and all(_is_step(one) for one in found)
    if not good:
        raise Trouble(
            f"the steps are not a list of at most {_MOST} commands",
            "they were written by hand",
            f'give a JSON list of lists of words, as [["status"]]; the commands are {", ".join(ALLOWED)}',
            WRONG,
        )
    steps: list[list[str]] = found
    return steps


def _is_step(step: Any) -> bool:
    return (
        isinstance(step, list) and all(isinstance(word, str) for word in step) and step[:1] != [] and step[0] in ALLOWED
    )
