"""Would today's rules have rolled back the deployments of before? From recorded evidence alone. Pure.

Each report after the switch is judged again: a line that the checklist has no longer is left out, severities and limits
are today's, and the verdict comes of the very function that a gate uses. What was never recorded stays unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from deploy_gate.engine.verdict import Judged, Word, decide
from deploy_gate.ledger import rules as today
from deploy_gate.ledger.entry import Entry, Outcome
from deploy_gate.ledger.history import Deployment, Failure
from deploy_gate.ledger.rules import AFTER, Rules
from deploy_gate.result import Result, Severity, Status, one_line
from deploy_gate.statistics.rates import wilson


class Answer(StrEnum):
    """What today's rules would have done."""

    BACK = "rolled back"
    HELD = "held for a person"
    KEPT = "kept"
    UNKNOWN = "cannot be told"


class Worth(StrEnum):
    """That, beside what became of the deployment."""

    CAUGHT = "caught"
    FALSE_ALARM = "false alarm"
    MISSED = "missed"
    RIGHT = "rightly kept"
    OPEN = "open"
    """A person would have decided, too little was recorded, or nobody knows how it ended."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One deployment under today's rules."""

    deployment: Deployment
    answer: Answer
    decided_by: str
    why: str

    @property
    def entry(self) -> Entry:
        """Its line."""
        return self.deployment.entry

    @property
    def worth(self) -> Worth:
        """Whether that would have been right."""
        failure = self.deployment.failure
        if failure is Failure.UNKNOWN:
            return Worth.OPEN
        failed = failure is not None
        if self.answer is Answer.BACK:
            return Worth.CAUGHT if failed else Worth.FALSE_ALARM
        if self.answer is Answer.KEPT:
            return Worth.MISSED if failed else Worth.RIGHT
        return Worth.OPEN


def judge(deployment: Deployment, document: Mapping[str, Any], rules: Rules) -> Judgement:
    """Its reports in the order of time: the first that says no decides."""
    reports = _after(document)
    verdicts = [_verdict(one, rules) for one in reports]
    for word, answer in ((Word.NO_GO, Answer.BACK), (Word.COULD_NOT_TELL, Answer.HELD)):
        for verdict in verdicts:
            if verdict.word is word and verdict.decided_by is not None:
                why = verdict.why.removeprefix(f"{verdict.decided_by} ")
                return Judgement(deployment, answer, verdict.decided_by, why)
    by_server = all(one.get("verdict") == Word.GO for one in reports)
    if by_server and deployment.entry.outcome in (Outcome.FELL_BACK, Outcome.NOT_BACK):
        why = deployment.entry.why or "no reason was recorded"
        return Judgement(deployment, Answer.BACK, deployment.entry.decided_by or "the servers' own watch", why)
    if not any(one.word is Word.GO for one in verdicts):
        why = verdicts[0].why if verdicts else "nothing was recorded after the switch"
        return Judgement(deployment, Answer.UNKNOWN, "", why)
    return Judgement(deployment, Answer.KEPT, "", "no blocking line failed")


def counts(found: Iterable[Judgement]) -> dict[Worth, int]:
    """How many of each; every one is there."""
    listed = [one.worth for one in found]
    return {one: listed.count(one) for one in Worth}


def _after(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    reports = document.get("reports")
    listed = [one for one in reports if isinstance(one, dict)] if isinstance(reports, list) else []
    return [one for one in listed if one.get("phase") in list(map(str, AFTER)) and isinstance(one.get("items"), list)]


def _verdict(report: Mapping[str, Any], rules: Rules) -> Any:
    items = [one for one in report["items"] if isinstance(one, dict)]
    known = [(one, rules.lines[str(one.get("id"))]) for one in items if str(one.get("id")) in rules.lines]
    judged = []
    for item, rule in known:
        found = today.again(item, rule)
        # A gate that said go had lines that wait for nobody: not built yet, or not set up in a trial.
        decides = not (found.status is Status.PENDING and report.get("verdict") == Word.GO)
        judged.append(Judged(str(item["id"]), rule.severity, Result.of(found.status, found.found), decides))
    judged += _trigger([item for item, _ in known], rules.errors_immediate)
    return decide(judged)


def _trigger(items: Iterable[Mapping[str, Any]], limit: float | None) -> list[Judged]:
    """The trigger on errors looks at the same counts, however far the line's own limit was moved."""
    for item in items:
        errors, requests = today.counted(item)
        if limit is not None and requests > 0 and (rate := wilson(errors, requests)).low > limit:
            found = one_line(f"{errors} of {requests} requests failed, at least {rate.low:.3%}: more than {limit:.3g}")
            return [Judged("t-errors", Severity.BLOCK, Result.of(Status.FAILED, found))]
    return []
