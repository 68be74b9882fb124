"""What ends the wait after a switch, or prolongs it: the release is good, or a person is to look at it first."""

from __future__ import annotations

from collections.abc import Sequence

from deploy_gate.problems import Misconfigured
from deploy_gate.result import brief
from deploy_gate.rollout import order, prepare, way
from deploy_gate.rollout.servers import tried, who
from deploy_gate.ssh.hostprogram import DONE, Answer, HostProgram

LIVE = "live"


def check(release: str) -> None:
    """Misconfigured for what names no release: forty digits, `live`, or nothing."""
    if release not in ("", LIVE) and not order.RELEASE.fullmatch(release):
        expected = f"forty hexadecimal digits, or '{LIVE}'"
        raise Misconfigured([f"input 'release' is '{brief(release)}', expected {expected}"])


def meant(where: Sequence[HostProgram], release: str) -> str:
    """The release that is meant: the one that was named, the live one, or the git tree that is checked out."""
    return way.live(way.look(where)) if release == LIVE else order.identity(release)


def confirm(
    where: Sequence[HostProgram], release: str, leases: dict[str, str] | None = None, *, reason: str = ""
) -> None:
    """On one server after the other; Stopped at the first that does not. A lost answer is asked for again.

    The lease is given back in the same call: it is taken out of `leases`.
    """
    held = {} if leases is None else leases

    def call(server: HostProgram) -> Answer:
        token = held.get(server.name, "")
        why = ("--reason", reason[:300]) if reason else ()
        steps = [("confirm", release, "--by", who(), *why), *([("lease", "release")] if token else [])]
        answer = tried(lambda one: one.steps(*steps, timeout=120, lease=token), server)
        answer = server.steps(*steps, timeout=120, lease=token) if answer.lost else answer
        if answer.good:
            held.pop(server.name, None)
        # Confirmed is confirmed, also when the lease could not be given back: then it is tried again, or runs out.
        return Answer(DONE, answer.data) if answer.of("confirm").get("exit") == DONE else answer

    for server in where:
        prepare.step("confirm", [server], call)


def hold(where: Sequence[HostProgram], release: str, *, within: float, reason: str) -> None:
    """On all of them, at once; Stopped at the first that does not: that one goes back when its time is over."""
    words = ("hold", release, "--within", f"{within:g}", "--reason", reason[:300], "--by", who())
    prepare.step("hold", where, lambda server: server.run(*words))
