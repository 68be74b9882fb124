"""The troubleshooting guide, run: what a server says of itself, read-only, bounded, in two parts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from deploy_gate.result import CouldNotTell, clean
from deploy_gate.rollout.onhost.diagnosis import masked
from deploy_gate.rollout.servers import tried
from deploy_gate.ssh.hostprogram import Answer, HostProgram

_FINE = (0, None)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Of one server: titles with texts, and what is wrong."""

    server: str
    sections: dict[str, str]
    faults: list[str]


def of(server: HostProgram, lines: int) -> Diagnosis:
    """Look at everything; what cannot be looked at is a fault of its own, the rest is shown all the same."""
    sections: dict[str, str] = {}
    status = tried(lambda one: one.run("status", timeout=60), server)
    faults = _status(status)
    sections["status"] = _shown(status.data) if status.good else status.found
    preflight = tried(lambda one: one.run("preflight", timeout=60), server)
    for line in preflight.data.get("lines", []):
        sections["preflight"] = sections.get("preflight", "") + f"{line['status']} {line['name']}: {line['found']}\n"
        faults += [f"{line['name']}: {line['found']}"] if line["status"] in ("failed", "unknown") else []
    for slot in status.data.get("slots", {}):
        logs = tried(lambda one, slot=slot: one.run("logs", slot, timeout=60), server)  # type: ignore[misc]
        sections[f"log of {slot}"] = "\n".join(str(logs.data.get("text") or logs.found).splitlines()[-lines:])
    journal = tried(lambda one: one.run("journal", "show", "--lines", str(lines), timeout=60), server)
    sections["journal"] = "\n".join(json.dumps(one) for one in journal.data.get("entries", [])) or journal.found
    for one in _machine(server, lines):
        sections[one["title"]] = str(one["text"])
        if one["code"] not in _FINE:
            faults.append(f"{one['title']}: {(str(one['text']).strip().splitlines() or ['it said nothing'])[-1]}")
    # Masked here too: the host program there may be an older one.
    texts = {title: clean(masked(text)) for title, text in sections.items()}
    return Diagnosis(server.name, texts, [masked(fault) for fault in faults])


def _status(answer: Answer) -> list[str]:
    if not answer.good:
        return [answer.found]
    data, faults = answer.data, list(map(str, answer.data.get("findings", [])))
    live = data.get("slots", {}).get(data.get("live"), {})
    faults += [
        f"the live slot is not {kind}: {live[kind]}" for kind in ("alive", "ready") if live.get(kind, "yes") != "yes"
    ]
    if not data.get("guard", {}).get("alive"):
        faults.append("the guard does not run")
    return faults


def _shown(data: Mapping[str, Any]) -> str:
    return json.dumps({key: value for key, value in data.items() if key not in ("said", "exit", "command")}, indent=1)


def _machine(server: HostProgram, lines: int) -> list[dict[str, Any]]:
    source = resources.files("deploy_gate.rollout.onhost").joinpath("diagnosis.py").read_bytes()
    try:
        argv = ["sh", "-c", 'cd && exec "$@"', "look", server.python, "-I", "-", server.config, str(lines)]
        out = server.connection.ask(argv, timeout=120, stdin=source)
        found = json.loads(out.splitlines()[-1])
    except (CouldNotTell, ValueError, IndexError) as fault:
        return [{"title": "machine", "code": 1, "text": str(fault)}]
    return [one for one in found if isinstance(one, dict) and {"title", "code", "text"} <= one.keys()]
