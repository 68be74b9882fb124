"""The rules of a checklist as they stand today, fit to judge what was recorded long ago. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy_gate.checklist import variables
from deploy_gate.checklist.model import Checklist, Item, Phase
from deploy_gate.problems import Misconfigured, nearest
from deploy_gate.result import Severity, Status, one_line
from deploy_gate.statistics.rates import wilson
from deploy_gate.statistics.recorded import number
from deploy_gate.traffic.bands import Limits
from deploy_gate.units import duration, percent

AFTER = (Phase.VERIFY, Phase.MONITOR)
_JUDGED = (Status.PASSED, Status.WARNED, Status.FAILED)


@dataclass(frozen=True, slots=True)
class Rule:
    """What a line may do today; `limit` in the unit that its check records, None where it has none that is known."""

    severity: Severity
    limit: float | None = None
    rate: bool = False
    """The limit is of a share of requests, so that chance has a say."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Of the lines that are looked at after the switch; a line that is not among them has no say any more."""

    lines: Mapping[str, Rule]
    errors_immediate: float | None
    """The trigger on the error rate, where the checklist has it."""


@dataclass(frozen=True, slots=True)
class Again:
    """A recorded line under today's rule."""

    status: Status
    found: str


def of(checklist: Checklist, environment: str, changed: Mapping[str, str]) -> Rules:
    """The checklist's rules, with `ITEM.limit` and `ITEM.severity` of `changed` laid over them."""
    block = checklist.environments.get(environment)
    known = {**checklist.variables(), **(block.variables() if block else {})}
    chosen = {name: one for name, one in checklist.items.items() if set(one.phases) & set(AFTER)}
    chosen = {name: one for name, one in chosen.items() if not one.planned and one.not_applicable is None}
    unknown = [key for key in changed if key.rpartition(".")[0] not in chosen]
    if unknown:
        wrong = unknown[0].rpartition(".")[0] or unknown[0]
        raise Misconfigured([f"'{one_line(wrong, 60)}' is no line after the switch{nearest(wrong, chosen)}"])
    trigger = checklist.triggers.get("t-errors")
    immediate = Limits().errors_immediate if trigger is not None and not trigger.planned else None
    return Rules({name: _rule(name, one, known, changed) for name, one in chosen.items()}, immediate)


def _rule(name: str, item: Item, known: Mapping[str, str], changed: Mapping[str, str]) -> Rule:
    own = {key.rpartition(".")[2]: value for key, value in changed.items() if key.rpartition(".")[0] == name}
    if more := set(own) - {"limit", "severity"}:
        raise Misconfigured([f"'{name}.{min(more)}' is unknown, expected {name}.limit or {name}.severity"])
    given = {key: variables.fill(value, known) for key, value in item.with_.items()}
    try:
        severity = Severity(own.get("severity", item.severity))
        limit = _limit(item.check, str(given.get("proves", "")), given, own.get("limit"))
    except ValueError as fault:
        raise Misconfigured([f"{name}: expected {fault}"]) from None
    if "limit" in own and limit is None:
        raise Misconfigured([f"{name}: {item.check} records nothing that could be held against another limit"])
    return Rule(severity, limit, item.check == "traffic" and given.get("proves") == "errors")


def _limit(check: str, proves: str, given: Mapping[str, Any], own: str | None) -> float | None:
    key = "critical" if check == "http-endpoint" else "limit"
    text = own if own is not None else str(given.get(key, ""))
    if not text or variables.names(text):
        return None
    if check == "http-endpoint":
        return duration(text)
    if check == "traffic":
        return {"p95": lambda: duration(text) * 1000, "errors": lambda: percent(text) / 100}.get(proves, lambda: None)()
    return percent(text) if check in ("resources", "database-connections") else None


def again(item: Mapping[str, Any], rule: Rule) -> Again:
    """A recorded line as today's limit has it; where it measured nothing to hold against a limit, as it was."""
    status, found = _status(item), one_line(str(item.get("found") or ""))
    value = number(item.get("measured"))
    same = value is None or rule.limit is None or status not in _JUDGED or not _of_limit(item)
    if same or value is None or rule.limit is None:
        return Again(status, found)
    if rule.rate:
        return _rate(item, rule.limit, found, status)
    if value >= rule.limit:
        return Again(Status.FAILED, found if status is Status.FAILED else f"over today's limit; then: {found}")
    if status is Status.FAILED:
        return Again(Status.PASSED, f"within today's limit; then: {found}")
    return Again(status, found)


def _of_limit(item: Mapping[str, Any]) -> bool:
    """An address that answered 503 recorded that number, which is no time."""
    return item.get("check") != "http-endpoint" or isinstance(item.get("measured"), float)


def _rate(item: Mapping[str, Any], limit: float, found: str, before: Status) -> Again:
    errors, requests = counted(item)
    if requests <= 0:
        return Again(before, found)
    rate = wilson(errors, requests)
    if rate.low > limit:
        return Again(Status.FAILED, found if before is Status.FAILED else f"over today's limit; then: {found}")
    if before is Status.FAILED:
        return Again(Status.WARNED if rate.share >= limit else Status.PASSED, f"within today's limit; then: {found}")
    return Again(Status.WARNED if rate.share >= limit else before, found)


def counted(item: Mapping[str, Any]) -> tuple[int, int]:
    """Errors and requests of the users, over all classes of endpoints that are judged."""
    evidence = item.get("evidence")
    entries = [one for one in evidence if isinstance(one, dict)] if isinstance(evidence, list) else []
    own = [one for one in entries if isinstance(one.get("class"), str) and one["class"] != "health"]
    pairs = [(number(one.get("errors")), number(one.get("requests"))) for one in own]
    whole = [(int(errors), int(requests)) for errors, requests in pairs if errors is not None and requests is not None]
    errors, requests = sum(one for one, _ in whole), sum(one for _, one in whole)
    return min(errors, requests), requests


def _status(item: Mapping[str, Any]) -> Status:
    text = str(item.get("status"))
    return Status(text) if text in list(Status) else Status.ERROR
