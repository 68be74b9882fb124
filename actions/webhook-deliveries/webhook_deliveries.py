"""Webhooks arrive: of the deliveries of the last hour, no more than a limit failed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from deploy_gate.catalog import About
from deploy_gate.facts import access_file, accounts, hooks, site
from deploy_gate.facts.access_file import Deliveries
from deploy_gate.facts.accounts import Accounts
from deploy_gate.facts.hooks import Delivery, State
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.units import Duration, Variable, counted, show_duration

ABOUT = About(reads=site.READS, timeout=120)

PAGES = 10
# How many entries lists show at once when nobody says otherwise.
USUAL = (10, 20, 25, 30, 50, 100, 200, 250, 500, 1000)
_SIZE = re.compile(r"[?&][\w\[\]-]*(?:limit|size|take|top|first|count|per[_-]?page)\]?=(\d{1,6})(?=&|$)")
NoData = Literal["fail", "inconclusive", "pass"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds, failed deliveries, and what it means when there were none at all."""

    window: float = 3600
    most: int = 0
    on_no_data: NoData = "inconclusive"


def check(  # noqa: PLR0913 - one parameter for each input
    *,
    url: str,
    file: Path,
    secrets: list[Variable],
    window: Duration,
    max_failed: int,
    on_no_data: NoData,
    github_hook: str,
    github_token_variable: Variable,
    github_api: str,
    timeout: Duration,
    budget: int,
) -> Result:
    """Read the deliveries of the window, newest first, and count those that failed."""
    validate(url=url, github_hook=github_hook, github_token_variable=github_token_variable, github_api=github_api)
    declared = access_file.read(file)
    if declared.webhooks is None:
        raise Misconfigured([f"{brief(str(file))} has no `webhooks:`, so there is nothing to look at"])
    who = Accounts(site.of(url, timeout=timeout, budget=budget), declared, secrets)
    now = datetime.now(UTC).timestamp()
    seen, cut = _recent(who, declared.webhooks, now - window)
    if github_hook:
        place = site.of(github_api, timeout=timeout, budget=PAGES)
        seen += hooks.deliveries(place, github_hook, accounts.secret(github_token_variable), now - window)
    return judge(seen, Limits(window, max_failed, on_no_data), cut)


def validate(*, url: str, github_hook: str, github_token_variable: str, github_api: str, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    site.of(url, timeout=1, budget=1)
    if github_hook:
        hooks.path(github_hook)
        site.of(github_api, timeout=1, budget=1)
    if bool(github_hook) != bool(github_token_variable):
        raise Misconfigured(["inputs 'github-hook' and 'github-token-variable' belong together: give both or none"])


def _pages(who: Accounts, where: Deliveries) -> Iterator[list[Any]]:
    """Page after page, where the route has `${page}`; else the one there is."""
    for number in range(1, PAGES + 1):
        answer = who.ask(where.route.replace("${page}", str(number)), where.role)
        found = accounts.items(answer, where.items)
        yield found
        if not found or "${page}" not in where.route:
            return
    told = f"{PAGES} pages of deliveries were read, and the window is not over"
    raise CouldNotTell(told, "ask for larger pages in the route, or make `window` shorter")


def _recent(who: Accounts, where: Deliveries, since: float) -> tuple[list[Delivery], str]:
    """The deliveries since a moment; and why there may be more of them, if that is so."""
    seen: list[Delivery] = []
    for page in _pages(who, where):
        each = [_delivery(one, where) for one in page]
        seen += [one for one in each if one.when >= since]
        if any(one.when < since for one in each):
            break
        if "${page}" not in where.route and _full(len(page), where):
            return seen, f"the route lists {len(page)} deliveries, a full page, and the oldest is still in the window"
    return seen, ""


def _full(count: int, where: Deliveries) -> bool:
    """Whether this is as much as the route lists at once: by the file, by its query, or by what pages usually hold."""
    if where.page_size is not None:
        return count >= where.page_size
    return count in USUAL or str(count) in _SIZE.findall(where.route)


def _delivery(one: Any, where: Deliveries) -> Delivery:
    status = one.get(where.status) if isinstance(one, dict) else None
    when = hooks.moment(one.get(where.time)) if isinstance(one, dict) else None
    if not isinstance(status, str) or when is None:
        found = f"a delivery has no text at {brief(where.status)} or no time at {brief(where.time)}"
        raise CouldNotTell(found, "correct `status` and `time` under `webhooks:` in the file")
    state = _state(status, where)
    if state == "unknown":
        return Delivery(state, when, brief(status, 60), "the application")
    known = [f"{key} {one[key]}" for key in ("id", "event", "response_status", "error") if one.get(key) is not None]
    return Delivery(state, when, brief(", ".join(known), 160), "the application")


def _state(status: str, where: Deliveries) -> State:
    if status in where.failed:
        return "failed"
    if status in where.waiting:
        return "waiting"
    return "delivered" if status in where.delivered else "unknown"


def judge(seen: Sequence[Delivery], limits: Limits, cut: str = "") -> Result:
    """Failed beyond the limit; without any delivery, what `on-no-data` says. `cut`: why these may not be all."""
    bad = [one for one in seen if one.state == "failed"]
    tried = [one for one in seen if one.state != "waiting"]
    span = f"the last {show_duration(limits.window)}"
    evidence: list[Evidence] = [{"message": f"failed at {one.source}: {one.told}"} for one in bad]
    more = {"target": limits.most, "measured": len(bad), "evidence": evidence}
    waits = len(seen) - len(tried)
    still = f"{waits} still wait{'s' if waits == 1 else ''}" if waits else ""
    found = f"{len(bad)} of {_deliveries(tried)} failed in {span}, the limit is {limits.most}"
    if len(bad) > limits.most:
        found += f": {'; '.join(one.told for one in bad[:2])}"
        return failed(found, "see the receiver's log, mend it, and send the failed deliveries again", **more)
    _all_known(seen, cut, evidence)
    if not tried:
        told = f"no webhook was delivered in {span}, so none is known to arrive"
        return _nothing(told + (f" ({still})" if still else ""), limits, more)
    return passed(found + (f"; {still}" if still else ""), **more)


def _all_known(seen: Sequence[Delivery], cut: str, evidence: list[Evidence]) -> None:
    """CouldNotTell where a status says nothing, or where there may be more than was listed."""
    unknown = [one for one in seen if one.state == "unknown"]
    if unknown:
        names = ", ".join(sorted({one.told for one in unknown})[:5])
        told = f"{len(unknown)} of {_deliveries(seen)} have a status that the file does not know: {names}"
        raise CouldNotTell(told, "name it under `webhooks:` in `delivered`, `waiting` or `failed`", evidence)
    if cut:
        fix = "put `${page}` into the route, ask for more at once, or say `page-size:` if the page holds more than that"
        raise CouldNotTell(cut, fix, evidence)


def _deliveries(several: Sequence[Delivery]) -> str:
    return counted(len(several), "delivery").replace("deliverys", "deliveries")


def _nothing(found: str, limits: Limits, more: dict[str, Any]) -> Result:
    fix = "cause an event that is delivered, or say by `on-no-data` what an empty window means"
    if limits.on_no_data == "inconclusive":
        raise CouldNotTell(found, fix)
    return passed(found, **more) if limits.on_no_data == "pass" else failed(found, fix, **more)
