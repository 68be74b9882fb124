"""The ledger's newest line as the servers remember it: whoever can push to the ledger's branch does not reach them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deploy_gate.ledger.chain import Head
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell
from deploy_gate.rollout.servers import asked
from deploy_gate.ssh.hostprogram import HostProgram


def of(data: Mapping[str, Any], server: str) -> list[Head]:
    """From an answer of the host program; empty where it was never told one."""
    text = data.get("ledger", "")
    if text == "":
        return []
    try:
        return [Head.parse(str(text))]
    except Misconfigured:
        fix = "see `slots ledger` on the server"
        raise CouldNotTell(f"what {server} remembers of the ledger cannot be read", fix) from None


def read(where: Sequence[HostProgram]) -> tuple[list[Head], list[str]]:
    """What all of them remember, and why some could not be asked."""
    found: list[Head] = []
    silent: list[str] = []
    for server, answer in asked(where, lambda one: one.run("ledger", timeout=60)):
        if answer.good:
            found += of(answer.data, server.name)
        else:
            silent.append(f"{server.name} could not be asked what it knows of the ledger: {answer.found}")
    return list(dict.fromkeys(found)), silent


def tell(where: Sequence[HostProgram], head: Head) -> list[str]:
    """Let all of them remember a line; why some do not."""
    answers = asked(where, lambda one: one.run("ledger", str(head), timeout=60))
    return [f"{server.name} does not remember it: {answer.found}" for server, answer in answers if not answer.good]
