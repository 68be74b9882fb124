"""Sends the traffic to a release that was prepared, on all servers or none."""

from __future__ import annotations

from deploy_gate.catalog import About
from deploy_gate.result import Result
from deploy_gate.rollout import order
from deploy_gate.rollout.deployment import Deployment, Times
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
) -> Result:
    """Switch one server after the other; the first that refuses returns those already switched."""
    wanted = order.identity(release)
    with servers(Login(host, host_keys, config, python, sudo)) as where:
        return Deployment(where, wanted, Times(confirm_within, 0, guard_for)).switch_only()
