"""Tokens for the roles of an access file: from the environment, or by logging in once for each."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from deploy_gate.facts.access_file import File, split
from deploy_gate.facts.http import Answer, Order
from deploy_gate.facts.served import field as value_at
from deploy_gate.facts.site import Site
from deploy_gate.result import CouldNotTell, brief


@dataclass(slots=True)
class Accounts:
    """Who can be asked as; a log-in is done once and remembered."""

    place: Site
    file: File
    named: Sequence[str] = ()
    """The variables that the step declares as secrets, and so are handed over."""
    tokens: dict[str, str] = field(default_factory=dict, repr=False)

    def token(self, name: str) -> str:
        """The token of a role; CouldNotTell when there is none to be had."""
        if name not in self.tokens:
            role = self.file.roles[name]
            self.tokens[name] = self.secret(role.token) if role.token else self._log_in(name, role.account)
        return self.tokens[name]

    def secret(self, variable: str | None) -> str:
        """The value of a variable that the file names; CouldNotTell when it is not there."""
        if variable not in self.named and not os.environ.get(variable or ""):
            found = f"the file names the variable {brief(str(variable))}, which is not handed over"
            raise CouldNotTell(found, f"name {brief(str(variable))} in `secrets`, and set it in the step's `env:`")
        return secret(variable)

    def _log_in(self, name: str, account: str) -> str:
        role, login = self.file.roles[name], self.file.login
        if login is None or role.password is None:
            raise AssertionError
        body = filled(login.body, {"account": account, "password": self.secret(role.password)})
        answer = self.place.patient(login.path, posting("POST", body))
        token = value_at(data(answer), login.token) if answer.status < 300 else None
        if not token or "\n" in token or not token.isascii():
            what = f"answered {answer.status}" if answer.status >= 300 else f"has no {brief(login.token)}"
            found = (
                f"the log-in of the role {brief(name)} at {answer.address.shown} {what}, so nothing can be asked as it"
            )
            fix = f"see whether the account exists and {role.password} holds its password; then the application's log"
            raise CouldNotTell(found, fix)
        return token

    def ask(self, route: str, role: str = "") -> Answer:
        """A route as a role, or as nobody."""
        return bearing(self.place, route, self.token(role) if role else "")


def bearing(place: Site, route: str, token: str) -> Answer:
    """A route with a bearer token, or none. What changes things is sent without a body: it changes none."""
    method, path = split(route)
    return place.patient(path, Order(method, {"Authorization": f"Bearer {token}"} if token else {}))


def secret(variable: str | None) -> str:
    """The value of a variable; CouldNotTell when it is not there."""
    value = os.environ.get(variable or "", "").strip()
    if not value:
        found = f"the environment variable {brief(str(variable))} is not set"
        raise CouldNotTell(found, f"set {brief(str(variable))} in the step's `env:` from a secret")
    if not value.isprintable():
        raise CouldNotTell(f"{brief(str(variable))} holds more than one line", "store the bare value as the secret")
    return value


def posting(method: str, body: Any) -> Order:
    """A request with a JSON body, or with none."""
    if body is None:
        return Order(method)
    return Order(method, {"Content-Type": "application/json"}, json.dumps(body).encode())


def filled(value: Any, known: dict[str, str]) -> Any:
    """A JSON value with `${name}` filled in its texts."""
    if isinstance(value, dict):
        return {key: filled(one, known) for key, one in value.items()}
    if isinstance(value, list):
        return [filled(one, known) for one in value]
    if isinstance(value, str):
        for name, text in known.items():
            value = value.replace(f"${{{name}}}", text)
    return value


def data(answer: Answer) -> Any:
    """The JSON of an answer; None if it is none."""
    try:
        return json.loads(answer.body) if answer.whole else None
    except (ValueError, RecursionError):
        return None


def items(answer: Answer, path: str) -> list[Any]:
    """The list at a path of an answer; CouldNotTell when there is none."""
    found = data(answer)
    for step in filter(None, path.split(".")):
        found = found.get(step) if isinstance(found, dict) else None
    if answer.status >= 300 or not isinstance(found, list):
        where = f"{answer.address.shown} answered {answer.status}"
        told = f"{where}, and no list at {brief(path) or 'the top'} of its answer"
        raise CouldNotTell(told, "correct route, role and `items` in the file, or see the application's log")
    return found
