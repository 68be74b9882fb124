"""A host's certificate is trusted, for its name, valid long enough, and its protocol modern: proven by a handshake."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from deploy_gate.catalog import About
from deploy_gate.facts import handshake
from deploy_gate.facts.certificate import EXPIRED, Certificate, day, listed, read, untrusted
from deploy_gate.facts.handshake import Place, Protocol, Seen
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed, warned
from deploy_gate.units import Duration

ABOUT = About(locks=("tls",), timeout=60)

DAY = 86400
MAX_NAMES = 10


@dataclass(frozen=True, slots=True)
class Facts:
    """One look at one place at one moment."""

    place: Place
    seen: Seen
    certificate: Certificate | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Limits:
    """More than `min_days` must be left; up to `warn_days` is worth a warning."""

    min_days: int = 30
    warn_days: int | None = None
    min_protocol: Protocol = "TLSv1.2"


def check(  # noqa: PLR0913 - one parameter for each input
    *,
    host: str,
    port: int,
    min_days: int,
    warn_days: int | None,
    server_name: str,
    ca_file: Path | None,
    timeout: Duration,
    min_protocol: Protocol,
) -> Result:
    """Shake hands and judge; CouldNotTell when nobody answers or it is not TLS, Misconfigured for impossible inputs."""
    place = _place(host, port, server_name)
    seen = handshake.look(place, handshake.strict(min_protocol, ca_file), timeout)
    facts = Facts(place, seen, read(seen.der) if seen.der else None, datetime.now(UTC))
    return judge(facts, Limits(min_days, warn_days, min_protocol))


def validate(*, host: str, port: int, server_name: str, min_days: int, warn_days: int | None, **_: object) -> None:
    """Misconfigured for what can be known wrong before anybody is asked."""
    if min_days < 0 or (warn_days is not None and warn_days <= min_days):
        raise Misconfigured(["input 'min-days' must be 0 or more, and 'warn-days' greater than it"])
    _place(host, port, server_name)


def _place(host: str, port: int, server_name: str) -> Place:
    legal = "expected `name`, `name:port` or an https address"
    try:
        parts = urlsplit(host if "://" in host else f"https://{host}")
        name, found = _host(parts.hostname or ""), parts.port or port
    except ValueError:
        name, found, parts = "", port, urlsplit("")
    fine = name and parts.scheme == "https" and "@" not in parts.netloc
    wrong = [] if fine else [f"input 'host' is no host, {legal}"]
    if server_name and not _host(server_name):
        wrong.append(f"input 'server-name' is {brief(server_name)!r}, expected a host name")
    if not 0 < found < 65536:
        wrong.append(f"input 'port' is {found}, expected 1 to 65535")
    if wrong:
        raise Misconfigured(wrong)
    return Place(name, found, _host(server_name) or name)


def _host(text: str) -> str:
    """The name as DNS has it; empty when it cannot be one."""
    try:
        name = text.encode("ascii" if text.isascii() else "idna").decode()
    except UnicodeError:
        return ""
    legal = re.fullmatch(r"[^.\s]{1,63}(\.[^.\s]{1,63})*\.?", name)
    return name if legal and name.isprintable() and len(name) <= 253 else ""


def judge(facts: Facts, limits: Limits) -> Result:
    """Every threshold of this check. An untrusted certificate fails whatever its dates say."""
    where, seen, certificate = facts.place.shown, facts.seen, facts.certificate
    evidence = _evidence(facts)
    if seen.too_old:
        found = f"{where} speaks {seen.protocol} at best, the limit is {limits.min_protocol}"
        fix = f"turn on {limits.min_protocol} in the server's configuration"
        return failed(found, fix, target=limits.min_protocol, measured=seen.protocol, evidence=evidence)
    if certificate is None:
        raise CouldNotTell(f"{where} showed no certificate", "see what answers on this port")
    left = (certificate.not_after - facts.now).total_seconds()
    more = {"target": limits.min_days, "measured": math.trunc(left / DAY), "evidence": evidence}
    if seen.code:
        found, fix = untrusted(certificate, seen.code, seen.reason, facts.place.name, facts.now)
        also = f", the limit is {limits.min_days} d left" if seen.code == EXPIRED else ""
        also = f"; it also expired on {day(certificate.not_after)}" if left <= 0 and not also else also
        return failed(f"{where}: {found}{also}", fix, **more)
    days, date = int(left // DAY), day(certificate.not_after)
    if left <= limits.min_days * DAY:
        fix = "renew the certificate now, and see why its renewal did not run"
        return failed(f"{where}: expires in {days} d, the limit is {limits.min_days} d (on {date})", fix, **more)
    until = f"expires in {days} d (on {date})"
    if limits.warn_days is not None and left <= limits.warn_days * DAY:
        return warned(f"{where}: {until}, the warning is at {limits.warn_days} d", "see that its renewal runs", **more)
    return passed(f"{where}: {until}, the limit is {limits.min_days} d; trusted, {seen.protocol}", **more)


def _evidence(facts: Facts) -> list[Evidence]:
    certificate, seen = facts.certificate, facts.seen
    if certificate is None:
        return [{"message": f"{facts.place.shown} showed no certificate", "protocol": seen.protocol}]
    return [
        {
            "message": f"{certificate.subject}, issued by {certificate.issuer}, until {day(certificate.not_after)}",
            "subject": certificate.subject,
            "issuer": certificate.issuer,
            "names": listed(certificate.names, MAX_NAMES),
            "not_before": certificate.not_before.isoformat(),
            "not_after": certificate.not_after.isoformat(),
            "protocol": seen.protocol,
            "verified": "chain and name" if not seen.code and not seen.too_old else seen.reason or "nothing",
        }
    ]
