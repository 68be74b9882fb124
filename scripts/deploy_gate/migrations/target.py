"""How the consumer's env.py learns where its database is: every usual way at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from deploy_gate.facts import interpreter
from deploy_gate.postgres.address import Address
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, brief

FIELDS = ("url", "host", "port", "user", "password", "name")
_FIELD = re.compile(r"\{(\w+)\}")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:=(.*))?", re.DOTALL)
# In this order SQLAlchemy itself would take them: without a driver's name it means psycopg2.
_DRIVERS = {
    "psycopg2": ("psycopg2", "psycopg2-binary"),
    "psycopg": ("psycopg",),
    "asyncpg": ("asyncpg",),
    "pg8000": ("pg8000",),
}


@dataclass(frozen=True, slots=True)
class Target:
    """What a check's inputs say of the consumer's Alembic."""

    python: Path
    config: str
    section: str
    variables: tuple[str, ...]
    x: tuple[str, ...]
    drivers: tuple[str, ...]
    """Drivers of SQLAlchemy to try, in this order."""
    env: tuple[str, ...] = ()
    seconds: float = 600.0

    def environment(self, fields: Mapping[str, str]) -> dict[str, str]:
        """The variables that hold the address."""
        pairs = [one.partition("=") for one in self.variables]
        return {name: filled(template or "{url}", fields) for name, _, template in pairs}


def target(
    *, python: str, config: str, section: str, variables: list[str], x: list[str], driver: str, env: list[str]
) -> Target:
    """The target that the inputs describe; CouldNotTell when Alembic or any driver is missing there."""
    program = interpreter.find(python)
    names = [name for packages in _DRIVERS.values() for name in packages]
    there = interpreter.versions(program, "alembic", "sqlalchemy", *names)
    if not {"alembic", "sqlalchemy"} <= set(there):
        interpreter.required(program, "alembic", "sqlalchemy")
    drivers = tuple(name for name, packages in _DRIVERS.items() if any(one in there for one in packages))
    if not drivers and not driver:
        found = f"no driver for PostgreSQL is installed in the project's interpreter {program}"
        raise CouldNotTell(found, "install the project's requirements there, or name its interpreter in `python`")
    return Target(program, config, section, tuple(variables), tuple(x), (driver,) if driver else drivers, tuple(env))


def validate(*, variables: list[str], x: list[str]) -> None:
    """Misconfigured for a template that nothing could fill."""
    wrong = [
        f"input 'database-variables' has {brief(one)!r}, expected NAME or NAME=TEMPLATE"
        for one in variables
        if not _VARIABLE.fullmatch(one)
    ]
    for name, template in [*(("database-variables", one) for one in variables), *(("x", one) for one in x)]:
        wrong += [
            f"input '{name}' has {{{field}}}, expected one of {', '.join(FIELDS)}"
            for field in _FIELD.findall(template)
            if field not in FIELDS
        ]
    if wrong:
        raise Misconfigured(wrong)


def filled(template: str, fields: Mapping[str, str]) -> str:
    """The template with its fields in place."""
    return _FIELD.sub(lambda match: fields.get(match[1], match[0]), template)


def fields(address: Address, driver: str) -> dict[str, str]:
    """The address in parts and as a URL of SQLAlchemy.

    A socket's folder goes into the query, behind a host that nobody calls: settings classes ask for a host, and every
    driver lets the query win.
    """
    parts = {name: str(value) for name, value in address.parts.items()}
    host, port = parts.pop("host", "localhost"), parts.pop("port", "5432")
    user, password, name = parts.pop("user", ""), parts.pop("password", ""), parts.pop("dbname", "")
    login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    socket = host.startswith("/")
    place = "localhost" if socket else f"{host}:{port}" if ":" not in host else f"[{host}]:{port}"
    if driver == "asyncpg" and "sslmode" in parts:
        parts["ssl"] = parts.pop("sslmode")
    query = {**({"host": host} if socket else {}), **parts}
    if driver == "asyncpg":
        query = {one: value for one, value in query.items() if one in ("host", "ssl")}
    scheme = "postgresql" if driver == "psycopg2" else f"postgresql+{driver}"
    text = "&".join(f"{one}={quote(value, safe='/')}" for one, value in query.items())
    url = f"{scheme}://{login}@{place}/{quote(name, safe='')}" + (f"?{text}" if text else "")
    return {"url": url, "host": host, "port": port, "user": user, "password": password, "name": name}
