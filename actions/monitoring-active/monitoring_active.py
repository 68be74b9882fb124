"""Prometheus watches: its targets are up and scraped, its alert rules are loaded and evaluated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from deploy_gate.catalog import About
from deploy_gate.facts import accounts, site
from deploy_gate.facts.http import Answer, Order
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.units import Duration, Variable, counted, show_duration

ABOUT = About(reads=site.READS, timeout=60)

LIMIT = 16 * 1024 * 1024
MAX_INTERVAL = 86400.0


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that is scraped; `age` is of its last scrape, in seconds, None if there was none."""

    job: str
    instance: str
    health: str
    age: float | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One alert rule and how its evaluation went: `age` of the last one in seconds, `every` how often it is due."""

    name: str
    health: str
    age: float | None
    every: float
    error: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What must be there."""

    jobs: tuple[str, ...]
    alerts: tuple[str, ...]
    max_age: float


def check(
    *,
    url: str,
    jobs: list[str],
    alerts: list[str],
    max_scrape_age: Duration,
    token_variable: Variable,
    timeout: Duration,
) -> Result:
    """Read targets and rules from Prometheus' own API and judge them."""
    validate(url=url, jobs=jobs)
    place = site.of(url.rstrip("/") + "/", timeout=timeout, budget=2)
    order = Order("GET", {"Authorization": f"Bearer {accounts.secret(token_variable)}"} if token_variable else {})
    targets = _targets(place.ask("api/v1/targets?state=active", order, limit=LIMIT))
    rules = _rules(place.ask("api/v1/rules?type=alert", order, limit=LIMIT))
    return judge(targets, rules, Wanted(tuple(jobs), tuple(alerts), max_scrape_age))


