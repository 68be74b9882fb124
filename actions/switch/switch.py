"""Sends the traffic to a release that was prepared, on all servers or none."""

from __future__ import annotations

from typing import Any

from deploy_gate.catalog import About
from deploy_gate.result import Result
from deploy_gate.rollout import order
from deploy_gate.rollout.deployment import Deployment, Terms, check_groups
from deploy_gate.rollout.servers import READS, SECRETS, Login, servers
from deploy_gate.units import Duration

ABOUT = About(secrets=SECRETS, reads=READS, timeout=600)


def operate(  # noqa: PLR0913 - one for each input
    *,
    host: list[str],
    host_keys: str,
    config: str,
    python: str,
    sudo: bool,
    release: str,
    confirm_within: Duration,
    guard_for: Duration,
    at_once: int,
) -> Result:
    """Switch one group after the other; the first server that refuses returns those already switched."""
    check_groups(at_once)
    wanted = order.identity(release)
    with servers(Login(host, host_keys, config, python, sudo)) as where:
        return Deployment(where, wanted, Terms(confirm_within, 0, guard_for, at_once)).switch_only()


def validate(
    *,
    host: list[str],
    host_keys: str,
    config: str,
    python: str,
    sudo: bool,
    release: str,
    at_once: int,
    **_: Any,
) -> None:
    """What no type can tell."""
    check_groups(at_once)
    Login(host, host_keys, config, python, sudo).check()
    order.check(release=release, smoke=[], smoke_command="", manifest="", archive="")
