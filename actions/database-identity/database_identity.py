"""The application's own address leads to the database of this environment, and to no other."""

from __future__ import annotations

from dataclasses import dataclass

from deploy_gate.catalog import About
from deploy_gate.postgres import address, link
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.units import Variable

ABOUT = About(locks=("database",), timeout=90)
_ALLOWED = "SELECT pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')"
_QUERY = """
SELECT system_identifier::pg_catalog.text, pg_catalog.current_database()::pg_catalog.text,
       pg_catalog.host(pg_catalog.inet_server_addr()), pg_catalog.inet_server_port(), pg_catalog.pg_is_in_recovery()
FROM pg_catalog.pg_control_system()
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the server says of itself; without address and port over a local socket."""

    label: str
    identifier: str
    database: str
    host: str | None
    port: int | None
    standby: bool

    @property
    def server(self) -> str:
        """`10.0.0.5:5432`."""
        return f"{self.host}:{self.port}" if self.host else "a local socket"


@dataclass(frozen=True, slots=True)
class Declared:
    """What it should say; empty texts are not compared."""

    identifier: str
    database: str = ""
    server: str = ""
    others: tuple[str, ...] = ()
    standby: bool = False


def check(
    *,
    url_variable: Variable,
    system_identifier: str,
    database: str,
    server_address: str,
    not_system_identifier: list[str],
    standby: bool,
) -> Result:
    """Ask the database who it is, and compare; CouldNotTell for all that hinders, and while nothing is declared."""
    others = tuple(not_system_identifier)
    validate(system_identifier=system_identifier, not_system_identifier=not_system_identifier)
    return judge(_ask(url_variable), Declared(system_identifier, database, server_address, others, standby))


def validate(*, system_identifier: str, not_system_identifier: list[str], **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is run."""
    problems = [
        f"a system identifier is {brief(one)!r}, expected a whole number such as 7400000000000000001"
        for one in (system_identifier, *not_system_identifier)
        if one and not (one.isascii() and one.isdigit() and len(one) <= 20)
    ]
    if system_identifier and system_identifier in not_system_identifier:
        problems.append("input 'not-system-identifier' holds the value of 'system-identifier', expected other ones")
    if problems:
        raise Misconfigured(problems)


def _ask(variable: str) -> Seen:
    where = address.of(variable)
    with link.connected(where) as connection, link.snapshot(connection):
        allowed = connection.execute(_ALLOWED).fetchone()
        if not allowed or not allowed[0]:
            fix = "GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO the role of this address"
            raise CouldNotTell(f"{where.label}: a privilege is missing: its system identifier cannot be read", fix)
        row = connection.execute(_QUERY).fetchone()
    if row is None:
        raise CouldNotTell(f"{where.label} does not tell its system identifier", "see that it is a PostgreSQL server")
    return Seen(where.label, str(row[0]), str(row[1]), row[2], row[3], bool(row[4]))


def judge(seen: Seen, declared: Declared) -> Result:
    """Failed where anything differs from what was declared; CouldNotTell without an identifier to compare with."""
    more = {"target": declared.identifier, "measured": seen.identifier, "evidence": [_evidence(seen)]}
    if seen.identifier in declared.others:
        found = f"{seen.label} is another environment's database: its system identifier is {seen.identifier}"
        return failed(found, "deploy nothing; correct the address in this environment's secrets", **more)
    if not declared.identifier:
        found = f"nothing to compare with is declared; {seen.label} has the system identifier {seen.identifier}"
        fix = f"once you know that it is the right one, declare system-identifier: {seen.identifier!r}"
        raise CouldNotTell(found, f"{fix} and database: {brief(seen.database)}", [_evidence(seen)])
    if wrong := _differences(seen, declared):
        found = f"{seen.label} is not the declared database: {'; '.join(wrong)}"
        fix = "deploy nothing; correct the address in this environment's secrets, or the declared values after a move"
        return failed(found, fix, **more)
    if seen.standby and not declared.standby:
        found = f"{seen.label} is a standby of the declared database: nothing can be written there"
        return failed(found, "let the address lead to the primary, or say `standby: true`", **more)
    name = f", database {brief(seen.database)}" if declared.database else ""
    return passed(f"{seen.label} is the declared database: system identifier {seen.identifier}{name}", **more)


def _differences(seen: Seen, declared: Declared) -> list[str]:
    pairs = [
        ("system identifier", seen.identifier, declared.identifier),
        ("database", seen.database, declared.database),
        ("server address", seen.server if ":" in declared.server else str(seen.host), declared.server),
    ]
    wrong = [(what, is_, should) for what, is_, should in pairs if should and is_ != should]
    return [f"{what} {brief(is_)}, declared is {brief(should)}" for what, is_, should in wrong]


def _evidence(seen: Seen) -> Evidence:
    role = "standby" if seen.standby else "primary"
    return {
        "message": f"{brief(seen.database)} on {seen.server}, {role}, system identifier {seen.identifier}",
        "system_identifier": seen.identifier,
        "database": brief(seen.database),
        "server": seen.server,
    }