def validate(*, url: str, jobs: list[str], **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    site.of(url, timeout=1, budget=1)
    if not jobs:
        raise Misconfigured(["input 'jobs' names no scrape job"])


def _data(answer: Answer, key: str) -> list[Mapping[str, Any]]:
    if answer.status in (401, 403):
        fix = "give a token by `token-variable`, or a user and password in `url`"
        raise CouldNotTell(f"Prometheus at {answer.address.shown} answered {answer.status}: not let in", fix)
    found = accounts.data(answer)
    inner = found.get("data") if isinstance(found, dict) and found.get("status") == "success" else None
    listed = inner.get(key) if isinstance(inner, dict) else None
    if answer.status != 200 or not isinstance(listed, list):
        raise _foreign(answer)
    return [one for one in listed if isinstance(one, dict)]


def _foreign(answer: Answer) -> CouldNotTell:
    told = f"{answer.address.shown} answered {answer.status}, and not as Prometheus' API does"
    return CouldNotTell(told, "see whether Prometheus is up, and `url` its address (with its path prefix)")


def _targets(answer: Answer) -> list[Target]:
    now = _now(answer)
    found = []
    for one in _data(answer, "activeTargets"):
        given = one.get("labels")
        labels = given if isinstance(given, dict) else {}
        job = str(labels.get("job") or one.get("scrapePool") or "")
        instance = str(labels.get("instance") or one.get("scrapeUrl") or "")
        age = _age(str(one.get("lastScrape") or ""), now)
        found.append(Target(job, instance, str(one.get("health")), age, str(one.get("lastError") or "")))
    return found


def _now(answer: Answer) -> datetime:
    try:
        return parsedate_to_datetime(answer.header("date")[0])
    except (ValueError, TypeError, IndexError):
        return datetime.now(UTC)


def _age(text: str, now: datetime) -> float | None:
    try:
        # Nanoseconds are more than Python reads.
        moment = datetime.fromisoformat(_shortened(text))
        return None if moment.year < 1970 else max((now - moment).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None


def _shortened(text: str) -> str:
    head, dot, rest = text.partition(".")
    if not dot:
        return text.replace("Z", "+00:00")
    digits = "".join(sign for sign in rest[:9] if sign.isdigit())
    zone = rest[len(rest) - len(rest.lstrip("0123456789")) :]
    return f"{head}.{digits[:6].ljust(6, '0')}{zone.replace('Z', '+00:00')}"


def _rules(answer: Answer) -> list[Rule]:
    now = _now(answer)
    return [_rule(one, group, now) for group in _data(answer, "groups") for one in _alerting(group, answer)]


def _alerting(group: Mapping[str, Any], answer: Answer) -> list[Mapping[str, Any]]:
    listed = group.get("rules")
    if not isinstance(listed, list | None):
        raise _foreign(answer)
    return [one for one in listed or [] if isinstance(one, dict) and one.get("type", "alerting") == "alerting"]


def _rule(one: Mapping[str, Any], group: Mapping[str, Any], now: datetime) -> Rule:
    every = group.get("interval")
    known = isinstance(every, int | float) and not isinstance(every, bool) and 0 < every <= MAX_INTERVAL
    age = _age(str(one.get("lastEvaluation") or ""), now)
    return Rule(
        *(str(one.get("name")), str(one.get("health")), age),
        float(every) if known and every else 0.0,
        str(one.get("lastError") or ""),
    )


def judge(targets: Sequence[Target], rules: Sequence[Rule], wanted: Wanted) -> Result:
    """Every job has targets, all up and fresh; every rule is there and well."""
    mine = [one for one in targets if one.job in wanted.jobs]
    troubles = [*_jobs(targets, wanted), *(text for one in mine if (text := _down(one, wanted.max_age)))]
    troubles += _alerts(rules, wanted)
    evidence: list[Evidence] = [{"message": text} for text in troubles]
    more = {"target": 0, "measured": len(troubles), "evidence": evidence}
    if troubles:
        also = f"; and {len(troubles) - 3} more" if len(troubles) > 3 else ""
        found = f"{counted(len(troubles), 'fault')} in the monitoring, none is allowed: {'; '.join(troubles[:3])}{also}"
        return failed(found, "open /targets and /rules of Prometheus and mend what is red there", **more)
    named = [one for one in rules if one.name in wanted.alerts] if wanted.alerts else list(rules)
    found = f"{counted(len(mine), 'target')} of {', '.join(map(brief, wanted.jobs[:4]))} up, scraped within"
    found += f" {show_duration(wanted.max_age)}; {counted(len(named), 'alert rule')} evaluated without error"
    return passed(found, **more)


def _jobs(targets: Sequence[Target], wanted: Wanted) -> list[str]:
    known = {one.job for one in targets}
    return [f"the job {brief(job)} has no target, expected one or more" for job in wanted.jobs if job not in known]


def _down(one: Target, max_age: float) -> str:
    who = f"the target {brief(one.instance)} of {brief(one.job)}"
    if one.health != "up":
        return f"{who} is {brief(one.health)}, expected up" + (f" ({brief(one.error, 120)})" if one.error else "")
    if one.age is None or one.age > max_age:
        age = f"{show_duration(one.age)} ago" if one.age is not None else "never"
        return f"{who} was scraped {age}, the limit is {show_duration(max_age)}"
    return ""


def _alerts(rules: Sequence[Rule], wanted: Wanted) -> list[str]:
    known = {one.name for one in rules}
    found = [f"the alert rule {brief(name)} is not loaded" for name in wanted.alerts if name not in known]
    if not rules and not wanted.alerts:
        found.append("no alert rule is loaded, expected one or more")
    mine = [one for one in rules if not wanted.alerts or one.name in wanted.alerts]
    return [*found, *(text for one in mine if (text := _unwell(one, wanted.max_age)))]


def _unwell(one: Rule, max_age: float) -> str:
    who = f"the alert rule {brief(one.name)}"
    if one.health != "ok":
        also = f" ({brief(one.error, 120)})" if one.error else ""
        return f"{who} is {brief(one.health)}, expected ok{also}"
    # A rule that is due every hour may be older than a scrape; twice, because one evaluation can be late.
    limit = max(max_age, 2 * one.every)
    if one.age is None:
        return f"{who} was not evaluated yet, the limit is {show_duration(limit)}"
    if one.age > limit:
        return f"{who} was last evaluated {show_duration(one.age)} ago, the limit is {show_duration(limit)}"
    return ""
