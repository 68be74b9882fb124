"""`backtest`: would today's rules have rolled back the last deployments? From the ledger's evidence; runs nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deploy_gate import arguments
from deploy_gate.checklist import loading
from deploy_gate.commands.gate_command import find_checklist
from deploy_gate.ledger import backtest, rules
from deploy_gate.ledger.backtest import Judgement
from deploy_gate.pages import archive
from deploy_gate.pages.archive import Archive
from deploy_gate.problems import Misconfigured
from deploy_gate.units import counted


def run(argv: list[str]) -> int:
    """Judge the last deployments again and print what would have come of it."""
    parser = arguments.Parser("backtest", "Would today's rules have rolled back your last deployments?")
    parser.add_argument("ledger", type=Path, help="a checkout of the ledger's branch")
    parser.add_argument("--last", type=int, default=20, help="how many deployments (default: 20)")
    parser.add_argument("--environment", default="production", help="which deployments")
    parser.add_argument("--checklist", type=Path, help="the checklist whose rules are tried")
    parser.add_argument("--try", nargs="+", default=[], dest="changed", metavar="ITEM.limit=VALUE", help="other rules")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse(argv)
    if not 1 <= options.last <= 10_000:
        raise Misconfigured([f"--last is {options.last}, expected 1 to 10000"])
    checklist = loading.load(find_checklist(options.checklist)).checklist
    tried = rules.of(checklist, options.environment, _pairs(options.changed))
    found = judged(archive.opened(options.ledger), options.environment, tried, options.last)
    print(json.dumps(list(map(_json, found)), indent=2) if options.json else text(found))
    return 0


def judged(there: Archive, environment: str, tried: rules.Rules, last: int) -> list[Judgement]:
    """The last deployments that reached an environment, newest first."""
    own = [one for one in there.records if one.told is not None and one.entry.environment == environment]
    newest = sorted(own, key=lambda one: one.entry.ended, reverse=True)[:last]
    return [backtest.judge(one.told, there.document(one)[0], tried) for one in newest if one.told is not None]


def text(found: Sequence[Judgement]) -> str:
    """For a terminal: a line each, then the sum."""
    lines = [_line(one) for one in found]
    told = ", ".join(f"{number} {worth}" for worth, number in backtest.counts(found).items() if number)
    return "\n".join([*lines, f"{counted(len(found), 'deployment')}: {told or 'nothing to judge'}"])


def _line(one: Judgement) -> str:
    became = one.deployment.failure or one.entry.outcome
    why = f"{one.decided_by}: {one.why}" if one.decided_by else ""
    return (
        f"{one.entry.ended}  {one.entry.release[:12]}  {became:<14} → {one.answer:<17}  {one.worth:<12}  {why}".rstrip()
    )


def _pairs(words: Sequence[str]) -> dict[str, str]:
    wrong = [word for word in words if not all(word.partition("="))]
    if wrong:
        raise Misconfigured([f"--try is '{wrong[0][:80]}', expected ITEM.limit=VALUE or ITEM.severity=VALUE"])
    return {word.partition("=")[0]: word.partition("=")[2] for word in words}


def _json(one: Judgement) -> dict[str, Any]:
    return {
        "release": one.entry.release,
        "ended": one.entry.ended,
        "outcome": one.entry.outcome,
        "failure": one.deployment.failure,
        "answer": one.answer,
        "worth": one.worth,
        "decided_by": one.decided_by,
        "why": one.why,
    }
