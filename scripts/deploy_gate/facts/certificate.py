"""What an X.509 certificate says of itself (RFC 5280), and what OpenSSL's reasons for not trusting it mean."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from deploy_gate.result import CouldNotTell, brief
from deploy_gate.units import show_duration

if TYPE_CHECKING:
    from cryptography import x509

# OpenSSL's X509_V_ERR numbers (x509_vfy.h).
EXPIRED, NOT_YET, SELF_SIGNED, ROOT_UNKNOWN = 10, 9, 18, 19
NO_ISSUER, WRONG_NAME = (2, 20, 21), (62, 64)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Facts of one certificate, cleaned and bounded; times are UTC."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime


def read(der: bytes) -> Certificate:
    """A certificate from its DER form, trusted or not; CouldNotTell when it is malformed."""
    from cryptography import x509

    try:
        one = x509.load_der_x509_certificate(der)
        return Certificate(
            subject=brief(one.subject.rfc4514_string()) or "(no subject)",
            issuer=brief(one.issuer.rfc4514_string()) or "(no issuer)",
            names=_names(one),
            not_before=one.not_valid_before_utc,
            not_after=one.not_valid_after_utc,
        )
    except ValueError as fault:
        found = f"the certificate cannot be read: {brief(str(fault), 160)}"
        raise CouldNotTell(found, "renew the certificate; this one is malformed") from None


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509

    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return ("(unreadable)",)
    return tuple(brief(str(name.value)) for name in extension.value)


def untrusted(one: Certificate, code: int, reason: str, name: str, now: datetime) -> tuple[str, str]:
    """What is wrong and what to do, for a number and words of OpenSSL, of a certificate that should be for `name`."""
    if code == EXPIRED:
        return _expired(one, now)
    if code in NO_ISSUER:
        found = f"no trusted chain: its issuer {one.issuer} is neither sent by the server nor trusted here"
        return found, "serve the intermediate certificates too (fullchain), or name a private authority in ca-file"
    if code in WRONG_NAME:
        found = f"the certificate is for {listed(one.names)}, not for {brief(name)}"
        return found, f"issue one that names {brief(name)}, or correct host or server-name"
    simple = {
        NOT_YET: (f"not valid before {day(one.not_before)}", "wait until then, or correct the issuer's clock or ours"),
        SELF_SIGNED: (f"self-signed by {one.subject}, vouched for by nobody", "use a certificate of an authority"),
        ROOT_UNKNOWN: (f"its chain ends in a root that is not trusted here; issuer {one.issuer}", "name it in ca-file"),
    }
    return simple.get(code, (f"not trusted: {brief(reason, 160)}", "mend what is named, or renew the certificate"))


def _expired(one: Certificate, now: datetime) -> tuple[str, str]:
    ago = (now - one.not_after).total_seconds()
    if ago < 0:
        # The same number stands for an intermediate's date.
        return "a certificate of its chain has expired", "serve the authority's current intermediate certificates"
    return f"expired {show_duration(ago)} ago ({day(one.not_after)})", "renew the certificate now"


def listed(names: tuple[str, ...], limit: int = 3) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return (", ".join(names[:limit]) or "no name") + more


def day(when: datetime) -> str:
    """`2027-01-31`."""
    return when.strftime("%Y-%m-%d")
