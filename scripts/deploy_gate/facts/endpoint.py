"""An answer against what it should be: status, head and body."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from deploy_gate.facts import http
from deploy_gate.facts.http import Answer
from deploy_gate.facts.served import field as value_at
from deploy_gate.facts.served import same_release
from deploy_gate.result import brief
from deploy_gate.units import show_size


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
class Trouble:
    """One thing that is not as expected."""

    found: str
    fix: str


def wrong_status(answer: Answer, expected: Expected) -> Trouble:
    """Another status than intended."""
    where, status = answer.address.shown, answer.status
    if status in http.REDIRECTS:
        found = f"GET {where} answered {status}, a redirect to {answer.location}, expected {expected.status}"
        return Trouble(found, "give the final address as `url`, or follow with `redirects: true`")
    advice = "read the service's log for this request" if status >= 500 else "correct route, proxy rule or access"
    return Trouble(f"GET {where} answered {status}, expected {expected.status}", advice)


def wrong_head(answer: Answer, expected: Expected) -> list[Trouble]:
    """What is wrong with type and headers."""
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


def wrong_body(answer: Answer, expected: Expected) -> list[Trouble]:
    """What is wrong with text, fields and the release that it names."""
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
