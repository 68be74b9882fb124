"""The team was told: that a deployment starts, that it succeeded, or what did not pass."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from deploy_gate.catalog import About
from deploy_gate.facts import findings, notices
from deploy_gate.facts.findings import Reports
from deploy_gate.facts.notices import Message, Record
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.units import Duration, counted, show_duration

ABOUT = About(timeout=30)
Proves = Literal["announced", "success", "issues"]
SKEW = 300.0
_STAGES = {"announced": "started", "success": "succeeded"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What must have been told, of which deployment (empty: of any), and how lately (seconds)."""

    proves: Proves = "announced"
    deployment: str = ""
    max_age: float = 6 * 3600


def check(*, record: Path, proves: Proves, reports: list[str], deployment: str, max_age: Duration) -> Result:
    """Read the record, and for issues the reports; CouldNotTell when either cannot be read."""
    validate(proves=proves, reports=reports)
    limits = Limits(proves, deployment or os.environ.get("GITHUB_RUN_ID", ""), max_age)
    held = notices.load(record)
    if held is None:
        found = f"there is no record {brief(str(record), 200)}: nobody was told anything"
        return failed(found, "run the operation notify before this check, and hand its record on from job to job")
    return judge(held, findings.read(reports), limits, datetime.now(UTC))


def validate(*, proves: Proves, reports: list[str], **_: object) -> None:
    """Misconfigured when findings are to be looked for and no report is named."""
    if proves == "issues" and not reports:
        raise Misconfigured(["input 'reports' is needed to prove that issues were told: name the gate's reports"])


def judge(held: Record, reports: Reports, limits: Limits, now: datetime) -> Result:
    """The right deployment first, then the message or the findings."""
    if limits.deployment and held.deployment != limits.deployment:
        found = f"the record is about deployment {brief(held.deployment)}, this is {brief(limits.deployment)}"
        return failed(found, "run the operation notify in this very deployment, and hand its record on")
    return _issues(held, reports) if limits.proves == "issues" else _message(held, limits, now)


def _message(held: Record, limits: Limits, now: datetime) -> Result:
    stage = _STAGES[limits.proves]
    evidence = _evidence(held)
    accepted = [one for one in held.messages if one.kind == "main" and one.stage == stage]
    if not accepted:
        last = f", the last stage is '{held.stages[-1].stage}'" if held.stages else ""
        found = f"no message for '{stage}' was accepted{last}{_why(held, stage)}"
        return failed(found, "mend what kept it back, and run the operation notify again", evidence=evidence)
    newest = accepted[-1]
    if limits.proves == "success" and held.stages[-1].stage != stage:
        found = f"'{stage}' was told, and '{held.stages[-1].stage}' came after it"
        return failed(found, "tell the team how it stands now: run notify with that stage", evidence=evidence)
    age = (now - notices.at(newest.at)).total_seconds()
    limit = show_duration(limits.max_age)
    if age < -SKEW:
        found = f"the message for '{stage}' is dated {show_duration(-age)} in the future"
        raise CouldNotTell(found, "correct the clocks of the two machines")
    if age > limits.max_age:
        found = f"the message for '{stage}' is {show_duration(age)} old, the limit is {limit}"
        return failed(found, "tell the team again", target=limits.max_age, measured=round(age), evidence=evidence)
    told = f"{newest.channel} accepted message {newest.number}" if newest.number else f"{newest.channel} accepted it"
    ago = show_duration(max(age, 0))
    return passed(
        f"'{stage}' was told {ago} ago, the limit is {limit}: {told} in {brief(newest.chat)}", evidence=evidence
    )


def _why(held: Record, stage: str) -> str:
    reasons = [one.what for one in held.problems if one.stage == stage]
    return f": {brief(reasons[-1], 300)}" if reasons else ""


def _issues(held: Record, reports: Reports) -> Result:
    known = {one.key for one in held.told}
    missing = [one for one in reports.findings if one.key not in known]
    count = len(reports.findings)
    if not reports.items:
        raise CouldNotTell("the reports hold no line at all", "name the reports of the phases that were run")
    if missing:
        names = ", ".join(brief(one.item) for one in missing[:5]) + ("…" if len(missing) > 5 else "")
        found = f"{len(missing)} of {counted(count, 'finding')} stand in no message that was accepted: {names}"
        evidence: list[Evidence] = [
            {"message": f"not told: {one.item} ({one.status}): {one.found}", "rule": "untold"} for one in missing
        ]
        fix = "run the operation notify with these reports"
        return failed(found, fix, target=0, measured=len(missing), evidence=evidence)
    what = f"all {counted(count, 'finding')} of" if count else "there is no finding among"
    told = f"{what} {counted(reports.items, 'line')}" + (" stand in messages that were accepted" if count else "")
    return passed(told, target=0, measured=0, evidence=_evidence(held))


def _evidence(held: Record) -> list[Evidence]:
    return [_shown(one) for one in held.messages[-50:]]


def _shown(one: Message) -> Evidence:
    return {
        "message": f"{one.at}: {one.channel} accepted {one.kind} message {one.number} for '{one.stage}'",
        "message_id": one.number,
        "chat": one.chat,
        "sha256": one.sha256,
    }
