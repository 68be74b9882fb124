"""Behind a deployment that is not closed yet: its way back is the slot that the next one wants."""

from __future__ import annotations

import time
from collections.abc import Sequence

from deploy_gate import runner
from deploy_gate.result import one_line
from deploy_gate.rollout.servers import side_by_side
from deploy_gate.ssh.hostprogram import HostProgram

PAUSE = 5.0


def wait(where: Sequence[HostProgram], release: str, seconds: float) -> None:
    """Return when no other release waits for its confirm; when the time is over, the servers refuse by themselves.

    What does not answer is not waited for: the step that comes next says so.
    """
    until, told = time.monotonic() + seconds, ""
    while (found := _open(where, release)) and time.monotonic() < until:
        if found != told:
            runner.say(f"waiting for {found}, at most {seconds:g} s")
            told = found
        time.sleep(min(PAUSE, max(until - time.monotonic(), 0)))


def _open(where: Sequence[HostProgram], release: str) -> str:
    """Which releases are not confirmed, and where."""
    answers = side_by_side(where, lambda server: server.run("status", "--quick", timeout=60))
    found = []
    for server, answer in answers:
        watch = answer.data.get("watch") if answer.good else None
        if isinstance(watch, dict) and watch.get("phase") != "guard" and watch.get("release") != release:
            found.append(f"the confirm of {one_line(str(watch.get('release'))[:12], 20)} on {server.name}")
    return ", ".join(found)
