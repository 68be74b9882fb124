"""An address answers as intended: status, latency, type, headers, marker, JSON fields, and the served release."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from deploy_gate.catalog import About
from deploy_gate.facts import http, marker, onhost
from deploy_gate.facts import vantage as views
from deploy_gate.facts.endpoint import Expected, wrong_body, wrong_head, wrong_status
from deploy_gate.facts.http import Answer, NoAnswer, Order
from deploy_gate.facts.onhost import Place
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed, warned
from deploy_gate.units import Duration, show_duration

ABOUT = About(secrets=onhost.SECRETS, reads=(marker.VARIABLE, *onhost.READS), timeout=120)
View = Literal["runner", "host", "both"]

PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class Facts:
    """The last answer, how many redirects led to it, and on which attempt it came."""

    answer: Answer
    hops: int = 0
    attempt: int = 1


def check(  # noqa: PLR0913 - one parameter for each input
    *,
    url: str,
    status: int,
    timeout: Duration,
    target: Duration | None,
    warning: Duration | None,
    critical: Duration | None,
    content_type: str,
    contains: str,
    header: str,
    field: str,
    release_field: str,
    release: str,
    redirects: bool,
    attempts: int,
    vantage: View,
    host: str,
    host_keys: str,
) -> Result:
    """Ask once (more often only when no connection comes about) and compare.

    Misconfigured for an impossible input; NoAnswer, a CouldNotTell, when there is no answer to judge.
    """
    expected = Expected(
        *(status, target, warning, critical, content_type, contains),
        headers=_pairs("header", header, ":"),
        fields=_pairs("field", field, "="),
        release_field=release_field,
        release=release,
    )
    address, follow = _checked(url, expected, attempts), redirects and status not in http.REDIRECTS
    _seen_from(vantage, host, address)

    def from_here() -> Result:
        return judge(_ask(address, timeout, attempts, follow), expected)

    def from_there() -> Result:
        return judge(Facts(*views.ask(Place(host, host_keys), address, timeout=timeout, follow=follow)), expected)

    if vantage == "both":
        return views.together(_told(from_here), _told(from_there))
    return from_there() if vantage == "host" else from_here()


def _told(look: Callable[[], Result]) -> Result:
    """A view that could not tell is one of the two."""
    try:
        return look()
    except CouldNotTell as fault:
        return fault.result()


def _seen_from(vantage: View, host: str, address: http.Address) -> None:
    if vantage == "runner":
        return
    onhost.validate(host)
    if address.userinfo:
        raise Misconfigured(["input 'url' names a user, which is not sent to a server: use `vantage: runner`"])


def validate(*, url: str, attempts: int, header: str, field: str, **values: Any) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    limits = {name: values[name] for name in ("status", "target", "warning", "critical", "release_field", "release")}
    pairs: dict[str, Any] = {"headers": _pairs("header", header, ":"), "fields": _pairs("field", field, "=")}
    _seen_from(values["vantage"], values["host"], _checked(url, Expected(**limits, **pairs), attempts))


def _pairs(name: str, text: str, sign: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for line in filter(None, map(str.strip, text.splitlines())):
        key, found, value = line.partition(sign)
        if not found or not key.strip():
            raise Misconfigured([f"input '{name}' has the line {brief(line)!r}, expected `name{sign} value`"])
        pairs.append((key.strip(), value.strip()))
    return tuple(pairs)


def _checked(url: str, expected: Expected, attempts: int) -> http.Address:
    wrong = []
    if bool(expected.release) != bool(expected.release_field):
        wrong.append("inputs 'release' and 'release-field' belong together: give both or none")
    if not 1 <= attempts <= 10:
        wrong.append(f"input 'attempts' is {attempts}, expected 1 to 10")
    if not 100 <= expected.status <= 599:
        wrong.append(f"input 'status' is {expected.status}, expected 100 to 599")
    given = [one for one in (expected.target, expected.warning, expected.critical) if one is not None]
    if given != sorted(given):
        wrong.append("latencies must rise: target, warning, critical")
    try:
        address = http.parse(url)
    except ValueError as fault:
        # The value is not repeated: it may hold a password.
        raise Misconfigured([*wrong, f"input 'url': expected {fault}"]) from None
    if wrong:
        raise Misconfigured(wrong)
    return address


def _ask(address: http.Address, timeout: float, attempts: int, follow: bool) -> Facts:
    for attempt in range(1, attempts):
        try:
            return replace(_once(address, timeout, follow), attempt=attempt)
        except NoAnswer:
            time.sleep(PAUSE)
    return replace(_once(address, timeout, follow), attempt=attempts)


def _once(address: http.Address, timeout: float, follow: bool) -> Facts:
    order = Order(headers=marker.headers())
    if follow:
        return Facts(*http.follow(address, order, timeout=timeout))
    return Facts(http.send(address, order, timeout=timeout))


def judge(facts: Facts, expected: Expected) -> Result:
    """Every threshold of this check: content first, since a quick wrong answer is still wrong; then latency."""
    answer = facts.answer
    evidence = [_evidence(facts)]
    if answer.status != expected.status:
        trouble = wrong_status(answer, expected)
        return failed(trouble.found, trouble.fix, target=expected.status, measured=answer.status, evidence=evidence)
    troubles = [*wrong_head(answer, expected), *wrong_body(answer, expected)]
    if troubles:
        found = f"GET {answer.address.shown}: " + "; ".join(one.found for one in troubles)
        return failed(found, troubles[0].fix, evidence=evidence + [{"message": one.found} for one in troubles])
    return _latency(facts, expected, evidence)


def _evidence(facts: Facts) -> Evidence:
    answer = facts.answer
    return {
        "message": f"GET {answer.address.shown} answered {answer.status} in {show_duration(answer.seconds)}",
        "status": answer.status,
        "seconds": round(answer.seconds, 4),
        "content_type": brief(", ".join(answer.header("content-type"))),
        "bytes": len(answer.body),
        "redirects": facts.hops,
        "attempt": facts.attempt,
    }


def _latency(facts: Facts, expected: Expected, evidence: list[Evidence]) -> Result:
    answer, took = facts.answer, show_duration(facts.answer.seconds)
    also = f" after {facts.hops} redirects" if facts.hops else ""
    also += f", serves {brief(expected.release)}" if expected.release else ""
    also += f", only on attempt {facts.attempt}" if facts.attempt > 1 else ""
    more = {"measured": round(answer.seconds, 4), "evidence": evidence}
    start = f"GET {answer.address.shown} answered {answer.status} in {took}"
    fix = "see what the service waits for (database, cache, CPU), then run again"
    high, middle = expected.critical, expected.warning
    if high is not None and answer.seconds > high:
        return failed(f"{start}, the limit is {show_duration(high)}{also}", fix, target=high, **more)
    if middle is not None and answer.seconds > middle:
        return warned(f"{start}, the warning is at {show_duration(middle)}{also}", fix, target=middle, **more)
    aim = next((one for one in (expected.target, middle, high) if one is not None), None)
    if aim is None:
        return passed(f"{start}, expected {expected.status}{also}", **more)
    word = "over the target of" if answer.seconds > aim else "within"
    return passed(f"{start}, {word} {show_duration(aim)}{also}", target=aim, **more)
