"""An address answers as intended: status, latency, type, headers, marker, JSON fields, and the served release."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from typing import Any

from deploy_gate.catalog import About
from deploy_gate.facts import http, marker
from deploy_gate.facts.http import Answer, NoAnswer, Order
from deploy_gate.facts.served import field as value_at
from deploy_gate.facts.served import same_release
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Evidence, Result, brief, failed, passed, warned
from deploy_gate.units import Duration, show_duration, show_size

ABOUT = About(reads=(marker.VARIABLE,), timeout=120)

PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class Expected:
    """What the answer must be; empty means not asked for, latencies are in seconds."""

    status: int = 200
    target: float | None = None
    warning: float | None = None
    critical: float | None = None
    content_type: str = ""
    contains: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    release_field: str = ""
    release: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """The last answer, how many redirects led to it, and on which attempt it came."""

    answer: Answer
    hops: int = 0
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is not as expected."""

    found: str
    fix: str


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
    address = _checked(url, expected, attempts)
    facts = _ask(address, timeout, attempts, redirects and status not in http.REDIRECTS)
    return judge(facts, expected)


def validate(*, url: str, attempts: int, header: str, field: str, **values: Any) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    limits = {name: values[name] for name in ("status", "target", "warning", "critical", "release_field", "release")}
    pairs: dict[str, Any] = {"headers": _pairs("header", header, ":"), "fields": _pairs("field", field, "=")}
    _checked(url, Expected(**limits, **pairs), attempts)


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
        trouble = _wrong_status(answer, expected)
        return failed(trouble.found, trouble.fix, target=expected.status, measured=answer.status, evidence=evidence)
    troubles = [*_wrong_head(answer, expected), *_wrong_body(answer, expected)]
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


def _wrong_status(answer: Answer, expected: Expected) -> Trouble:
    where, status = answer.address.shown, answer.status
    if status in http.REDIRECTS:
        found = f"GET {where} answered {status}, a redirect to {answer.location}, expected {expected.status}"
        return Trouble(found, "give the final address as `url`, or follow with `redirects: true`")
    advice = "read the service's log for this request" if status >= 500 else "correct route, proxy rule or access"
    return Trouble(f"GET {where} answered {status}, expected {expected.status}", advice)


def _wrong_head(answer: Answer, expected: Expected) -> list[Trouble]:
    troubles = []
    kinds = [_media(one, expected.content_type) for one in answer.header("content-type")]
    if expected.content_type and _media(expected.content_type, expected.content_type) not in kinds:
        found = f"content type is {brief(', '.join(kinds)) or 'missing'}, expected {brief(expected.content_type)}"
        troubles.append(Trouble(found, "see what answers here: an error page of the proxy often has another type"))
    for name, value in expected.headers:
        values = [one.strip() for one in answer.header(name)]
        if not values or (value and value not in values):
            found = f"header {brief(name)} is {brief(', '.join(values)) or 'missing'}"
            found += f", expected {brief(value) or 'any value'}"
            troubles.append(Trouble(found, f"let the proxy or the application send {brief(name)}"))
    return troubles


def _media(value: str, wanted: str) -> str:
    return "".join((value if ";" in wanted else value.split(";", maxsplit=1)[0]).split()).lower()


def _wrong_body(answer: Answer, expected: Expected) -> list[Trouble]:
    troubles = []
    if expected.contains and expected.contains.encode() not in answer.body:
        where = f"its {show_size(len(answer.body))}" if answer.whole else "its first MiB"
        found = f"{brief(expected.contains)!r} is not in {where}, expected once or more"
        troubles.append(Trouble(found, "open the address and see which page is served"))
    if not expected.fields and not expected.release_field:
        return troubles
    try:
        data = json.loads(answer.body) if answer.whole else None
    except (ValueError, RecursionError):
        return [*troubles, Trouble("the body is not JSON, expected JSON", "see what answers here")]
    if not answer.whole:
        found = "the body is larger than 1 MiB, the limit for JSON"
        return [*troubles, Trouble(found, "give the address of a smaller answer")]
    for path, wanted in expected.fields:
        value = value_at(data, path)
        if value != wanted:
            found = f"{brief(path)} is {brief(value or 'missing')}, expected {brief(wanted)}"
            troubles.append(Trouble(found, f"see why the service reports {brief(path)} so"))
    return troubles + _wrong_release(data, expected)


def _wrong_release(data: Any, expected: Expected) -> list[Trouble]:
    served = value_at(data, expected.release_field) if expected.release_field else expected.release
    if served is not None and same_release(served, expected.release):
        return []
    found = f"serves {brief(served or f'no release (no field {expected.release_field})')}"
    found += f", intended {brief(expected.release)}"
    return [Trouble(found, "see which slot is live and whether the new release was started, then deploy again")]


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
