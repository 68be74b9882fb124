"""One TLS handshake, and what the server showed in it, also when it is not to be trusted."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deploy_gate.facts.deadline import within
from deploy_gate.result import CouldNotTell, brief
from deploy_gate.units import show_duration

Protocol = Literal["TLSv1.2", "TLSv1.3"]
_VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
# Reasons of OpenSSL, by what they mean for the person who reads.
_TOO_OLD = ("UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE")
_NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG")


@dataclass(frozen=True, slots=True)
class Place:
    """Where to connect, and the name to ask for."""

    host: str
    port: int
    name: str

    @property
    def shown(self) -> str:
        """For people."""
        return brief(self.host if self.port == 443 else f"{self.host}:{self.port}", 120)


@dataclass(frozen=True, slots=True)
class Seen:
    """The outcome: the leaf certificate (DER; empty when none was shown), the protocol, and why it is not trusted.

    `code` is OpenSSL's X509_V_ERR number, 0 when chain and name were verified; `too_old` when the server speaks no
    protocol that is new enough (then nothing was verified).
    """

    der: bytes
    protocol: str
    code: int = 0
    reason: str = ""
    too_old: bool = False


def strict(minimum: Protocol, ca_file: Path | None) -> ssl.SSLContext:
    """A client that verifies everything; CouldNotTell when `ca_file` is no PEM file of certificates."""
    try:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ValueError) as fault:
        why = fault.strerror if isinstance(fault, OSError) and not isinstance(fault, ssl.SSLError) else None
        found = f"ca-file {brief(str(ca_file))} cannot be used: {why or 'it holds no PEM certificates'}"
        raise CouldNotTell(found, "name a readable PEM file with the authority's certificate") from None
    context.minimum_version = _VERSIONS[minimum]
    return context


def look(place: Place, context: ssl.SSLContext, timeout: float) -> Seen:
    """Shake hands strictly; when that is refused for what the server is, once more leniently to see what it shows.

    CouldNotTell when nobody answers in time or what answers is not TLS.
    """
    try:
        return _shake(place, context, timeout)
    except ssl.SSLCertVerificationError as fault:
        seen = _lenient(place, timeout)
        return Seen(seen.der, seen.protocol, fault.verify_code or -1, brief(fault.verify_message or str(fault), 160))
    except ssl.SSLError as fault:
        if fault.reason not in _TOO_OLD:
            raise _explained(place, fault, timeout) from None
    except OSError as fault:
        raise _explained(place, fault, timeout) from None
    try:
        seen = _lenient(place, timeout)
    except CouldNotTell:
        seen = Seen(b"", "an older protocol")
    return Seen(seen.der, seen.protocol, too_old=True)


def _lenient(place: Place, timeout: float) -> Seen:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    # OpenSSL offers its oldest protocols and weakest keys at level 0 only; nothing is sent over this connection.
    context.set_ciphers("ALL:@SECLEVEL=0")
    try:
        return _shake(place, context, timeout)
    except OSError as fault:
        raise _explained(place, fault, timeout) from None


def _shake(place: Place, context: ssl.SSLContext, timeout: float) -> Seen:
    deadline = time.monotonic() + timeout

    def work() -> Seen:
        with socket.create_connection((place.host, place.port), timeout) as plain:
            plain.settimeout(max(deadline - time.monotonic(), 0.001))
            with context.wrap_socket(plain, server_hostname=place.name) as secured:
                return Seen(secured.getpeercert(binary_form=True) or b"", secured.version() or "unknown")

    return within(timeout, work)


def _explained(place: Place, fault: OSError, timeout: float) -> CouldNotTell:
    where = place.shown
    if isinstance(fault, TimeoutError):
        found = f"{where}: no TLS handshake within {show_duration(timeout)}"
        return CouldNotTell(found, "see whether the host is up and this port reachable from here")
    if isinstance(fault, socket.gaierror):
        return CouldNotTell(f"the name {brief(place.host)} cannot be resolved", "correct `host`, or its DNS record")
    if isinstance(fault, ConnectionRefusedError):
        return CouldNotTell(f"{where}: connection refused", "start the server, or correct the port or the firewall")
    if isinstance(fault, ssl.SSLError) and fault.reason in _NOT_TLS:
        return CouldNotTell(f"{where} answers, but does not speak TLS", "correct the port, or turn TLS on for it")
    if isinstance(fault, ssl.SSLEOFError | ssl.SSLZeroReturnError | ConnectionError):
        found = f"{where} hung up during the handshake"
        return CouldNotTell(found, f"see whether this port speaks TLS and serves the name {brief(place.name)}")
    reason = fault.reason if isinstance(fault, ssl.SSLError) else fault.strerror
    text = brief(str(reason or fault), 160)
    return CouldNotTell(f"{where}: the handshake failed: {text}", "read the server's log for this handshake")
