"""`plan`: what a gate would do, with which values, and what is not set up. Runs nothing."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy_gate import arguments
from deploy_gate.checklist.model import Phase
from deploy_gate.commands.gate_command import planned
from deploy_gate.engine import bundle, masking
from deploy_gate.engine.entry import Entry, State
from deploy_gate.engine.plan import Code, Plan
from deploy_gate.inputs import convert
from deploy_gate.problems import Misconfigured
from deploy_gate.report.answer import coloured, paint


def run(argv: list[str]) -> int:
    """Print the plan of one phase, or of all."""
    parser = arguments.Parser("plan", "Show what would run, with which values, and what is not set up. Runs nothing.")
    parser.add_argument("--phase", help="one phase (default: all)")
    parser.add_argument("--environment", default="", help="name of the environment")
    parser.add_argument("--checklist", type=Path, help="the checklist file")
    parser.add_argument("--only", nargs="+", default=[], help="ids of items")
    parser.add_argument("--code", default="with", help="with, only or without the items that run the repository's code")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse(argv)
    bundle.unpack()
    phases = [_choice("--phase", options.phase, Phase)] if options.phase else list(Phase)
    code = _choice("--code", options.code, Code)
    plans = [planned(Phase(phase), options.environment, options.checklist, options.only, code) for phase in phases]
    if options.json:
        print(json.dumps([item for one in plans for item in map(_json, _entries(one))], indent=2))
    else:
        for one in plans:
            print("\n".join(_lines(one, coloured(sys.stdout))))
    return 0


def _choice(name: str, text: str, legal: Any) -> Any:
    try:
        return Phase(text) if legal is Phase else convert(text, legal)
    except ValueError as fault:
        expected = ", ".join(Phase) if legal is Phase else fault
        raise Misconfigured([f"{name} is '{text}', expected one of {expected}"]) from None


def _entries(plan: Plan) -> Iterator[tuple[Plan, Entry]]:
    return ((plan, entry) for entry in plan.entries)


def _json(pair: tuple[Plan, Entry]) -> dict[str, Any]:
    plan, entry = pair
    return {
        "phase": plan.phase,
        "id": entry.id,
        "title": entry.title,
        "check": entry.item.check,
        "state": entry.state,
        "reason": entry.reason,
        "fix": entry.fix,
        "severity": entry.severity,
        "runs_code": entry.runs_code,
        "secrets": {name: name in os.environ for name in entry.secrets},
        "timeout": entry.timeout,
        "with": masking.from_environment().any({key: _plain(value) for key, value in entry.values.items()}),
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None | list) else str(value)


def _lines(plan: Plan, colours: bool) -> Iterator[str]:
    yield paint(f"{plan.phase}{' · ' + plan.environment if plan.environment else ''}", "1", colours)
    yield from (f"  {note}" for note in plan.notes)
    width = max((len(entry.id) for entry in plan.entries), default=0)
    for state in State:
        chosen = [entry for entry in plan.entries if entry.state is state]
        if state in (State.PLANNED, State.SKIPPED):
            for reason in dict.fromkeys(entry.reason for entry in chosen):
                names = ", ".join(entry.id for entry in chosen if entry.reason == reason)
                yield f"  {'not built yet' if state is State.PLANNED else f'{state}, {reason}'}: {names}"
            continue
        for entry in chosen:
            yield f"  {state:<14}{entry.id:<{width}}  {_detail(entry)}"
    yield ""


def _detail(entry: Entry) -> str:
    if entry.state is not State.RUN:
        return entry.reason + (f" → {entry.fix}" if entry.fix else "")
    given = masking.from_environment().any(
        {key: _plain(value) for key, value in entry.values.items() if value not in ("", None, [])}
    )
    marks = [
        *(["runs code"] if entry.runs_code else []),
        *(f"secret {name}" for name in entry.secrets if name in os.environ),
    ]
    values = " ".join(f"{key.replace('_', '-')}={value!r}" for key, value in given.items())
    return f"{entry.item.check} {values}" + (f"  [{', '.join(marks)}]" if marks else "")
