"""A Redis server, asked through its own protocol: bounded in time, and quiet about passwords."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from deploy_gate.facts.deadline import within
from deploy_gate.result import CouldNotTell, brief

if TYPE_CHECKING:
    import redis

T = TypeVar("T")
SECONDS = 5.0
_IN_ALL = 20.0
_ADDRESS = "write it as redis://…@HOST:PORT/0 or rediss://… (TLS), user and password before the @, percent-encoded"


class Refused(Exception):
    """The server, or its machine, said no: what was asked for does not work there. `found` and `fix` are for people."""

    def __init__(self, found: str, fix: str) -> None:
        super().__init__(found)
        self.found, self.fix = found, fix


@dataclass(frozen=True, slots=True)
class Ping:
    """How it went: where, seconds for a PING, and for a value written, read and deleted again."""

    label: str
    ping: float
    cycle: float


def look(variable: str, work: Callable[[redis.Redis, str], T]) -> T:
    """Do `work` with a client and the server's name for messages; CouldNotTell or Refused for all that hinders."""
    url = os.environ.get(variable, "").strip()
    if not url:
        found = f"the environment variable {brief(variable)} is not set, so its Redis cannot be looked at"
        raise CouldNotTell(found, f"set {brief(variable)} in the step's `env:` from a secret")
    client, label = _client(url, variable)
    try:
        return within(_IN_ALL, lambda: work(client, label), client.close)
    except (CouldNotTell, Refused):
        raise
    except Exception as fault:  # noqa: BLE001 - whatever breaks on this way is trouble with the server
        raise _explained(fault, label, variable) from None
    finally:
        client.close()


def _client(url: str, variable: str) -> tuple[redis.Redis, str]:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    try:
        parts = urlsplit(url)
        label = f"{variable} ({brief(parts.hostname or parts.path or '?')}{f':{parts.port}' if parts.port else ''})"
        if parts.scheme not in {"redis", "rediss", "unix"}:
            raise ValueError  # noqa: TRY301 - told like every other address that is none
        bounds: dict[str, Any] = {"socket_timeout": SECONDS, "socket_connect_timeout": SECONDS}
        # Nothing is tried twice: what is measured is the way.
        return redis.Redis.from_url(url, **bounds, retry=Retry(NoBackoff(), 0), protocol=2), label
    except (ValueError, TypeError, redis.RedisError):
        # Its own message may quote the address, and so the password.
        raise CouldNotTell(f"{variable} holds no address of a Redis server", _ADDRESS) from None


def ping(client: redis.Redis, label: str, prefix: str) -> Ping:
    """PING, then a value of our own written, read, and deleted: one that only answers may still not keep anything."""
    begun = time.monotonic()
    client.ping()
    answered = time.monotonic()
    key, value = f"{prefix}{secrets.token_hex(16)}", secrets.token_bytes(16)
    # It ends by itself, should this connection break before the delete.
    client.set(key, value, ex=60, nx=True)
    read, gone = client.get(key), client.delete(key)
    done = time.monotonic()
    if read != value or gone != 1:
        what = "another value was read" if read is not None else "nothing was there"
        raise Refused(
            f"{label}: a value that was just written was not kept ({what})",
            "see whether it evicts keys at once (maxmemory), or a proxy reads from a replica that is behind",
        )
    return Ping(label, answered - begun, done - answered)


def info(client: redis.Redis) -> dict[str, Any]:
    """What the server says of itself."""
    found: Mapping[str, Any] = client.info("everything")
    return dict(found)


_ANSWERS = {
    "READONLY": ("is a replica, or read-only", "let the address name the primary"),
    "OOM": ("has no memory left for a write", "raise maxmemory, or choose an eviction policy"),
    "MISCONF": ("refuses writes, since it cannot save to its disk", "free disk space there, see its log"),
    "LOADING": ("is loading its data", "wait until it is up, then run this again"),
    "MASTERDOWN": ("is a replica that lost its primary", "bring the primary up, or let the address name it"),
    "CLUSTERDOWN": ("belongs to a cluster that is down", "see `redis-cli cluster info`"),
}
_UNKNOWN = {
    "Authentication required": ("wants a password", "put user and password into {variable}"),
    "WRONGPASS": ("refused the password", "correct user and password in {variable}"),
    "NOPERM": ("does not let this user do it", "grant it: ACL SETUSER NAME ~deploy-gate:* +ping +set +get +del +info"),
}


def _explained(fault: BaseException, label: str, variable: str) -> Exception:
    """What its error means and what to do, in words that hold no password."""
    import redis

    names = " ".join(type(one).__name__ for one in (fault, fault.__cause__, fault.__context__))
    text = f"{'' if 'required' in str(fault) else _WORDS.get(type(fault).__name__, '')} {fault}"
    for word, (what, fix) in _ANSWERS.items():
        if re.search(rf"\b{word}\b", text):
            return Refused(f"{label} {what}", fix)
    for word, (what, fix) in _UNKNOWN.items():
        if re.search(rf"\b{word}\b", text):
            return CouldNotTell(f"{label} {what}", fix.format(variable=variable))
    if "ConnectionRefusedError" in names or "refused" in text:
        return Refused(f"{label}: connection refused", "start Redis, or correct the port or the firewall")
    if isinstance(fault, TimeoutError | redis.TimeoutError):
        return CouldNotTell(f"{label} did not answer in time", "see whether it is up, and reachable from here")
    return CouldNotTell(f"{label}: {brief(type(fault).__name__)}: {brief(str(fault), 160)}", _REACH.format(variable))


_REACH = "see whether a Redis server listens there (TLS or not?) and can be reached from here, or correct {}"
# The library takes the word that the server began with away, and makes a type of it.
_WORDS = {
    "ReadOnlyError": "READONLY",
    "OutOfMemoryError": "OOM",
    "BusyLoadingError": "LOADING",
    "MasterDownError": "MASTERDOWN",
    "ClusterDownError": "CLUSTERDOWN",
    "AuthenticationError": "WRONGPASS",
    "AuthenticationWrongNumberOfArgsError": "WRONGPASS",
    "NoPermissionError": "NOPERM",
}
