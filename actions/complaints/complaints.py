"""Users do not complain: few labelled issues, or a small counter, in the first hour after a deployment."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from deploy_gate.catalog import About
from deploy_gate.facts import http
from deploy_gate.github import client as github
from deploy_gate.github import deployments, fields
from deploy_gate.github.client import Client, Question, path
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.units import Duration, counted, show_duration

ABOUT = About(secrets=(github.TOKEN,), reads=github.READS, github=("deployments: read", "issues: read"), timeout=120)
TIMEOUT = 20.0


@dataclass(frozen=True, slots=True)
class Heard:
    """How many complained, since when, and what they said."""

    count: int
    source: str
    titles: Sequence[str] = ()


def check(  # noqa: PLR0913 - one parameter for each input
    *,
    repository: str,
    label: str,
    counter_url: str,
    counter_field: str,
    environment: str,
    since: str,
    window: Duration,
    most: int,
) -> Result:
    """Count issues with the label, or ask the counter."""
    validate(label=label, counter_url=counter_url, since=since, most=most)
    if counter_url:
        return judge(_counted(counter_url, counter_field), most, window)
    here, where = github.opened(), github.repository(repository)
    start = datetime.fromisoformat(since) if since else _deployed(here, where, environment)
    return judge(_labelled(here, where, label, start, start + timedelta(seconds=window)), most, window)


def validate(*, label: str, counter_url: str, since: str, most: int, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    wrong = []
    if bool(label) == bool(counter_url):
        wrong.append("give one of the inputs 'label' and 'counter-url', and not both")
    if most < 0:
        wrong.append("input 'most' is negative, expected 0 or more")
    try:
        if counter_url:
            http.parse(counter_url)
    except ValueError as fault:
        wrong.append(f"input 'counter-url' is no address: expected {fault}")
    try:
        zone = datetime.fromisoformat(since).tzinfo if since else UTC
    except ValueError:
        zone = None
    if zone is None:
        wrong.append(f"input 'since' is {brief(since)!r}, expected a moment such as 2026-11-25T02:30:00Z")
    if wrong:
        raise Misconfigured(wrong)


def _deployed(here: Client, where: str, environment: str) -> datetime:
    found = deployments.newest(here, where, environment) if environment else None
    if found is None or found.state != "success":
        told = f"GitHub knows no successful newest deployment to {brief(environment) or 'any environment'}"
        raise CouldNotTell(told, "give the moment of the deployment as `since`, or let the workflow record deployments")
    return found.at


def _labelled(here: Client, where: str, label: str, start: datetime, end: datetime) -> Heard:
    moment = start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    address = where + path("issues", labels=label, state="all", since=moment)
    found = here.all(Question(address, f"issues with the label {brief(label)}", "issues=read"))
    # GitHub's `since` is of the last change; and it lists pull requests among the issues.
    own = [one for one in found if "pull_request" not in one and start <= fields.moment(one, "created_at") <= end]
    titles = [f"#{fields.number(one, 'number')} {brief(str(one.get('title')), 120)}" for one in own]
    return Heard(len(own), f"issues with the label {brief(label)}", titles)


def _counted(url: str, field: str) -> Heard:
    address = http.parse(url)
    answer = http.get(address, timeout=TIMEOUT)
    try:
        data: Any = json.loads(answer.body) if answer.status == 200 and answer.whole else None
    except (ValueError, RecursionError):
        data = None
    number = data.get(field) if isinstance(data, dict) else data
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        found = f"{address.shown} answered {answer.status} without a number at {brief(field)}"
        raise CouldNotTell(found, 'let it answer with a document such as {"count": 3}, or correct `counter-field`')
    return Heard(number, address.shown)


def judge(heard: Heard, most: int, window: float) -> Result:
    """More than the limit fails: the rule says "more than ten"."""
    evidence: list[Evidence] = [{"message": title} for title in heard.titles]
    where = f"in the first {show_duration(window)} ({heard.source})"
    found = f"{counted(heard.count, 'complaint')} {where}, the limit is {most}"
    more: dict[str, Any] = {"target": most, "measured": heard.count, "evidence": evidence}
    if heard.count > most:
        return failed(found, "read them, and take the release out again unless they are about something else", **more)
    return passed(found, **more)
