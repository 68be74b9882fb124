"""A whole checklist's report, made up: every line of the bundled file in every status, with hostile texts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from deploy_gate.checklist.loading import load
from deploy_gate.checklist.model import Phase
from deploy_gate.engine.entry import Entry, State
from deploy_gate.engine.gate import Report, Row
from deploy_gate.engine.plan import Plan
from deploy_gate.engine.verdict import Judged, decide
from deploy_gate.result import Result, Severity, Status

STARTED = datetime(2026, 11, 25, 2, 30, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)> &amp; \u202e ![x](https://evil.example/x.png) 'q\" x"
CLASSES: list[dict[str, Any]] = [
    {
        "message": "read: 4000 requests",
        "class": "read",
        "requests": 4000,
        "errors": 2,
        "p50": 80,
        "p95": 240,
        "p99": 500,
    },
    {
        "message": "write: 900 requests",
        "class": "write",
        "requests": 900,
        "errors": 9,
        "p50": 90,
        "p95": 610,
        "p99": 800,
    },
    {"message": "health: 60 requests", "class": "health", "requests": 60, "errors": 0, "p50": 2, "p95": 4, "p99": 9},
]
_MEASURED: dict[str, dict[str, Any]] = {
    "p95": {"target": 500.0, "measured": 240.0, "evidence": CLASSES},
    "errors": {"target": 0.001, "measured": 0.0022, "evidence": CLASSES},
    "cpu": {"target": 60.0, "measured": 42.5},
    "memory": {"target": 70.0, "measured": 75.1},
    "health": {"target": 0.1, "measured": 0.0421},
    "public": {"target": 0.5, "measured": 0.61},
}


def over_time(number: int = 30) -> list[dict[str, Any]]:
    """A series as a check records it, with a gap."""
    return [
        {
            "at": f"02:{place:02}",
            "class": name,
            **({} if place == 12 else {"p95_ms": 200 + 10 * place + (150 if name == "write" else 0)}),
            "errors_share": 0.0001 * place,
        }
        for place in range(number)
        for name in ("read", "write")
    ]


def full_report(phase: Phase = Phase.VERIFY, status: Status | None = None, most: int = 1000) -> Report:
    """Every line, or the first `most`; each sixth one not passed, the statuses in turn, or all of one status."""
    source = load(None)
    entries, rows = [], []
    others = [one for one in Status if one is not Status.PASSED]
    for place, (name, item) in enumerate(list(source.checklist.items.items())[:most]):
        word = status or (others[place // 6 % len(others)] if place % 6 == 0 else Status.PASSED)
        state = State.PLANNED if word is Status.PENDING else State.RUN
        entry = Entry(name, item, item.title, state, severity=item.severity)
        more = {"evidence": [{"path": f"shop/{n}.py", "line": n, "message": f"finding {n}"} for n in range(place % 4)]}
        if name == "server-logs":
            more = {"evidence": over_time()}
        found = f"{name}: 3 of 4, the limit is 2" if place % 5 else f"{HOSTILE} {name}"
        fix = "" if word is Status.PASSED else "see what the service waits for, then run again"
        result = Result.of(word, found, fix, **{**more, **_MEASURED.get(name, {}), "seconds": place / 10})
        entries.append(entry)
        rows.append(Row(entry, Judged(name, Severity(item.severity), result, decides=state is State.RUN)))
    plan = Plan(source, phase, "production", True, entries, 0)
    verdict = decide([row.judged for row in rows])
    return Report(plan, rows, verdict, "a1" * 20, STARTED, 42.5, ["left to another job: 2 items of this phase"])
