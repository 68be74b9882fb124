"""The secrets that a deployment needs are there, and none is older than its limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deploy_gate.catalog import About
from deploy_gate.github import client as github
from deploy_gate.github import fields
from deploy_gate.github.client import Client, Question, path
from deploy_gate.result import Evidence, Result, brief, failed, passed
from deploy_gate.units import Duration, Variable, counted, show_duration

ABOUT = About(reads=github.READS, timeout=120)


@dataclass(frozen=True, slots=True)
class Secret:
    """What GitHub tells of a secret: never its value."""

    name: str
    changed: datetime
    place: str


def check(
    *,
    repository: str,
    environment: str,
    names: list[str],
    organization: bool,
    max_age: Duration,
    token_variable: Variable,
) -> Result:
    """Ask the nearest place first, and further ones only for what is still missing."""
    here, where = github.opened(token_variable), github.repository(repository)
    known: dict[str, Secret] = {}
    for place, address in _places(where, environment, organization):
        if names and all(name.upper() in known for name in names):
            break
        # What stands nearer wins, as it does when a job runs.
        known = _listed(here, place, address) | known
    return judge(known, names, max_age, here.now)


def _places(where: str, environment: str, organization: bool) -> list[tuple[str, str]]:
    found = [("the repository", where + path("actions", "secrets"))]
    if environment:
        own = where + path("environments", environment, "secrets")
        found.insert(0, (f"environment {brief(environment)}", own))
    return [*found, ("the organisation", where + path("actions", "organization-secrets"))] if organization else found


def _listed(here: Client, place: str, address: str) -> dict[str, Secret]:
    needs = "environments=read" if place.startswith("environment ") else "secrets=read"
    found = here.all(Question(address, f"secrets of {place}", needs), "secrets")
    return {
        name: Secret(name, fields.moment(one, "updated_at"), place)
        for one in found
        if (name := fields.text(one, "name").upper())
    }


def judge(known: Mapping[str, Secret], names: Sequence[str], max_age: float, now: datetime) -> Result:
    """Missing first, then old; without any secret nothing was looked at."""
    limit = show_duration(max_age)
    missing = [name for name in names if name.upper() not in known]
    looked = [known[name.upper()] for name in names if name.upper() in known] if names else list(known.values())
    ages = {one.name: (now - one.changed).total_seconds() for one in looked}
    old = sorted((one for one in looked if ages[one.name] > max_age), key=lambda one: -ages[one.name])
    evidence: list[Evidence] = [
        {"message": f"{brief(one.name)} of {one.place}: changed {show_duration(max(ages[one.name], 0))} ago"}
        for one in looked
    ]
    more: dict[str, Any] = {"target": max_age, "evidence": evidence}
    if missing:
        found = f"{len(missing)} of {counted(len(names), 'secret')} missing: {brief(', '.join(missing), 300)}"
        return failed(found, "set them in Settings ▸ Secrets, for the environment if only it needs them", **more)
    if not looked:
        return failed("there is no secret to look at", "name those that the deployment needs as `names`", **more)
    more["measured"] = round(max(ages.values()), 1)
    if old:
        shown = ", ".join(f"{brief(one.name, 60)} ({show_duration(ages[one.name])})" for one in old[:3])
        rest = f" and {len(old) - 3} more" if len(old) > 3 else ""
        found = f"{len(old)} of {counted(len(looked), 'secret')} older than {limit}: {shown}{rest}"
        return failed(
            found, "make a new one where it is used, set it in Settings ▸ Secrets, then revoke the old", **more
        )
    oldest = show_duration(max(*ages.values(), 0.0))
    return passed(f"{counted(len(looked), 'secret')}, the oldest changed {oldest} ago, the limit is {limit}", **more)
