"""Goes back to the release before, on all servers at once."""

from __future__ import annotations

from typing import Any

from deploy_gate.catalog import About
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Result, brief, passed
from deploy_gate.rollout import back, way
from deploy_gate.rollout.order import RELEASE
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
    from_release: str,
    to_release: str,
    unconfirmed: bool,
    reason: str,
    dry_run: bool,
    force: bool,
    sla: Duration,
) -> Result:
    """Leave a release; idempotent, waiting for nobody, and measured."""
    check_releases(from_release, to_release)
    with servers(Login(host, host_keys, config, python, sudo)) as where:
        leaves = from_release
        if dry_run or to_release or not leaves:
            ways = way.look(where)
            if dry_run or way.trouble(ways, to_release):
                return way.shown(ways, to_release)
            leaves = leaves or way.live(ways)
        if unconfirmed and not (where := way.unconfirmed(where, leaves)):
            return passed(f"{leaves[:12]} is not live, or confirmed: nothing was changed")
        return back.judge(back.go(where, leaves, reason or "asked for", force=force), leaves, sla)


def validate(
    *,
    host: list[str],
    host_keys: str,
    config: str,
    python: str,
    sudo: bool,
    from_release: str,
    to_release: str,
    **_: Any,
) -> None:
    """What no type can tell."""
    check_releases(from_release, to_release)
    Login(host, host_keys, config, python, sudo).check()


def check_releases(*releases: str) -> None:
    """Forty digits or nothing."""
    bad = [one for one in releases if one and not RELEASE.fullmatch(one)]
    wrong = [f"'{brief(one)}' is no release id, expected forty hexadecimal digits" for one in bad]
    if wrong:
        raise Misconfigured(wrong)
