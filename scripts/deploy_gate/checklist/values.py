"""The single values of a checklist file: texts, names, inputs, durations, days."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, StringConstraints, WithJsonSchema

from deploy_gate import units
from deploy_gate.problems import similar

_SINGLE = {"type": ["string", "number", "boolean"]}
_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_DURATION = r"^([0-9]+(\.[0-9]+)?(ms|min|s|m|h|d|w))+$"


# GitHub's documentation, "Events that trigger workflows".
EVENTS = (
    *("branch_protection_rule", "check_run", "check_suite", "create", "delete", "deployment", "deployment_status"),
    *("discussion", "discussion_comment", "fork", "gollum", "image_version", "issue_comment", "issues", "label"),
    *("merge_group", "milestone", "page_build", "project", "project_card", "project_column", "public"),
    *("pull_request", "pull_request_review", "pull_request_review_comment", "pull_request_target", "push"),
    *("registry_package", "release", "repository_dispatch", "schedule", "status", "watch", "workflow_call"),
    *("workflow_dispatch", "workflow_run"),
)


def _event(text: str) -> str:
    if text not in EVENTS:
        raise ValueError(f"the name of a GitHub event, such as pull_request or push{similar(text, EVENTS)}")
    return text


def _value(value: object) -> object:
    # Not left to pydantic: of a union it reports every member, and puts their names into the path.
    single = str | int | float
    if isinstance(value, single) or (isinstance(value, list) and all(isinstance(one, single) for one in value)):
        return value
    raise ValueError("a text, a number, true, false or a list of them")


def _duration(text: str) -> str:
    if units.duration(text) <= 0:
        raise ValueError("a duration longer than nothing")
    return text


def _day(value: object) -> date:
    # Not left to pydantic: it would read 20270131 as seconds since 1970.
    try:
        return date.fromisoformat(value if isinstance(value, str) and re.fullmatch(_DAY, value) else "")
    except ValueError:
        raise ValueError("a date such as 2027-01-31") from None


Text = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Texts = Annotated[list[Text], Field(min_length=1)]
Event = Annotated[str, AfterValidator(_event), WithJsonSchema({"enum": list(EVENTS)})]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Value = Annotated[
    str | int | float | bool | list[str | int | float],
    PlainValidator(_value),
    WithJsonSchema({"anyOf": [_SINGLE, {"type": "array", "items": _SINGLE}]}),
]
DurationText = Annotated[str, AfterValidator(_duration), WithJsonSchema({"type": "string", "pattern": _DURATION})]
Day = Annotated[
    date,
    BeforeValidator(_day),
    Field(strict=False),
    WithJsonSchema({"type": "string", "format": "date", "pattern": _DAY}),
]
