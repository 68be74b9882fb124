"""Whether every `${name}` of a journey is there when its step comes."""

from __future__ import annotations

from typing import Any

from deploy_gate.journeys import template
from deploy_gate.journeys.model import Journey, Receive, Request, Step, Stream
from deploy_gate.problems import Problem, nearest

BUILT_IN = ("unique",)
"""`unique`: eight random hexadecimal digits, other ones in every run."""


def check_names(journey: Journey, problems: list[Problem]) -> tuple[str, ...]:
    """Add a problem for every name that nothing gives; return the environment variables that are named."""
    known = {*BUILT_IN, *journey.values}
    streams: set[str] = set()
    captured: set[str] = set()
    secrets: dict[str, None] = {}
    for step in (*journey.steps, *journey.cleanup):
        for name in _used(step, journey, problems):
            if name.startswith("env."):
                secrets[name.removeprefix("env.")] = None
            elif name not in known:
                problems.append(Problem(journey.path, step.line, f"unknown name '${{{name}}}'{nearest(name, known)}"))
        if isinstance(step.action, Receive) and step.action.source not in streams:
            text = f"no step before opens '{step.action.source}'{nearest(step.action.source, streams)}"
            problems.append(Problem(journey.path, step.line, text))
        known |= set(step.capture)
        streams |= {step.action.name} if isinstance(step.action, Stream) else set()
        captured |= set(step.capture)
        if step.unless and step.unless not in captured:
            # A name that is there from the start would leave the step out always.
            text = f"no step before captures '{step.unless}'{nearest(step.unless, captured)}"
            problems.append(Problem(journey.path, step.line, text))
    return tuple(secrets)


def used_by(step: Step) -> Any:
    """Everything of a step that may hold `${…}`."""
    action = step.action
    sent: list[Any] = [[one.value for one in (*step.expect.headers, *step.expect.json)]]
    sent += [list(step.capture.values()), [one.what for one in step.expect.json]]
    if isinstance(action, Request):
        sent += [action.path, action.headers, action.json, action.form]
    elif isinstance(action, Stream):
        sent += [action.path, action.headers, action.send]
    return sent


def _used(step: Step, journey: Journey, problems: list[Problem]) -> list[str]:
    try:
        return list(template.names(used_by(step)))
    except ValueError as fault:
        problems.append(Problem(journey.path, step.line, f"a '${{…}}' of this step is not {fault}"))
        return []
