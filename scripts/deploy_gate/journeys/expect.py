"""An answer against what is expected of it: pure, and every difference in one line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from deploy_gate.facts.http import Answer
from deploy_gate.journeys import template
from deploy_gate.journeys.model import Expectations, Wanted
from deploy_gate.result import one_line

MOST = 8192
"""Characters of a value that a message may still be searched in for secrets, before it is cut."""
MISSING = object()
Known = Mapping[str, Any]


def differences(answer: Answer, expect: Expectations, known: Known) -> list[str]:
    """What is not as expected, the status first; empty if all is."""
    if wrong := wrong_status(answer.status, expect.statuses):
        return [wrong]
    found = [
        line for one in expect.headers if (line := differs(f"header {one.what}", header(answer, one.what), one, known))
    ]
    if not expect.json:
        return found
    document = parsed(answer)
    if document is MISSING:
        return [*found, "the body is no JSON of at most 1 MiB"]
    return [*found, *wrong_values(document, expect.json, known)]


def wrong_status(status: int, statuses: tuple[int, ...]) -> str:
    """Empty if the status will do."""
    if status in statuses or (not statuses and 200 <= status < 300):
        return ""
    return f"answered {status}, expected {' or '.join(map(str, statuses)) or '2xx'}"


def wrong_values(document: Any, wanted: Iterable[Wanted], known: Known) -> list[str]:
    """Every JSON value that is not as expected."""
    return [line for one in wanted if (line := differs(one.what, value_at(document, one.what), one, known))]


def header(answer: Answer, name: str) -> Any:
    """The values of a header as one text, MISSING if there is none."""
    values = answer.header(name)
    return ", ".join(values) if values else MISSING


def parsed(answer: Answer) -> Any:
    """The body as JSON; MISSING if it is cut or none."""
    return read_json(answer.body) if answer.whole else MISSING


def read_json(text: bytes | str) -> Any:
    """The text as JSON; MISSING if it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return MISSING


def value_at(document: Any, path: str) -> Any:
    """The value at a JMESPath; null counts as MISSING, and so does what the path cannot be asked of."""
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        found = jmespath.search(path, document)
    except (JMESPathError, RecursionError, TypeError):
        return MISSING
    return MISSING if found is None else found


def differs(what: str, value: Any, one: Wanted, known: Known) -> str:
    """Empty if the value is as wanted, else one line with both."""
    try:
        wanted = template.fill(one.value, known)
    except template.NotComputed as fault:
        return f"{what} cannot be compared: {fault}"
    if one.operator == "exists":
        return "" if (value is not MISSING) is wanted else f"{what} is {_shown(value)}, expected {_presence(wanted)}"
    if value is not MISSING and _holds(one.operator, value, wanted):
        return ""
    word = {"equals": "", "not": "anything but ", "at-least": "at least ", "at-most": "at most "}
    return f"{what} is {_shown(value)}, expected {word.get(one.operator, 'to contain ')}{_shown(wanted)}"


def _presence(wanted: bool) -> str:
    return "a value" if wanted else "none"


def _holds(operator: str, value: Any, wanted: Any) -> bool:
    if operator in ("equals", "not"):
        return same(value, wanted) is (operator == "equals")
    if operator == "contains":
        return _contains(value, wanted)
    if isinstance(value, bool) or isinstance(wanted, bool):
        return False
    if not isinstance(value, int | float) or not isinstance(wanted, int | float):
        return False
    return value >= wanted if operator == "at-least" else value <= wanted


def _contains(value: Any, wanted: Any) -> bool:
    if isinstance(value, str):
        return isinstance(wanted, str) and wanted in value
    return isinstance(value, list) and any(same(one, wanted) for one in value)


def same(left: Any, right: Any) -> bool:
    """Equal as JSON: true is not 1, and 2 is 2.0."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


def _shown(value: Any) -> str:
    # Not yet cut to its length: a half of a secret could not be found in it and hidden.
    return "missing" if value is MISSING else one_line(json.dumps(value, ensure_ascii=False, default=str), MOST)
