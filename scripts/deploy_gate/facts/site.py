"""One declared host, met as a stranger would meet it: politely, marked, and with a budget of requests."""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin

from deploy_gate.facts import http, marker
from deploy_gate.facts.http import Address, Answer, Order
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, brief
from deploy_gate.units import counted, show_duration

WATCHING = "DEPLOY_GATE_WATCHING"
READS = (marker.VARIABLE, WATCHING)
MAX_BUDGET = 1000
LONGEST_WAIT = 90.0
GET = Order()


@dataclass(slots=True)
class Site:
    """Where requests may go (one origin), for how long each, and how many; counts what was asked."""

    base: Address
    timeout: float
    budget: int
    asked: int = 0

    def ask(self, path: str, order: Order = GET, *, limit: int = http.MAX_BODY) -> Answer:
        """One request, no redirect followed; CouldNotTell when nobody answers or the budget is spent."""
        address = self.address(path)
        if self.asked >= self.budget:
            found = f"the budget of {counted(self.budget, 'request')} to {brief(self.base.host)} is spent"
            raise CouldNotTell(found, "raise `budget`, or ask for less")
        self.asked += 1
        marked = Order(order.method, {**marker.headers(), **order.headers}, order.body)
        return http.send(address, marked, timeout=self.timeout, limit=limit)

    def patient(self, path: str, order: Order = GET, *, limit: int = http.MAX_BODY) -> Answer:
        """The same, waiting once for a limit on requests to pass, when the answer says for how long."""
        answer = self.ask(path, order, limit=limit)
        wait = retry_after(answer)
        if answer.status != 429 or wait is None or wait > LONGEST_WAIT:
            return answer
        time.sleep(wait)
        return self.ask(path, order, limit=limit)

    def slashed(self, answer: Answer, *, limit: int = http.MAX_BODY) -> Answer:
        """The same answer, or what is behind it when it redirects on this host and only adds a slash."""
        there = goal(answer)
        # The scheme is not looked at: an application behind TLS often does not know of it.
        if there is None or there.host != answer.address.host or _bare(there) != _bare(answer.address) + "/":
            return answer
        return self.ask(there.path, limit=limit)

    def address(self, path: str) -> Address:
        """The address of a path on this host; Misconfigured for one that leads to another."""
        try:
            found = http.parse(urljoin(self.base.full, path))
        except ValueError as fault:
            raise Misconfigured([f"the path {brief(path)!r} makes no address: expected {fault}"]) from None
        if found.origin != self.base.origin:
            raise Misconfigured([f"the path {brief(path)!r} leads to another host; only {self.base.host} is asked"])
        return Address(*found.origin, found.path, self.base.userinfo)


def of(url: str, *, timeout: float, budget: int) -> Site:
    """A site by its URL; Misconfigured for what can never work."""
    try:
        base = http.parse(url)
    except ValueError as fault:
        # The value is not repeated: it may hold a password.
        raise Misconfigured([f"input 'url': expected {fault}"]) from None
    if not 1 <= budget <= MAX_BUDGET:
        raise Misconfigured([f"input 'budget' is {budget}, expected 1 to {MAX_BUDGET} requests"])
    return Site(base, timeout, budget)


def retry_after(answer: Answer) -> float | None:
    """Seconds of a `Retry-After` (RFC 9110: seconds or a date); None where there is none that can be read."""
    text = (answer.header("retry-after") or [""])[0].strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return float(text)
    try:
        # By the server's own clock, since ours may differ.
        now = parsedate_to_datetime((answer.header("date") or [""])[0])
        return max((parsedate_to_datetime(text) - now).total_seconds(), 0.0)
    except (ValueError, TypeError, IndexError):
        return None


def goal(answer: Answer) -> Address | None:
    """Where it redirects to; None when it does not, or to nothing that is an address."""
    there = (answer.header("location") or [""])[0]
    if answer.status not in http.REDIRECTS or not there:
        return None
    try:
        return http.parse(urljoin(answer.address.full, there))
    except ValueError:
        return None


def _bare(address: Address) -> str:
    return address.path.partition("?")[0]


def not_while_watching() -> None:
    """CouldNotTell while a deployment is being watched: rude requests would look like a fault of the release."""
    if os.environ.get(WATCHING):
        found = "a deployment is being watched, and this check sends what looks like an attack"
        raise CouldNotTell(found, "run it before the switch, or on staging, and leave it out of the watch")


def random_name() -> str:
    """A name that no site has."""
    return f"deploy-gate-{secrets.token_hex(8)}"


def judgeable(answer: Answer, what: str) -> None:
    """CouldNotTell for an answer that says nothing of what was asked: the requests are limited, or it is broken."""
    where = answer.address.shown
    if answer.status == 429:
        wait = retry_after(answer)
        told = f" and asks to wait {show_duration(wait)}" if wait is not None else ""
        raise CouldNotTell(f"{what}: {where} answered 429, too many requests,{told}", "run this again after that time")
    if answer.status >= 500:
        found = f"{what}: {where} answered {answer.status}"
        raise CouldNotTell(found, "read the application's log for this request, then run this again")


def not_moved(answer: Answer, what: str) -> None:
    """CouldNotTell for a redirect: whatever is asked for is somewhere else, and nobody has looked at it there."""
    if answer.status in http.REDIRECTS:
        found = f"{what}: {answer.address.shown} answered {answer.status}, a redirect to {answer.location}"
        raise CouldNotTell(found, "give the address that it leads to, for only where the answers come from counts")
