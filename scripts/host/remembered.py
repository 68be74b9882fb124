"""The newest line of the deployment ledger that this host was told; who writes the ledger anew does not reach it."""

from __future__ import annotations

import argparse
import re
from typing import Any

from host.machine import Machine
from host.steps import note
from host.trouble import REFUSED, WRONG, Trouble

_HEAD = re.compile(r"([1-9][0-9]{0,8}):([0-9a-f]{64})")


def run(machine: Machine, chosen: argparse.Namespace) -> dict[str, Any]:
    """Tell it, or take a newer one: `NUMBER:HASH`, as `ledger verify` prints it. The number never goes down."""
    if not chosen.head:
        return told(machine.load().ledger)
    match = _HEAD.fullmatch(chosen.head)
    if not match:
        raise Trouble(
            f"{chosen.head[:100]} is no line of a ledger",
            "a typing mistake",
            "give NUMBER:HASH, as `ledger verify` prints it",
            WRONG,
        )
    number, digest = int(match[1]), match[2]
    with machine.lock.taken(machine.settings.limits.lock):
        state = machine.load()
        kept, known = state.ledger
        if number == kept and digest != known:
            raise Trouble(
                f"line {number} of the ledger is another one here: {known[:12]}, not {digest[:12]}",
                "the ledger's branch was written anew, or belongs to something else",
                "see who pushed to the ledger's branch, and restore it from a clone of before",
                REFUSED,
            )
        if number > kept:
            state.ledger = [number, digest]
            note(machine, state, "ledger", number=number, hash=digest)
        return told(state.ledger)


def told(kept: list[Any]) -> dict[str, Any]:
    """For the answer, and for a person; the first is empty where nobody told this host yet."""
    number, digest = kept
    return {"ledger": f"{number}:{digest}" if number else "", "text": f"{number}:{digest}" if number else "none"}
