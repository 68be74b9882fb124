"""Ledgers with their evidence, made up, written as the record operation writes them."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from deployments import END, MOMENT
from full_reports import CLASSES, HOSTILE

from deploy_gate.ledger import chain
from deploy_gate.ledger.entry import Entry, Kind, Outcome, Times

Deployed = tuple[Entry, Mapping[str, Any]]


def written(folder: Path, deployed: Sequence[Deployed]) -> Path:
    """The folder with `ledger.jsonl` and `entries/`."""
    (folder / "entries").mkdir(parents=True)
    head, lines = chain.Head(), []
    for entry, document in deployed:
        raw = chain.canonical(document)
        fields = {**entry.as_json(), "evidence": chain.digest(raw)}
        line, head = chain.line(fields, head)
        lines.append(line)
        (folder / "entries" / f"{head.number}.json").write_bytes(raw)
    (folder / "ledger.jsonl").write_bytes(b"".join(lines))
    return folder


def line(name: str, check: str, status: str, **more: Any) -> dict[str, Any]:
    """One line of a report.json."""
    told = {"section": "monitoring", "title": name, "severity": "block", "found": f"{name} {status}", "fix": ""}
    rest: dict[str, Any] = {"target": None, "measured": None, "evidence": [], "seconds": 0.1}
    return {"id": name, "check": check, **told, "status": status, **rest, **more}


def p95(measured: float, target: float = 500.0) -> dict[str, Any]:
    """The line p95 of the bundled checklist."""
    status = "failed" if measured >= target else "passed"
    return line("p95", "traffic", status, measured=measured, target=target, evidence=CLASSES)


def errors(number: int, requests: int, status: str) -> dict[str, Any]:
    """The line on the rate of errors."""
    counts = [
        {"class": "read", "requests": requests, "errors": number},
        {"class": "health", "requests": 9, "errors": 9},
    ]
    return line("errors", "traffic", status, measured=number / requests, target=0.001, evidence=counts)


def report(
    *items: Mapping[str, Any], phase: str = "monitor", verdict: str | None = None, at: str = ""
) -> dict[str, Any]:
    """A report.json of those lines; its verdict is of their statuses."""
    decided = next((one["id"] for one in items if one["status"] in ("failed", "error")), None)
    statuses = [one["status"] for one in items]
    word = "no-go" if "failed" in statuses else "could-not-tell" if "error" in statuses else "go"
    return {
        "schema": 1,
        "phase": phase,
        "environment": "production",
        "commit": "c" * 40,
        "checklist_sha256": "0" * 64,
        "started": at or "2026-11-25T02:30:00.000Z",
        "seconds": 12.5,
        "verdict": verdict or word,
        "decided_by": decided,
        "items": list(items),
    }


def history(number: int, whole: Mapping[str, Any] | None = None) -> list[Deployed]:
    """So many deployments, one every four hours; every tenth fell back, one in seventeen was stopped or cut off."""
    found: list[Deployed] = []
    for place in range(number):
        ended = END - timedelta(hours=4 * (number - place))
        began = ended - timedelta(minutes=6)
        slow = 200.0 + 7 * (place % 40) + (500 if place % 10 == 4 else 0)
        outcome = Outcome.FELL_BACK if place % 10 == 4 else Outcome.DEPLOYED
        outcome = {3: Outcome.NOT_SWITCHED, 12: Outcome.UNKNOWN}.get(place % 17, outcome)
        entry = Entry(
            environment="staging" if place % 5 == 2 else "production",
            release=release(place),
            kind=Kind.DEPLOY,
            outcome=outcome,
            began=began.strftime(MOMENT),
            ended=ended.strftime(MOMENT),
            commit=release(place)[::-1],
            from_release=release(place - 1),
            digests={"backend": "sha256:" + "0" * 64},
            subject=f"feat: order number {place}" if place % 7 else HOSTILE,
            author="Grace Hopper",
            actor="ada",
            run_url="https://github.example/shop/actions/runs/1" if place % 7 else "javascript:alert(1)",
            decided_by="p95" if outcome is Outcome.FELL_BACK else None,
            why=f"p95 {slow:g} ms, the limit is 500 ms" if outcome is Outcome.FELL_BACK else "",
            times=Times(360, *((20.0, 5.0, 1.2) if outcome is Outcome.FELL_BACK else (None, None, None))),
            counts={"passed": 90, "warned": 3},
            met={"p95": slow, "errors": place % 6 / 5000, "health": 0.04},
            signoffs=[{"role": "technical-lead", "by": "grace"}, {"role": "qa-team", "by": HOSTILE}],
            waivers=[{"item": "image-size", "why": HOSTILE}],
        )
        at = (began + timedelta(minutes=4)).strftime(MOMENT)
        first = [whole] if whole else []
        lines = (p95(slow), errors(place % 6, 5000, "passed"), line("health", "http-endpoint", "passed", measured=0.04))
        found.append((entry, {"reports": [*first, report(*lines, at=at)], "deploy": {}, "rollback": {}}))
    return found


def release(place: int) -> str:
    """A git tree, made up."""
    return hashlib.sha256(str(place).encode()).hexdigest()[:40]


def with_document(found: Deployed, document: Mapping[str, Any]) -> Deployed:
    """The same deployment with other evidence."""
    return replace(found[0]), json.loads(json.dumps(document))


def key_pair(folder: Path, name: str) -> tuple[str, str]:
    """A private key and its public one."""
    path = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], check=True)
    return path.read_text(), path.with_suffix(".pub").read_text()
