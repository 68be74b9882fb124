"""Switches to a release on staging and back under requests, and lets the server record it."""

from __future__ import annotations

from typing import Any

from deploy_gate.catalog import About
from deploy_gate.result import Result, failed, passed
from deploy_gate.rollout import lease, order, prepare
from deploy_gate.rollout.order import Order
from deploy_gate.rollout.servers import READS, SECRETS, Login, servers, who
from deploy_gate.rollout.stopped import Stopped
from deploy_gate.ssh.hostprogram import HostProgram

ABOUT = About(secrets=SECRETS, reads=READS, timeout=7200)
UNTOUCHED = "production is another environment; here `do diagnose` shows what is live"


def operate(  # noqa: PLR0913 - one for each input
    *,
    host: list[str],
    host_keys: str,
    config: str,
    python: str,
    sudo: bool,
    release: str,
    manifest: str,
    archive: str,
    smoke: list[str],
    smoke_command: str,
    acknowledged: bool,
) -> Result:
    """Rehearse on each server; afterwards the release stands in the idle slot as if it had only been prepared."""
    made = order.made(
        release=release,
        smoke=smoke,
        smoke_command=smoke_command,
        manifest=manifest,
        archive=archive,
        acknowledged=acknowledged,
    )
    with servers(Login(host, host_keys, config, python, sudo)) as where:
        return rehearsed(where, made)


def validate(  # noqa: PLR0913 - one for each input
    *,
    host: list[str],
    host_keys: str,
    config: str,
    python: str,
    sudo: bool,
    release: str,
    manifest: str,
    archive: str,
    smoke: list[str],
    smoke_command: str,
    **_: Any,
) -> None:
    """What no type can tell."""
    Login(host, host_keys, config, python, sudo).check()
    order.check(release=release, smoke=smoke, smoke_command=smoke_command, manifest=manifest, archive=archive)


def rehearsed(where: list[HostProgram], made: Order) -> Result:
    """Prepare as for a deployment, then switch and roll back."""
    try:
        live = prepare.receive(where, made)
        if made.release in live.values():
            found = f"{made.release[:12]} is live here already, so there is nothing to switch to"
            return failed(found, "rehearse before it is deployed, or rehearse another release")
        asked = {server.name: made.release for server in where}
        with lease.held(where, f"rehearse {made.release[:12]}", preflight=asked) as leases:
            prepare.prepare(where, made, leases)
            words = ("rehearse", made.release, "--by", who())
            told = [
                prepare.step(
                    "rehearse", [one], lambda server: server.run(*words, timeout=900, lease=leases[server.name])
                )
                for one in where
            ]
    except Stopped as stopped:
        return stopped.result(UNTOUCHED)
    return judge([dict(answer.data) for pair in told for _, answer in pair], made.release)


def judge(told: list[dict[str, Any]], release: str) -> Result:
    """The slowest and the worst of them, as one line."""
    slowest = max(float(one["rollback_seconds"]) for one in told)
    sla = min(float(one["sla"]) for one in told)
    sent, lost = sum(int(one["sent"]) for one in told), sum(int(one["failed"]) for one in told)
    found = f"{release[:12]}: {lost} of {sent} requests failed, rollback {slowest:.2f} s of {sla:g} s"
    keys = ("sent", "failed", "switch_seconds", "rollback_seconds", "sla")
    return passed(found, target=sla, measured=slowest, evidence=[{key: one[key] for key in keys} for one in told])
