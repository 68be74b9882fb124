"""A journey's file: read strictly, every fault at once, each with its line and the nearest legal name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from deploy_gate import yamlfile
from deploy_gate.journeys import fields, template
from deploy_gate.journeys.fields import Fields
from deploy_gate.journeys.model import (
    CLASSES,
    OPERATORS,
    Class,
    Expectations,
    Journey,
    Receive,
    Request,
    Step,
    Stream,
    Until,
    Wanted,
)
from deploy_gate.journeys.names import check_names
from deploy_gate.problems import Misconfigured, Problem, nearest
from deploy_gate.yamlfile import Document

MAX_STEPS = 50
MAX_SECONDS = 90.0
_TOP = ("version", "journey", "timeout", "values", "steps", "cleanup")
_NONE: dict[str, Any] = {}
_ONLY = {
    "request": {"class", "headers", "json", "form", "until"},
    "open": {"as", "headers", "send"},
    "receive": {"within"},
}
_SHARED = {"name", "capture", "expect", "unless"}
_KINDS = ("request", "open", "receive")
_STEP = tuple(sorted(_SHARED.union(*_ONLY.values(), _KINDS)))
_REQUEST = re.compile(r"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (/\S{0,1000})")
_STREAM = re.compile(r"(websocket|sse) (/\S{0,1000})")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,60}")


def read(path: Path) -> Journey:
    """The journey in a file; Misconfigured with every fault."""
    return parse(yamlfile.read(path))


def parse(document: Document) -> Journey:
    """The journey in a document."""
    problems: list[Problem] = []
    top = Fields(document, (), problems, _TOP)
    if top.data.get("version") != 1:
        top.fault("version", "this is no journey of version 1: it starts with `version: 1`")
    steps = _steps(top, "steps")
    if not steps and not problems:
        top.fault("steps", "there are no steps: a journey that does nothing proves nothing")
    values = top.get("values", fields.mapping, _NONE)
    for name in values:
        _legal_name(top.within("values", values), name)
    found = Journey(
        document.path,
        top.get("journey", fields.text, document.path),
        top.get("timeout", fields.duration(1, MAX_SECONDS), 30.0),
        values,
        steps,
        _steps(top, "cleanup"),
        (),
    )
    secrets = check_names(found, problems)
    if problems:
        raise Misconfigured(sorted(set(problems)))
    return Journey(found.path, found.name, found.timeout, values, steps, found.cleanup, secrets)


def _steps(top: Fields, key: str) -> tuple[Step, ...]:
    count = top.list(key)
    if count > MAX_STEPS:
        top.fault(key, f"has {count} steps, at most {MAX_STEPS} are walked: split the journey")
        return ()
    return tuple(_step(Fields(top.document, (key, number), top.problems, _STEP)) for number in range(count))


def _step(step: Fields) -> Step:
    kinds = [one for one in _KINDS if one in step]
    if len(kinds) != 1:
        step.fault("", "a step has one of `request: METHOD /path`, `open: websocket /path` and `receive: NAME`")
    kind = kinds[0] if kinds else "request"
    for key in step.data:
        if key in _STEP and key not in _ONLY[kind] | _SHARED | set(kinds):
            step.fault(key, f"'{key}' does not belong to a step with `{kind}`")
    action = _action(kind, step)
    return Step(
        step.get("name", fields.text, str(step.data.get(kind, "a step"))),
        step.line(),
        action,
        _class(step, action),
        _expectations(step),
        _captures(step),
        _until(step),
        step.get("unless", fields.text, ""),
    )


def _action(kind: str, step: Fields) -> Request | Stream | Receive:
    if kind == "open":
        return _stream(step)
    return _receive(step) if kind == "receive" else _request(step)


def _request(step: Fields) -> Request:
    match = _matched(step, "request", _REQUEST, "a method and a path such as `POST /api/orders`")
    if "json" in step and "form" in step:
        step.fault("form", "a request has `json` or `form`, not both")
    form = step.get("form", fields.mapping, _NONE) if "form" in step else None
    return Request(match[0], match[1], _headers(step), step.data.get("json"), form)


def _stream(step: Fields) -> Stream:
    match = _matched(step, "open", _STREAM, "`websocket /path` or `sse /path`")
    if "as" not in step:
        step.fault("open", "'open' needs `as: NAME`, by which later steps call it")
    if "expect" in step or "capture" in step:
        step.fault("open", "'open' only opens: put `expect` and `capture` into a step with `receive`")
    if match[0] == "sse" and "send" in step:
        step.fault("send", "nothing can be sent by server-sent events")
    kind: Literal["websocket", "sse"] = "sse" if match[0] == "sse" else "websocket"
    return Stream(step.get("as", fields.text, ""), kind, match[1], _headers(step), step.data.get("send"))


def _receive(step: Fields) -> Receive:
    expect = step.data.get("expect")
    if not isinstance(expect, dict) or set(expect) != {"json"}:
        step.fault("receive", "'receive' needs `expect: {json: …}`, which says what is waited for, and nothing else")
    return Receive(step.get("receive", fields.text, ""), step.get("within", fields.duration(0.1, 60), 5.0))


def _matched(step: Fields, key: str, pattern: re.Pattern[str], legal: str) -> tuple[str, str]:
    found = pattern.fullmatch(str(step.data.get(key, "")))
    if found:
        return found[1], found[2]
    if key in step:
        step.fault(key, f"'{key}' is {str(step.data[key])[:80]!r}, expected {legal}")
    return "GET", "/"


def _class(step: Fields, action: Request | Stream | Receive) -> Class:
    given = step.data.get("class")
    for one in CLASSES:
        if given == one:
            return one
    if given is not None:
        step.fault("class", f"unknown class '{str(given)[:40]}'{nearest(str(given), CLASSES)}")
    return "read" if isinstance(action, Request) and action.method in ("GET", "HEAD", "OPTIONS") else "write"


def _headers(step: Fields) -> dict[str, str]:
    found = step.get("headers", fields.mapping, _NONE)
    for name, value in found.items():
        if not _HEADER.fullmatch(name) or not isinstance(value, str) or not value.isprintable():
            step.within("headers", found).fault(name, "a header is a name of letters and hyphens, and a text")
    return found


def _expectations(step: Fields) -> Expectations:
    if "expect" not in step:
        return Expectations()
    expect = step.within("expect", ("status", "headers", "json"))
    return Expectations(
        expect.get("status", fields.statuses, ()), _wanted(expect, "headers"), _wanted(expect, "json", path=True)
    )


def _wanted(expect: Fields, key: str, *, path: bool = False) -> tuple[Wanted, ...]:
    found = []
    values = expect.get(key, fields.mapping, _NONE)
    inside = expect.within(key, values) if values else expect
    for what, value in values.items():
        if path and (fault := _bad_path(what)):
            inside.fault(what, fault)
        comparisons = value if isinstance(value, dict) else {"equals": value}
        for operator, wanted in comparisons.items():
            match = next((one for one in OPERATORS if one == operator), None)
            if match is None:
                legal = nearest(str(operator), OPERATORS)
                inside.fault(what, f"unknown comparison '{str(operator)[:40]}'{legal}")
            elif wanted is None or (match == "exists" and not isinstance(wanted, bool)):
                inside.fault(what, f"'{match}' needs {'true or false' if match == 'exists' else 'a value'}")
            else:
                found.append(Wanted(what, match, wanted))
    return tuple(found)


def _captures(step: Fields) -> dict[str, str]:
    found = step.get("capture", fields.mapping, _NONE)
    inside = step.within("capture", found) if found else step
    for name, path in found.items():
        _legal_name(inside, name)
        if fault := _bad_path(path):
            inside.fault(name, fault)
    return {name: path for name, path in found.items() if isinstance(path, str)}


def _legal_name(place: Fields, name: str) -> None:
    if not _NAME.fullmatch(name) or name == "env":
        place.fault(name, f"'{name[:40]}' is no name: lower-case letters, digits and _, starting with a letter")


def _until(step: Fields) -> Until | None:
    if "until" not in step:
        return None
    until = step.within("until", ("within", "every"))
    return Until(until.get("within", fields.duration(0.1, 60), 10.0), until.get("every", fields.duration(0.1, 10), 0.5))


def _bad_path(path: Any) -> str:
    if not isinstance(path, str) or len(path) > 500:
        return "a value is named by a JMESPath such as `items[0].id`"
    try:
        import jmespath
        from jmespath.exceptions import JMESPathError
    except ModuleNotFoundError:
        # Before a run nothing is installed for it; the file is read again when it starts.
        return ""
    # What is filled in later is a number or a quoted text: any stands in for it here.
    try:
        jmespath.compile(template.FIELD.sub("1", path))
    except (JMESPathError, RecursionError) as fault:
        return f"is no JMESPath: {str(fault).splitlines()[0][:120]}"
    return ""
