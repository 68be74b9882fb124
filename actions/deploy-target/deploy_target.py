"""The right server answers, by host key and address, and the right key logs in there."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import Any, Literal

from deploy_gate.catalog import About
from deploy_gate.facts import onhost, sshkeys
from deploy_gate.facts.deadline import within
from deploy_gate.facts.onhost import Place
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.ssh.pins import HostKeyChanged

ABOUT = About(secrets=onhost.SECRETS, reads=onhost.READS, timeout=90)
Proves = Literal["server", "key", "both"]


@dataclass(frozen=True, slots=True)
class Seen:
    """Who answered: the pinned keys one of which it showed, its own address, and the key that it let in."""

    host: str
    fingerprints: tuple[str, ...]
    address: str
    key: str


@dataclass(frozen=True, slots=True)
class Declared:
    """Who should; empty tuples and texts are not compared."""

    proves: Proves = "both"
    addresses: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()
    key: str = ""
    other_keys: tuple[str, ...] = ()


def check(
    *,
    host: str,
    host_keys: str,
    proves: Proves,
    address: list[str],
    fingerprint: list[str],
    key_fingerprint: str,
    not_key_fingerprint: list[str],
) -> Result:
    """Log in and compare; CouldNotTell for all that hinders, and while nothing is declared."""
    validate(
        host=host, fingerprint=fingerprint, key_fingerprint=key_fingerprint, not_key_fingerprint=not_key_fingerprint
    )
    others = tuple(not_key_fingerprint)
    place = Place(host, host_keys)
    try:
        seen = _look(place)
    except HostKeyChanged as fault:
        return failed(fault.found, fault.fix)
    addresses = tuple(one for text in address for one in _resolved(text))
    return judge(seen, Declared(proves, addresses, tuple(fingerprint), key_fingerprint, others))


def validate(
    *, host: str, fingerprint: list[str], key_fingerprint: str, not_key_fingerprint: list[str], **_: Any
) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    onhost.validate(host)
    wrong = [
        f"a fingerprint is {brief(one)!r}, expected such as SHA256:… (43 characters), as `ssh-keygen -lf` prints it"
        for one in (*fingerprint, key_fingerprint, *not_key_fingerprint)
        if one and not sshkeys.FINGERPRINT.fullmatch(one)
    ]
    if key_fingerprint and key_fingerprint in not_key_fingerprint:
        wrong.append("input 'not-key-fingerprint' holds the value of 'key-fingerprint', expected other ones")
    if wrong:
        raise Misconfigured(wrong)


def _look(place: Place) -> Seen:
    with onhost.connected(place) as connection:
        # As sshd itself writes it: address and port of the client, then its own.
        words = connection.ask(["printenv", "SSH_CONNECTION"], timeout=20).split()
        if len(words) != 4 or not _is_address(words[2]):
            raise CouldNotTell(
                f"{place.host} does not say its own address", "see whether sshd sets SSH_CONNECTION there"
            )
        pinned = sshkeys.pinned(onhost.pins(place), connection.address)
        return Seen(place.host, pinned, words[2], sshkeys.held(connection))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def _resolved(text: str) -> list[str]:
    """The address itself, or those of a name; a port behind it is not its business."""
    name = text.removeprefix("[").split("]")[0] if "[" in text else text
    name = name.rpartition(":")[0] if name.count(":") == 1 else name
    if _is_address(name):
        return [name]
    try:
        found = within(10, lambda: socket.getaddrinfo(name, None))
    except (OSError, UnicodeError):
        raise CouldNotTell(f"the name {brief(name)} cannot be resolved", "declare the server's `address`") from None
    return sorted({str(one[4][0]) for one in found})


def judge(seen: Seen, declared: Declared) -> Result:
    """Failed where anything differs from what was declared; CouldNotTell with nothing to compare with."""
    evidence = [_evidence(seen)]
    told = []
    if declared.proves != "key":
        if wrong := _other_server(seen, declared):
            fix = "deploy nothing; correct `host`, or the declared values if the server was moved on purpose"
            return failed(f"{brief(seen.host)} is not the declared server: {wrong}", fix, evidence=evidence)
        told.append(
            f"{brief(seen.host)} is the declared server: {seen.address}, host key {', '.join(seen.fingerprints)}"
        )
    if declared.proves != "server":
        if seen.key in declared.other_keys:
            found = f"the key of another environment is used here: {seen.key}"
            return failed(found, "deploy nothing; correct SSH_PRIVATE_KEY of this environment", evidence=evidence)
        if declared.key and seen.key != declared.key:
            found = f"another key is used here: {seen.key}, declared is {declared.key}"
            fix = "deploy nothing; correct SSH_PRIVATE_KEY of this environment, or the declared value after a rotation"
            return failed(found, fix, target=declared.key, measured=seen.key, evidence=evidence)
        told.append(f"the declared key logs in: {seen.key}")
    _require(seen, declared, evidence)
    return passed("; ".join(told), evidence=evidence)


def _other_server(seen: Seen, declared: Declared) -> str:
    own = ipaddress.ip_address(seen.address.partition("%")[0])
    if declared.addresses and own not in [ipaddress.ip_address(one.partition("%")[0]) for one in declared.addresses]:
        return f"its own address is {seen.address}, declared is {brief(' or '.join(declared.addresses), 200)}"
    strange = [one for one in seen.fingerprints if one not in declared.fingerprints]
    if declared.fingerprints and strange:
        return f"the host key {strange[0]} is pinned for it, declared is {', '.join(declared.fingerprints)}"
    return ""


def _require(seen: Seen, declared: Declared, evidence: list[Evidence]) -> None:
    if declared.proves != "key" and not (declared.addresses or declared.fingerprints):
        found = f"nothing to compare the server with is declared; its own address is {seen.address}"
        raise CouldNotTell(found, f"once you know that it is the right one, declare address: {seen.address}", evidence)
    if declared.proves != "server" and not declared.key:
        found = f"no key is declared to compare with; used is {seen.key}"
        raise CouldNotTell(
            found, f"once you know that it is the right one, declare key-fingerprint: {seen.key}", evidence
        )


def _evidence(seen: Seen) -> Evidence:
    keys = ", ".join(seen.fingerprints)
    message = f"{brief(seen.host)}: address {seen.address}, host key {keys}; logged in with {seen.key}"
    return {"message": message, "address": seen.address, "host_keys": keys, "key": seen.key}
