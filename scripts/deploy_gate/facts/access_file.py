"""The file that says how to log in, who may do what, and which environment variables hold the secrets for it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from deploy_gate import yamlfile
from deploy_gate.problems import Misconfigured, Problem
from deploy_gate.result import one_line

ANYBODY = "anybody"
MAX_CELLS = 500
_ROUTE = re.compile(r"(GET|HEAD|OPTIONS|POST|PUT|PATCH|DELETE) (/\S{0,1000})")


def _route(text: str) -> str:
    if not _ROUTE.fullmatch(text):
        raise ValueError("expected a method and a path, such as `GET /api/orders`")
    return text


Route = Annotated[str, AfterValidator(_route)]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
Code = Annotated[int, Field(ge=300, le=499)]
Codes = Annotated[list[Code], Field(min_length=1)]
# What those who are let in may be answered beside 2xx, such as 404 where a route names a thing that does not exist.
Answers = list[Code]


class Part(BaseModel):
    """Common ground: an unknown key is a fault, a value keeps its type."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


class Login(Part):
    """How a token is got for an account and its password."""

    path: str = Field(pattern=r"^/")
    body: dict[str, Any]
    """JSON to post; `${account}` and `${password}` are filled."""
    token: str = "access_token"  # noqa: S105 - where it is, not what
    """Path of the token in the answer."""


class Role(Part):
    """Somebody who can be: an account with the variable of its password, or the variable of a token."""

    account: str = ""
    password: Variable | None = None
    token: Variable | None = None


class Auth(Part):
    """What proves that log-ins are looked at: one route, and a token that has run out."""

    route: Route
    role: str
    expired: Variable | None = None
    """Variable with a token that was good once."""
    signing_key: Variable | None = Field(default=None, alias="signing-key")
    """Variable with the key of HS256, with which one that has run out is made; for staging."""
    refused: Codes = Field(default=[401])
    answers: Answers = Field(default_factory=list)


class Access(Part):
    """One row of the matrix: who is let into a route; everybody else must be refused."""

    route: Route
    allow: list[str]
    answers: Answers = Field(default_factory=list)


class Rbac(Part):
    """The matrix of roles and routes."""

    routes: list[Access] = Field(min_length=1)
    refused: Codes = Field(default=[401, 403])


class Key(Part):
    """What proves that API keys are looked at."""

    route: Route
    header: str = Field(default="X-API-Key", pattern=r"^[A-Za-z0-9-]{1,60}$")
    good: Variable
    revoked: Variable
    refused: Codes = Field(default=[401, 403])
    answers: Answers = Field(default_factory=list)


class Action(Part):
    """A request that must be in the audit log; `${marker}` in its body or path is filled with a name nobody has."""

    route: Route
    body: dict[str, Any] | None = None
    status: list[Annotated[int, Field(ge=100, le=499)]] = Field(default=[401], min_length=1)


class Reading(Part):
    """Where a role reads something back; `items` is the path of the list in the answer, empty for the answer itself."""

    route: Route
    role: str
    items: str = "items"


class Audit(Part):
    """A deed and where its trace is read."""

    action: Action
    read: Reading


class Deliveries(Reading):
    """Where webhook deliveries are listed, newest first, and what their fields say."""

    status: str = "status"
    delivered: list[str] = Field(default=["delivered"], min_length=1)
    waiting: list[str] = Field(default=["pending"])
    """Neither delivered nor failed: it is still to be tried."""
    failed: list[str] = Field(default=["failed"], min_length=1)
    time: str = "created_at"
    page_size: Annotated[int, Field(ge=1)] | None = Field(default=None, alias="page-size")
    """How many entries the route lists at most, where it has no `${page}`."""


class File(Part):
    """The whole file."""

    version: Annotated[int, Field(ge=1, le=1)]
    login: Login | None = None
    roles: dict[str, Role] = Field(default_factory=dict)
    auth: Auth | None = None
    rbac: Rbac | None = None
    api_key: Key | None = Field(default=None, alias="api-key")
    audit: Audit | None = None
    webhooks: Deliveries | None = None


def read(path: Path) -> File:
    """The file; Misconfigured lists everything that is wrong with it, with lines."""
    document = yamlfile.read(path)
    try:
        found = File.model_validate(document.data)
    except ValidationError as fault:
        raise Misconfigured([_problem(document, one) for one in fault.errors(include_input=False)]) from None
    wrong = [Problem(document.path, 0, text) for text in _unfit(found)]
    if wrong:
        raise Misconfigured(wrong)
    return found


def _problem(document: yamlfile.Document, one: Any) -> Problem:
    where = one["loc"]
    line = next((document.lines[where[:n]] for n in range(len(where), 0, -1) if where[:n] in document.lines), 0)
    message = one["msg"].removeprefix("Value error, ")
    return Problem(document.path, line, one_line(f"{'.'.join(map(str, where))}: {message}", 300))


def _unfit(found: File) -> list[str]:
    """Names that lead nowhere."""
    wrong = []
    for name, role in found.roles.items():
        if bool(role.account) != bool(role.password) or bool(role.token) == bool(role.password):
            wrong.append(f"roles.{name}: give `account` and `password`, or `token`, whose values name variables")
        if role.account and found.login is None:
            wrong.append(f"roles.{name}: has an account, but `login` does not say how to log in")
    if found.auth and not (found.auth.expired or found.auth.signing_key):
        wrong.append("auth: name `expired` (variable with a token that has run out) or `signing-key`")
    named = [("auth.role", found.auth.role)] if found.auth else []
    named += [("audit.read.role", found.audit.read.role)] if found.audit else []
    named += [("webhooks.role", found.webhooks.role)] if found.webhooks else []
    rows = found.rbac.routes if found.rbac else []
    named += [("rbac.routes.allow", role) for row in rows for role in row.allow if role != ANYBODY]
    wrong += [f"{where}: there is no role '{role}'" for where, role in dict.fromkeys(named) if role not in found.roles]
    if len(rows) * (len(found.roles) + 1) > MAX_CELLS:
        wrong.append(f"rbac: more than {MAX_CELLS} pairs of role and route")
    return [*wrong, *_both(found)]


def _both(found: File) -> list[str]:
    """Codes that would let in and refuse."""
    parts: list[tuple[str, list[int], list[int]]] = []
    parts += [("auth", found.auth.answers, found.auth.refused)] if found.auth else []
    parts += [("rbac.routes", row.answers, found.rbac.refused) for row in found.rbac.routes] if found.rbac else []
    parts += [("api-key", found.api_key.answers, found.api_key.refused)] if found.api_key else []
    return [
        f"{where}: {code} cannot mean both let in and refused; take it out of `answers` or `refused`"
        for where, answers, refused in parts
        for code in sorted({*answers} & {401, *refused})
    ]


def split(route: str) -> tuple[str, str]:
    """Method and path of a route."""
    method, _, path = route.partition(" ")
    return method, path
