"""Today's rules against what was recorded then."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from deployments import entry
from ledgers import errors, line, p95, report, written

from deploy_gate.checklist.loading import load
from deploy_gate.commands import backtest_command
from deploy_gate.ledger import rules
from deploy_gate.ledger.backtest import Answer, Judgement, Worth, counts, judge
from deploy_gate.ledger.entry import Entry, Outcome
from deploy_gate.ledger.history import deployments
from deploy_gate.problems import Misconfigured

CHECKLIST = load(None).checklist


def judged(
    *reports: dict[str, Any],
    outcome: Outcome = Outcome.DEPLOYED,
    later: tuple[Entry, ...] = (),
    changed: Mapping[str, str] = MappingProxyType({}),
) -> Judgement:
    """One deployment with those reports; `changed` holds other rules."""
    found = deployments([entry(2, "b", outcome), *later], "production")[0]
    return judge(found, {"reports": list(reports)}, rules.of(CHECKLIST, "production", changed))


HEALTH_503 = line("health", "http-endpoint", "failed", measured=503, target=200, found="answered 503")


@pytest.mark.parametrize(
    ("items", "changed", "answer"),
    [
        # As it was recorded.
        ([p95(200.0)], {}, Answer.KEPT),
        ([p95(900.0)], {}, Answer.BACK),
        ([line("server-logs", "server-logs", "failed")], {}, Answer.BACK),
        ([line("server-logs", "server-logs", "error")], {}, Answer.HELD),
        # Another limit: at it is over it, as in the check itself.
        ([p95(200.0)], {"p95.limit": "200ms"}, Answer.BACK),
        ([p95(200.0)], {"p95.limit": "201ms"}, Answer.KEPT),
        ([p95(900.0)], {"p95.limit": "1s"}, Answer.KEPT),
        # Recorded under a laxer limit than today's.
        ([p95(700.0, 1000.0)], {}, Answer.BACK),
        # Another severity.
        ([p95(900.0)], {"p95.severity": "warn"}, Answer.KEPT),
        ([line("server-logs", "server-logs", "error")], {"server-logs.severity": "info"}, Answer.KEPT),
        # A share is judged by its lower bound: 8 of 5,000 may be chance at 0.1 %, 20 are not.
        ([errors(8, 5000, "passed")], {}, Answer.KEPT),
        ([errors(20, 5000, "passed")], {}, Answer.BACK),
        ([errors(20, 5000, "failed")], {"errors.limit": "1%"}, Answer.KEPT),
        # The trigger at 5 % holds whatever the line's own limit.
        ([errors(500, 5000, "failed")], {"errors.limit": "50%"}, Answer.BACK),
        ([line("cpu", "resources", "passed", measured=55.0, target=60.0)], {"cpu.limit": "50%"}, Answer.BACK),
        # A status code is no time, and a fault in the answer stays one.
        ([HEALTH_503], {"health.limit": "30s"}, Answer.BACK),
        ([line("health", "http-endpoint", "passed", measured=0.7)], {"health.limit": "600ms"}, Answer.BACK),
        # A line that the checklist has no longer has no say; alone it tells nothing.
        ([line("gone", "made-up", "failed"), p95(200.0)], {}, Answer.KEPT),
        ([line("gone", "made-up", "failed")], {}, Answer.UNKNOWN),
        # Somebody answered for it.
        ([line("p95", "traffic", "waived", measured=900.0, target=500.0)], {}, Answer.KEPT),
    ],
)
def test_today_s_rules(items: list[dict[str, Any]], changed: dict[str, str], answer: Answer) -> None:
    assert judged(report(*items), changed=changed).answer is answer


def test_the_first_report_that_says_no_decides_and_names_its_line() -> None:
    found = judged(report(p95(200.0), phase="verify"), report(p95(900.0), HEALTH_503))
    assert (found.answer, found.decided_by) == (Answer.BACK, "p95")
    assert found.why == "failed: p95 failed (and 1 more)"


def test_only_what_was_seen_after_the_switch_counts() -> None:
    assert judged(report(p95(900.0), phase="pre-deploy")).answer is Answer.UNKNOWN
    assert judged().why == "nothing was recorded after the switch"


def test_a_server_that_went_back_by_itself_needs_no_rule() -> None:
    found = judged(outcome=Outcome.FELL_BACK)
    assert (found.answer, found.decided_by, found.worth) == (Answer.BACK, "the servers' own watch", Worth.CAUGHT)
    found = judged(report(p95(900.0)), outcome=Outcome.FELL_BACK, changed={"p95.limit": "2s"})
    assert (found.answer, found.worth) == (Answer.KEPT, Worth.MISSED), "that rule took it back, and is no more"


def test_pending_lines_of_a_go_wait_for_nobody() -> None:
    waiting = line("server-logs", "server-logs", "pending")
    assert judged(report(waiting, p95(200.0), verdict="go")).answer is Answer.KEPT
    assert judged(report(waiting, p95(200.0), verdict="could-not-tell")).answer is Answer.HELD


def test_what_it_would_have_been_worth() -> None:
    hotfix = (entry(1.9, "c", subject="hotfix: it"),)
    found = [
        judged(report(p95(900.0)), outcome=Outcome.FELL_BACK),
        judged(report(p95(900.0))),
        judged(report(p95(200.0)), later=hotfix),
        judged(report(p95(200.0))),
        judged(report(p95(200.0)), outcome=Outcome.UNKNOWN),
    ]
    assert [one.worth for one in found] == [Worth.CAUGHT, Worth.FALSE_ALARM, Worth.MISSED, Worth.RIGHT, Worth.OPEN]
    assert list(counts(found).values()) == [1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"p59.limit": "1s"}, "'p59' is no line after the switch; did you mean 'p95'?"),
        ({"p95.limt": "1s"}, "'p95.limt' is unknown"),
        ({"p95.limit": "fast"}, "p95: expected a duration"),
        ({"server-logs.limit": "1s"}, "server-logs: server-logs records nothing"),
        ({"p95.severity": "loud"}, "p95: expected"),
        ({"p95": "1s"}, "'p95' is no line"),
    ],
)
def test_a_mistake_in_the_tried_rules_is_told(changed: dict[str, str], said: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        rules.of(CHECKLIST, "production", changed)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "document",
    [{}, {"reports": 1}, {"reports": [{"phase": "monitor", "items": [{"id": []}, {"id": "p95", "status": {}}]}]}],
)
def test_recorded_evidence_may_be_anything(document: dict[str, Any]) -> None:
    found = deployments([entry(2, "b")], "production")[0]
    assert judge(found, document, rules.of(CHECKLIST, "production", {})).answer in (Answer.UNKNOWN, Answer.HELD)


def test_at_a_prompt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deployed = [
        (entry(3, "a"), {"reports": [report(p95(200.0))]}),
        (entry(2, "b", Outcome.FELL_BACK), {"reports": [report(p95(900.0))]}),
        (entry(1, "c"), {"reports": [report(p95(450.0))]}),
    ]
    folder = str(written(tmp_path / "l", deployed))
    assert backtest_command.run([folder]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2026-11-24T00:00:00Z  cccccccccccc  deployed       → kept               rightly kept",
        "2026-11-23T00:00:00Z  bbbbbbbbbbbb  fell back      → rolled back        caught        p95: failed: p95 failed",
        "2026-11-22T00:00:00Z  aaaaaaaaaaaa  deployed       → kept               rightly kept",
        "3 deployments: 1 caught, 2 rightly kept",
    ]
    assert backtest_command.run([folder, "--last", "2", "--try", "p95.limit=400ms", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["worth"] for one in told] == ["false alarm", "caught"]
    with pytest.raises(Misconfigured, match=r"expected ITEM\.limit=VALUE"):
        backtest_command.run([folder, "--try", "p95.limit"])
