"""Brings a release to the servers, switches to it, and confirms it or falls back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from deploy_gate.catalog import About
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Result
from deploy_gate.rollout import idle, order
from deploy_gate.rollout.deployment import Deployment, Terms, check_groups
from deploy_gate.rollout.servers import READS, SECRETS, Login, servers
from deploy_gate.units import Duration, show_duration

ABOUT = About(secrets=SECRETS, reads=READS, timeout=7200, runs_items=True)
MARGIN = 30.0


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
    environment: str,
    checklist: Path | None,
    report: Path | None,
    acknowledged: bool,
    confirm_within: Duration,
    watch: Duration,
    guard_for: Duration,
    at_once: int,
    confirm: bool,
    wait: Duration,
) -> Result:
    """Deploy to all of the servers or to none; after the switch any trouble leads back, and says so."""
    check_times(confirm_within, watch)
    check_groups(at_once)
    made = order.made(
        release=release,
        smoke=smoke,
        smoke_command=smoke_command,
        manifest=manifest,
        archive=archive,
        acknowledged=acknowledged,
    )
    made = replace(made, idle=idle.question(checklist=checklist, environment=environment, report=report))
    with servers(Login(host, host_keys, config, python, sudo)) as where:
        idle.clear(where, made.idle)
        terms = Terms(confirm_within, watch, guard_for, at_once, confirm, wait)
        return Deployment(where, made.release, terms).run(made)


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
    confirm_within: float,
    watch: float,
    at_once: int,
    **_: Any,
) -> None:
    """What no type can tell."""
    check_times(confirm_within, watch)
    check_groups(at_once)
    Login(host, host_keys, config, python, sudo).check()
    order.check(release=release, smoke=smoke, smoke_command=smoke_command, manifest=manifest, archive=archive)


def check_times(confirm_within: float, watch: float) -> None:
    """The watch must end before the server goes back by itself, with time to say so."""
    if confirm_within < watch + MARGIN:
        least = show_duration(watch + MARGIN)
        raise Misconfigured([f"input 'confirm-within' is {show_duration(confirm_within)}, expected {least} or more"])
