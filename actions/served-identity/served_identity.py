"""The application that answers knows which environment it is in, and which release it is."""

from __future__ import annotations

import json
from dataclasses import dataclass

from deploy_gate.catalog import About
from deploy_gate.facts import http
from deploy_gate.facts.served import field as value_at
from deploy_gate.facts.served import same_release
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.units import Duration

ABOUT = About(timeout=60)


@dataclass(frozen=True, slots=True)
class Served:
    """What the document names; None where it names nothing."""

    address: str
    environment: str | None
    release: str | None


@dataclass(frozen=True, slots=True)
class Intended:
    """What it should name, and where; an empty release stands for any."""

    environments: tuple[str, ...]
    release: str = ""
    environment_field: str = "environment"
    release_field: str = "release"


def check(
    *, url: str, environment: list[str], environment_field: str, release_field: str, release: str, timeout: Duration
) -> Result:
    """Read the health document and compare; CouldNotTell when there is none to read."""
    intended = Intended(tuple(environment), release, environment_field, release_field)
    return judge(_look(_address(url), intended, timeout), intended)


def validate(*, url: str, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    _address(url)


def _address(url: str) -> http.Address:
    try:
        return http.parse(url)
    except ValueError as fault:
        # The value is not repeated: it may hold a password.
        raise Misconfigured([f"input 'url': expected {fault}"]) from None


def _look(address: http.Address, intended: Intended, timeout: float) -> Served:
    answer = http.get(address, timeout=timeout)
    where = f"GET {address.shown}"
    # 503 is how a health document says that something is down: it still says who it is.
    if answer.status not in {200, 503}:
        found = f"{where} answered {answer.status}, expected a health document"
        raise CouldNotTell(found, "correct the address, or see in the service's log why it does not answer")
    try:
        data = json.loads(answer.body) if answer.whole else None
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise CouldNotTell(f"{where} answered no JSON object", "give the address of the health document")
    names = (value_at(data, one) for one in (intended.environment_field, intended.release_field))
    return Served(address.shown, *(one if one not in (None, "", "null") else None for one in names))


def judge(served: Served, intended: Intended) -> Result:
    """Failed when it names another environment or release; CouldNotTell when it names none."""
    wanted = " or ".join(brief(one) for one in intended.environments)
    evidence = [_evidence(served)]
    if served.environment is None or served.release is None:
        missing = intended.environment_field if served.environment is None else intended.release_field
        found = f"{served.address} names no {brief(missing)}, so nobody can tell what answers there"
        raise CouldNotTell(found, f"let the health document have a field {brief(missing)}", evidence)
    if served.environment not in intended.environments:
        found = f"{served.address} says it is {brief(served.environment)}, intended is {wanted}"
        fix = "deploy nothing; see which environment file the service was started with, and where the address leads"
        return failed(found, fix, target=wanted, measured=brief(served.environment), evidence=evidence)
    if intended.release and not same_release(served.release, intended.release):
        found = f"{served.address} serves {brief(served.release)}, intended is {brief(intended.release)}"
        fix = "see which slot is live and whether the new release was started, then deploy again"
        return failed(found, fix, target=intended.release, measured=brief(served.release), evidence=evidence)
    also = ", the intended one" if intended.release else ""
    found = f"{served.address} is {brief(served.environment)} and serves {brief(served.release)}{also}"
    return passed(found, target=wanted, measured=brief(served.environment), evidence=evidence)


def _evidence(served: Served) -> Evidence:
    environment, release = brief(served.environment or "nothing"), brief(served.release or "nothing")
    return {"message": f"{served.address} names environment {environment}, release {release}"}
