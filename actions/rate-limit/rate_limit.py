"""A burst of requests meets a limit, and the limit passes again when it says so."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, replace

from deploy_gate.catalog import About
from deploy_gate.facts import site
from deploy_gate.facts.http import Answer, Order
from deploy_gate.facts.site import Site
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.units import Duration, counted, show_duration

ABOUT = About(reads=site.READS, timeout=420)

MARGIN = 1.0
MOST = 500
MAX_WAIT = 300.0
_METHOD = re.compile(r"[A-Z]{3,10}")


@dataclass(frozen=True, slots=True)
class Facts:
    """How many requests went through before the limit, what it said, and what was answered after its time."""

    sent: int
    first: int
    limited: int | None = None
    retry_after: float | None = None
    afterwards: int | None = None
    seconds: float = 0.0


def check(  # noqa: PLR0913 - one parameter for each input
    *,
    url: str,
    path: str,
    method: str,
    body: str,
    status: list[str],
    within: int,
    max_wait: Duration,
    timeout: Duration,
) -> Result:
    """Send a burst until the limit is met, wait as long as it asks for, and ask once more."""
    validate(url=url, path=path, method=method, body=body, status=status, within=within, max_wait=max_wait)
    site.not_while_watching()
    place = site.of(url, timeout=timeout, budget=within + 2)
    codes = [int(one) for one in status]
    return judge(_burst(place, path, _Orders(method, body), codes, within, max_wait), within, max_wait, codes)


def validate(
    *, url: str, path: str, method: str, body: str, status: list[str], within: int, max_wait: float, **_: object
) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    site.of(url, timeout=1, budget=1).address(path)
    problems = []
    if not _METHOD.fullmatch(method):
        problems.append(f"input 'method' is {brief(method)!r}, expected a method such as POST")
    if not status or not all(re.fullmatch(r"429|403|503", one) for one in status):
        problems.append("input 'status' is not 429, 503 or 403, expected some of these")
    if not 1 <= within <= MOST:
        problems.append(f"input 'within' is {within}, expected 1 to {MOST} requests")
    if not 0 < max_wait <= MAX_WAIT:
        problems.append(f"input 'max-wait' is {show_duration(max_wait)}, expected up to {show_duration(MAX_WAIT)}")
    try:
        json.loads(body or "null")
    except (ValueError, RecursionError):
        problems.append("input 'body' is not JSON")
    if problems:
        raise Misconfigured(problems)


@dataclass(frozen=True, slots=True)
class _Orders:
    method: str
    body: str

    def one(self) -> Order:
        if not self.body:
            return Order(self.method)
        text = self.body.replace("{random}", site.random_name())
        return Order(self.method, {"Content-Type": "application/json"}, text.encode())


def _burst(place: Site, path: str, orders: _Orders, codes: list[int], within: int, max_wait: float) -> Facts:
    started = time.monotonic()
    first = 0
    # One more than the limit: the one that must be refused.
    for number in range(1, within + 2):
        answer = place.ask(path, orders.one())
        first = first or answer.status
        if answer.status in codes:
            facts = Facts(number - 1, first, answer.status, site.retry_after(answer), None, time.monotonic() - started)
            return _recovered(place, path, orders, facts, max_wait) if number > 1 else facts
        _sound(answer)
    return Facts(within + 1, first, seconds=time.monotonic() - started)


def _sound(answer: Answer) -> None:
    site.judgeable(answer, "the burst")
    if answer.status in (404, 405):
        found = f"{answer.address.shown} answered {answer.status}, so there is nothing here that could be limited"
        raise CouldNotTell(found, "correct `path` and `method`")


def _recovered(place: Site, path: str, orders: _Orders, facts: Facts, max_wait: float) -> Facts:
    if facts.retry_after is None or facts.retry_after > max_wait:
        return facts
    time.sleep(facts.retry_after + MARGIN)
    return replace(facts, afterwards=place.ask(path, orders.one()).status)


def judge(facts: Facts, within: int, max_wait: float, codes: list[int]) -> Result:
    """The limit is met in time, says how long it lasts, lasts no longer than may be, and then is over."""
    names = " or ".join(map(str, codes))
    more = {"target": within, "measured": facts.sent, "evidence": [_evidence(facts)]}
    if facts.limited is None:
        found = f"{counted(facts.sent, 'request')} in {show_duration(facts.seconds)} met no limit"
        found += f", expected {names} after {within} at most (the first was answered {facts.first})"
        return failed(found, "limit requests by address, in the proxy (limit_req) or the application", **more)
    if facts.sent == 0:
        found = f"the very first request was answered {facts.limited}: the limit was met before"
        raise CouldNotTell(found, "wait until the limit has passed, then run this again", [_evidence(facts)])
    start = f"{facts.limited} after {counted(facts.sent, 'request')}, the limit is {within}"
    if facts.retry_after is None:
        fix = "send Retry-After with the number of seconds, so that clients know when to come back"
        return failed(f"{start}; but it does not say for how long (no Retry-After)", fix, **more)
    wait = show_duration(facts.retry_after)
    if facts.retry_after > max_wait:
        found = f"{start}; but it asks to wait {wait}, the longest accepted is {show_duration(max_wait)}"
        return failed(found, "shorten the limit's window, or raise `max-wait`", **more)
    if facts.afterwards is None or facts.afterwards in codes or facts.afterwards >= 500:
        found = f"{start}; but {wait} later, when it should be over, the answer was {facts.afterwards}"
        return failed(found, "see why the limit does not pass: does each refused request prolong it?", **more)
    return passed(f"{start}; {wait} later, as Retry-After says, the answer was {facts.afterwards} again", **more)


def _evidence(facts: Facts) -> Evidence:
    return {
        "message": f"{counted(facts.sent, 'request')} went through in {show_duration(facts.seconds)}",
        "sent": facts.sent,
        "limited": facts.limited,
        "retry_after": facts.retry_after,
        "afterwards": facts.afterwards,
    }
