"""Gives a person time to look at a release that was switched to and not confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deploy_gate.catalog import About
from deploy_gate.result import Result, passed
from deploy_gate.rollout import closing, way
from deploy_gate.rollout.servers import READS, SECRETS, Login, servers
from deploy_gate.rollout.stopped import Stopped
from deploy_gate.ssh.hostprogram import HostProgram
from deploy_gate.units import Duration, counted, show_duration

ABOUT = About(secrets=SECRETS, reads=READS, timeout=600)


def operate(  # noqa: PLR0913 - one for each input
    *,
    host: list[str],
    host_keys: str,
    config: str,
    python: str,
    sudo: bool,
    release: str,
    within: Duration,
    unconfirmed: bool,
    reason: str,
) -> Result:
    """Start the wait anew on every server; one that is confirmed or went back already is told."""
    closing.check(release)
    with servers(Login(host, host_keys, config, python, sudo)) as where:
        release = closing.meant(where, release)
        if unconfirmed and not (where := way.unconfirmed(where, release)):
            return passed(f"{release[:12]} is not live, or confirmed: there is nothing to hold")
        return held(where, release, within, reason or "asked for")


def validate(*, host: list[str], host_keys: str, config: str, python: str, sudo: bool, release: str, **_: Any) -> None:
    """What no type can tell."""
    Login(host, host_keys, config, python, sudo).check()
    closing.check(release)


def held(where: Sequence[HostProgram], release: str, within: float, reason: str) -> Result:
    """The answers of all of them as one."""
    try:
        closing.hold(where, release, within=within, reason=reason)
    except Stopped as stopped:
        return stopped.result("see where it is live: `do diagnose`")
    found = f"{release[:12]} is held on {counted(len(where), 'server')} for {show_duration(within)}"
    return passed(f"{found}; without a confirm they go back by themselves")
