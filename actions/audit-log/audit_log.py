"""A deed with a mark of its own appears in the application's audit log."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

from deploy_gate.catalog import About
from deploy_gate.facts import access_file, accounts, site
from deploy_gate.facts.access_file import Audit
from deploy_gate.facts.accounts import Accounts
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.units import Duration, Variable, counted, show_duration

ABOUT = About(reads=site.READS, timeout=240, rude=1)

PAUSE = 0.25


@dataclass(frozen=True, slots=True)
class Facts:
    """The deed and what was read afterwards: how often, how many entries, after how long the mark was among them."""

    deed: str
    status: int
    reads: int
    entries: int
    seconds: float | None


def check(*, url: str, file: Path, secrets: list[Variable], within: Duration, timeout: Duration, budget: int) -> Result:
    """Do the deed, then read the log until it is there; CouldNotTell when deed or log cannot be had."""
    validate(url=url, within=within, timeout=timeout, budget=budget)
    declared = access_file.read(file)
    if declared.audit is None:
        raise Misconfigured([f"{brief(str(file))} has no `audit:`, so there is nothing to prove"])
    site.not_while_watching()
    who = Accounts(site.of(url, timeout=timeout, budget=budget), declared, secrets)
    return judge(_gather(who, declared.audit, within), within)


def validate(*, url: str, within: float, timeout: float, budget: int, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    site.of(url, timeout=timeout, budget=budget)
    if not 0 < within <= 120:
        raise Misconfigured([f"input 'within' is {show_duration(within)}, expected up to 2 min"])


def _gather(who: Accounts, audit: Audit, within: float) -> Facts:
    mark = site.random_name()
    if mark not in json.dumps(accounts.filled([audit.action.route, audit.action.body], {"marker": mark})):
        raise Misconfigured(["audit.action: neither its route nor its body holds ${marker}, so its entry is not told"])
    # Before the deed: a log-in of ours must not push it off the page, and a log that cannot be read is found out first.
    before = who.ask(audit.read.route, audit.read.role)
    if mark in json.dumps(accounts.items(before, audit.read.items)):
        raise AssertionError
    status = _do(who, audit, mark)
    started = time.monotonic()
    reads = 0
    while True:
        reads += 1
        asked = time.monotonic() - started
        entries = accounts.items(who.ask(audit.read.route, audit.read.role), audit.read.items)
        if any(mark in json.dumps(one) for one in entries):
            return Facts(audit.action.route, status, reads, len(entries), asked)
        if asked >= within:
            return Facts(audit.action.route, status, reads, len(entries), None)
        time.sleep(max(PAUSE, within / 20))


def _do(who: Accounts, audit: Audit, mark: str) -> int:
    method, path = access_file.split(audit.action.route.replace("${marker}", mark))
    answer = who.place.patient(path, accounts.posting(method, accounts.filled(audit.action.body, {"marker": mark})))
    if answer.status not in audit.action.status:
        wanted = " or ".join(map(str, audit.action.status))
        found = (
            f"the deed {brief(audit.action.route)} was answered {answer.status}, expected {wanted}: nothing was done"
        )
        raise CouldNotTell(found, "correct audit.action in the file, or see the application's log")
    return answer.status


def judge(facts: Facts, within: float) -> Result:
    """The entry is there, in time."""
    deed, limit = brief(facts.deed), show_duration(within)
    looked = f"{counted(facts.entries, 'entry').replace('entrys', 'entries')} looked at, {counted(facts.reads, 'time')}"
    evidence: list[Evidence] = [{"message": f"{deed} was answered {facts.status}; {looked}"}]
    more = {"target": within, "evidence": evidence}
    if facts.seconds is None:
        found = f"{deed} is not in the audit log after {limit}, the limit ({looked})"
        return failed(
            found, "see why the application writes no entry for it: is the log on, is its table full?", **more
        )
    took = show_duration(facts.seconds)
    return passed(f"{deed} is in the audit log within {took}, the limit is {limit}", measured=facts.seconds, **more)
