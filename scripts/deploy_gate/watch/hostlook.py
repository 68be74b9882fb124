"""One look at the servers: is the release still live, what is it waiting for, which alerts came in."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from deploy_gate import process
from deploy_gate.engine.executor import Job
from deploy_gate.result import Evidence, Result, brief, error, failed, passed
from deploy_gate.rollout.servers import READS, SECRETS, Login, servers, side_by_side
from deploy_gate.ssh.hostprogram import Answer, HostProgram

HOST = "the servers"
GUARD = "guard"
_EVENTS = ("alert", "alertmanager")
_LINES = "40"


@dataclass(frozen=True, slots=True)
class Standing:
    """Who took the release out (empty: nobody), the phase of the servers' own watch, alerts since we look."""

    gone: str = ""
    phase: str = ""
    alerts: tuple[str, ...] = ()
    left: float | None = None
    """Seconds until a server goes back by itself; None: none does."""


def job(login: Login, release: str) -> Job:
    """As the executor runs it."""
    names = (*SECRETS, *READS, "SSH_KNOWN_HOSTS")
    environment = {**process.allowed_environment(names), **{one: os.environ[one] for one in names if one in os.environ}}
    return Job(HOST, partial(look, login, release), 90.0, environment)


def look(login: Login, release: str) -> Result:
    """Ask all of them."""
    with servers(login) as where:
        answers = side_by_side(where, _ask)
    return judge(answers, release)


def _ask(server: HostProgram) -> Answer:
    answer = server.run("status", "--quick", timeout=40)
    if not answer.good:
        return answer
    journal = server.run("journal", f"--lines={_LINES}", timeout=40)
    return Answer(answer.code, {**answer.data, "entries": journal.data.get("entries", []) if journal.good else []})


def judge(answers: Sequence[tuple[HostProgram, Answer]], release: str) -> Result:
    """Failed where it is not live any more; `gone` says who took it out."""
    evidence: list[Evidence] = []
    lost: list[str] = []
    phases: list[str] = []
    left: list[float] = []
    for server, answer in answers:
        if not answer.good:
            lost.append(f"{server.name}: {answer.found}")
            continue
        evidence += [{"message": text, "alert": text} for text in _alerts(server.name, answer.data)]
        watch = answer.data.get("watch")
        phases.append(str(watch.get("phase")) if isinstance(watch, dict) else GUARD)
        if isinstance(watch, dict) and phases[-1] != GUARD and isinstance(watch.get("seconds_left"), int | float):
            left.append(float(watch["seconds_left"]))
        if answer.data.get("release") != release:
            told = f"{server.name}: {gone(answer.data, release)}"
            return failed(told, "see `slots journal` on the server", evidence=[*evidence, {"gone": told}])
    if lost:
        return error("; ".join(lost), "see whether the server can be reached", evidence=evidence)
    phase = next((one for one in phases if one != GUARD), GUARD)
    evidence.append({"phase": phase, "left": min(left, default=None)})
    return passed(f"{release[:12]} is live, {phase}", evidence=evidence)


def gone(data: Mapping[str, Any], release: str) -> str:
    """Who took it out."""
    left = [one for one in data.get("left", []) if isinstance(one, dict) and one.get("release") == release]
    by = f"by {left[-1].get('by')}: {left[-1].get('reason')}" if left else "by somebody"
    return brief(f"{release[:12]} was taken out {by}; live is {str(data.get('release'))[:12]}", 300)


def _alerts(name: str, data: Mapping[str, Any]) -> list[str]:
    """Those after the switch, by the order of the journal: two clocks need not agree."""
    entries = data.get("entries")
    listed = [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
    after = max((place for place, one in enumerate(listed, 1) if one.get("step") == "switch"), default=0)
    kept = [one for one in listed[after:] if one.get("event") in _EVENTS]
    return [brief(f"{name}: alert {one.get('kind', '')}: {one.get('text', '')}", 300) for one in kept]


def standing(result: Result) -> Standing:
    """What a look said."""
    texts: dict[str, list[str]] = {"gone": [], "phase": [], "alert": []}
    for entry in result.evidence:
        for name, kept in texts.items():
            if name in entry:
                kept.append(str(entry[name]))
    last = {name: kept[-1] if kept else "" for name, kept in texts.items()}
    left = next((one["left"] for one in result.evidence if isinstance(one.get("left"), int | float)), None)
    return Standing(last["gone"], last["phase"], tuple(texts["alert"]), None if left is None else float(left))
