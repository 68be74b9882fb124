"""Confirms that the release that was switched to is good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from deploy_gate.catalog import About
from deploy_gate.result import Result, passed
from deploy_gate.rollout import closing
from deploy_gate.rollout.servers import READS, SECRETS, Login, servers
from deploy_gate.rollout.stopped import Stopped
from deploy_gate.ssh.hostprogram import HostProgram
from deploy_gate.units import counted

ABOUT = About(secrets=SECRETS, reads=READS, timeout=600)


def operate(
    *,
    host: list[str],
    host_keys: str,
    config: str,
    python: str,
    sudo: bool,
    release: str,
    reason: str,
) -> Result:
    """Confirm on every server; one that went back already is told, and nothing is called a success."""
    closing.check(release)
    with servers(Login(host, host_keys, config, python, sudo)) as where:
        return confirmed(where, closing.meant(where, release), reason)


def validate(*, host: list[str], host_keys: str, config: str, python: str, sudo: bool, release: str, **_: Any) -> None:
    """What no type can tell."""
    Login(host, host_keys, config, python, sudo).check()
    closing.check(release)


def confirmed(where: Sequence[HostProgram], release: str, reason: str = "") -> Result:
    """The answers of all of them as one."""
    try:
        closing.confirm(where, release, reason=reason)
    except Stopped as stopped:
        result = stopped.result("see where it is live: `do diagnose`")
        return replace(result, evidence=(*result.evidence, {"message": "not confirmed", "confirm": release}))
    told = f"{release[:12]} is confirmed on {counted(len(where), 'server')}"
    return passed(told, evidence=[{"message": told, "confirm": release}])
