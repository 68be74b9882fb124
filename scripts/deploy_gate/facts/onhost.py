"""A server that is only looked at: what the checks share which ask the host program there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, brief
from deploy_gate.ssh import address, client
from deploy_gate.ssh.hostprogram import HostProgram
from deploy_gate.ssh.key import VARIABLE

SECRETS = (VARIABLE,)
READS = ("SSH_KNOWN_HOSTS",)


@dataclass(frozen=True, slots=True)
class Place:
    """A server, its pinned keys, the host program's configuration there, and the variable with the key that logs in."""

    host: str
    host_keys: str = ""
    config: str = ""
    key: str = VARIABLE


def validate(host: str, config: str = "/") -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    wrong = []
    try:
        address.parse(host)
    except ValueError as fault:
        wrong.append(f"input 'host' is '{brief(host)}', expected {fault}")
    if not config.startswith("/") or not config.isprintable():
        wrong.append(f"input 'config' is '{brief(config)}', expected a whole path on the server, from / on")
    if wrong:
        raise Misconfigured(wrong)


@contextmanager
def connected(place: Place) -> Iterator[client.Connection]:
    """A connection, for programs of the server's own."""
    with client.connection(place.host, pins(place), lifetime=600, variable=place.key) as found:
        yield found


def pins(place: Place) -> str:
    """The pinned host keys: given, or those of the environment."""
    return place.host_keys or os.environ.get(READS[0], "")


@contextmanager
def opened(place: Place) -> Iterator[HostProgram]:
    """The host program there."""
    with connected(place) as connection:
        yield HostProgram(connection, place.config)


def preflight(there: HostProgram) -> Mapping[str, Any]:
    """What its preflight says, also where that is that nothing may begin."""
    answer = there.run("preflight")
    if not isinstance(answer.data.get("lines"), list):
        raise CouldNotTell(f"{there.connection.address.name}: {answer.found}", answer.fix)
    return answer.data
