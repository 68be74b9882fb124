"""Where a database is: the value of an environment variable, in any of the spellings that applications use."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote

from deploy_gate.result import CouldNotTell, brief

_URL = re.compile(r"(postgres(?:ql)?)(?:\+\w+)?(://.*)", re.DOTALL | re.IGNORECASE)
# Of a URL's parameters these mean the same to every client; what only a driver knows (asyncpg's statement cache …) is
# left out, since libpq refuses a whole address for one parameter it does not know.
_KEPT = {
    *("host", "hostaddr", "port", "dbname", "user", "password", "passfile", "service", "application_name"),
    *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "sslsni", "sslnegotiation", "requiressl"),
    *("gssencmode", "channel_binding", "require_auth", "target_session_attrs", "load_balance_hosts"),
}
_SPELT = {"ssl": "sslmode"}
_SSL_WORDS = {"true": "require", "1": "require", "false": "disable", "0": "disable"}


@dataclass(frozen=True, slots=True)
class Address:
    """A database as libpq takes it; `variable` is how the user knows it, the only name that messages use for it."""

    variable: str
    conninfo: str

    @property
    def parts(self) -> Mapping[str, object]:
        """The fields of the address; CouldNotTell when libpq cannot read it."""
        import psycopg
        from psycopg.conninfo import conninfo_to_dict

        try:
            return conninfo_to_dict(self.conninfo)
        except psycopg.ProgrammingError:
            # libpq's own message quotes the address, and so the password.
            found = f"{self.variable} holds no address of a PostgreSQL database"
            raise CouldNotTell(
                found,
                "write it as postgresql://…@HOST:PORT/NAME, user and password before the @, percent-encoded",
            ) from None

    @property
    def label(self) -> str:
        """`STAGING_DATABASE_URL (erp on db.example:5432)`: no user and no password."""
        parts = self.parts
        host, port = parts.get("host") or parts.get("hostaddr") or "the local socket", parts.get("port")
        where = f"{host}:{port}" if port else str(host)
        return f"{self.variable} ({brief(str(parts.get('dbname') or 'default database'))} on {brief(where)})"


def of(variable: str, environment: Mapping[str, str] = os.environ) -> Address:
    """The address in an environment variable; CouldNotTell when it is not set."""
    value = environment.get(variable, "").strip()
    if not value:
        found = f"the environment variable {brief(variable)} is not set, so its database cannot be looked at"
        raise CouldNotTell(found, f"set {brief(variable)} in the step's `env:` from a secret")
    return Address(variable, normalised(value))


def normalised(value: str) -> str:
    """An address of SQLAlchemy or asyncpg as libpq reads it; any other text unchanged."""
    match = _URL.fullmatch(value)
    if not match:
        return value
    head, _, query = match[2].partition("?")
    pairs = [(_SPELT.get(name, name), value) for name, value in parse_qsl(query, keep_blank_values=True)]
    kept = [(name, _SSL_WORDS.get(value, value) if name == "sslmode" else value) for name, value in pairs]
    text = "&".join(f"{name}={quote(value, safe='')}" for name, value in kept if name in _KEPT)
    return f"{match[1].lower()}{head}" + (f"?{text}" if text else "")
