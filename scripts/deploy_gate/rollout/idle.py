"""The phase `idle-slot` of the checklist: the new release is looked at on its own port before anybody else meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy_gate import bootstrap, process, runner
from deploy_gate.checklist.variables import SERVER, SLOT_URL
from deploy_gate.descendants import die_with_parent
from deploy_gate.facts import textfile
from deploy_gate.result import CouldNotTell, brief
from deploy_gate.ssh.forward import forwarded
from deploy_gate.ssh.hostprogram import HostProgram

LONGEST = 1800.0
"""All lines together; each has a limit of its own."""
GRACE = 6.0
"""A journey that is ended early takes back what it made."""
_MOST = 16 * 1024 * 1024
_PHASE = "idle-slot"


@dataclass(frozen=True, slots=True)
class Question:
    """Whose checklist, and the folder that gets a folder for each server's report."""

    checklist: Path | None
    environment: str
    report: Path | None

    def folder(self, server: HostProgram) -> Path | None:
        """Of one server's report, named by its address; an artifact's files must not have a colon."""
        return self.report and self.report / server.name.replace(":", "+")


def question(*, checklist: Path | None, environment: str, report: Path | None) -> Question | None:
    """What is to be asked, None where nothing is; Misconfigured for a wrong checklist, before anything is touched."""
    if not environment:
        return None
    # A deployment without a checklist does not wait until its model is loaded.
    from deploy_gate.checklist.model import Phase
    from deploy_gate.commands import gate_command
    from deploy_gate.engine.entry import State

    plan = gate_command.planned(Phase(_PHASE), environment, checklist, [], "without")
    if not any(entry.state in (State.RUN, State.SET_UP, State.UNKNOWN) for entry in plan.entries):
        runner.say("the checklist has no line for the idle slot")
        return None
    return Question(checklist, environment, report)


def clear(where: Iterable[HostProgram], asked: Question | None) -> None:
    """Take older reports away: a server that it does not come to has none."""
    folders = [folder for one in where if asked and (folder := asked.folder(one))]
    if folders:
        from deploy_gate.report import write

        for folder in folders:
            write.clear(folder)


def trouble(server: HostProgram, port: int, asked: Question) -> str:
    """Why this server's idle slot must not be switched to; empty when all is well there."""
    with TemporaryDirectory(prefix="deploy-gate-") as scratch, forwarded(server.connection, port) as here:
        report = asked.folder(server) or Path(scratch)
        words = ["--phase", _PHASE, "--environment", asked.environment, "--code", "without"]
        words += ["--report", str(report), *(["--checklist", str(asked.checklist)] if asked.checklist else [])]
        code = _gate(words, {SLOT_URL: f"http://127.0.0.1:{here}", SERVER: server.name})
        return "" if code == 0 else _told(report / "report.json", code)


def _gate(words: list[str], more: Mapping[str, str]) -> int:
    """A process of its own: at its end the gate ends all that is below it, which here would be the connections."""
    # Its outputs are not this step's, and neither are its inputs.
    env = {name: value for name, value in os.environ.items() if name not in ("GITHUB_OUTPUT", "DEPLOY_GATE_INPUTS")}
    child = subprocess.Popen(
        [sys.executable, "-I", str(bootstrap.ROOT / "scripts"), "gate", *words],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno(),
        env={**env, **more},
        process_group=0,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, no lock
    )
    try:
        return child.wait(LONGEST)
    except subprocess.TimeoutExpired:
        fix = "see which line of the phase idle-slot waits, and for what"
        raise CouldNotTell(f"the idle slot was looked at for {LONGEST:g} s without an end", fix) from None
    finally:
        if child.poll() is None:
            child.terminate()
            with suppress(subprocess.TimeoutExpired):
                child.wait(GRACE)
        process.kill_group(child.pid)
        child.wait()


def _told(path: Path, code: int) -> str:
    """The line that decided, and what it found."""
    raw = textfile.read(path, _MOST)
    try:
        data = json.loads(raw or "")
        decided = data["decided_by"]
        found = next((str(one["found"]) for one in data["items"] if one["id"] == decided), "")
        return brief(f"{data['verdict']}, {decided}: {found}" if decided else str(data["verdict"]), 300)
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"the gate ended with exit code {code}, and left no report"
