"""The way back, as the servers tell it: which release, warm or cold, how long, and whether the schema allows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deploy_gate.result import CouldNotTell, Result, brief, failed, passed
from deploy_gate.rollout.servers import side_by_side
from deploy_gate.ssh.hostprogram import HostProgram

Ways = list[tuple[HostProgram, dict[str, Any]]]


def look(where: Sequence[HostProgram]) -> Ways:
    """What each server's `status` says; CouldNotTell at the first that does not answer."""
    answers = side_by_side(where, lambda server: server.run("status", timeout=60))
    for server, answer in answers:
        if not answer.good or not isinstance(answer.data.get("rollback"), dict):
            raise CouldNotTell(f"{server.name}: {answer.found}", answer.fix)
    return [(server, dict(answer.data)) for server, answer in answers]


def unconfirmed(where: Sequence[HostProgram], release: str) -> list[HostProgram]:
    """Those where it is live and nobody said yet that it is good; one that does not answer may be such."""
    answers = side_by_side(where, lambda server: server.run("status", "--quick", timeout=60))
    return [server for server, answer in answers if not (answer.good and _settled(answer.data, release))]


def _settled(told: Mapping[str, Any], release: str) -> bool:
    watch = told.get("watch")
    return told.get("release") != release or not isinstance(watch, dict) or watch.get("phase") == "guard"


def live(ways: Ways) -> str:
    """The release that is live on all of them; CouldNotTell when they differ."""
    found = {str(told["release"]) for _, told in ways}
    if len(found) > 1:
        which = ", ".join(f"{server.name} {told['release'][:12]}" for server, told in ways)
        raise CouldNotTell(
            f"the servers do not serve the same release: {which}", "name the one to leave: `from-release`"
        )
    return found.pop()


def trouble(ways: Ways, wanted: str) -> str:
    """Why the way back does not lead to the release that is wanted (empty: to any)."""
    for server, told in ways:
        release = str(told["rollback"]["release"])
        if wanted not in (release, "") and wanted != told["release"]:
            where = f"to {release[:12]}" if release else "nowhere"
            return f"on {server.name} the way back leads {where}, not to {wanted[:12]}"
    return ""


def shown(ways: Ways, wanted: str) -> Result:
    """What a rollback would do; failed when it could not."""
    evidence = [{"message": _told(server, told)} for server, told in ways]
    if found := trouble(ways, wanted):
        return failed(found, f"deploy {wanted[:12]} like any other release", evidence=evidence)
    stuck = [(server, told) for server, told in ways if not told["rollback"]["possible"]]
    if stuck:
        server, told = stuck[0]
        fix = "ship a correction forward, or downgrade the schema first and say `force`"
        if not told["rollback"]["release"]:
            fix = "there was no release before; deploy one that is good"
        return failed(f"no way back by a switch on {server.name}: {_told(server, told)}", fix, evidence=evidence)
    return passed("would go back: " + "; ".join(_told(server, told) for server, told in ways), evidence=evidence)


def _told(server: HostProgram, told: dict[str, Any]) -> str:
    back = told["rollback"]
    now = f"{server.name} serves {str(told['release'])[:12]} from {told['live']}"
    if not back["release"]:
        return f"{now}, and there is no release before"
    schema = brief(str(back.get("schema", "")), 40)
    text = f"{now}, before it {str(back['release'])[:12]} ({back['kind']}, about {back['about_seconds']} s"
    return f"{text}, schema: {schema})"
