"""Tokens that must not be accepted, made from one that is: JSON Web Tokens (RFC 7519) and opaque ones."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterator
from typing import Any

from deploy_gate.result import CouldNotTell


def forged(token: str) -> Iterator[tuple[str, str]]:
    """What was done to it, and the token."""
    yield "a made-up token", secrets.token_urlsafe(max(len(token) * 3 // 4, 16))
    parts = _parts(token)
    if parts is None:
        yield "a token cut short", token[:-1]
        yield "a token with one sign changed", token[:-1] + ("a" if token[-1] != "a" else "b")
        return
    header, claims = parts
    head, body, signature = token.split(".")
    # In the middle: the last sign of a signature has bits that are not read.
    place = len(signature) // 2
    changed = signature[:place] + ("A" if signature[place : place + 1] != "A" else "B") + signature[place + 1 :]
    yield "a wrong signature", f"{head}.{body}.{changed}"
    for name in ("none", "None", "NONE"):
        yield f"no signature (alg {name})", f"{_packed({**header, 'alg': name})}.{body}."
    yield "no signature under the old header", f"{head}.{body}."
    yield "another key's signature", signed({**header, "alg": "HS256"}, claims, secrets.token_hex(32))
    yield "an empty key's signature", signed({**header, "alg": "HS256"}, claims, "")
    more = {**claims, "exp": int(time.time()) + 10 * 365 * 86400}
    yield "a longer life under the old signature", f"{head}.{_packed(more)}.{signature}"


def expired(token: str, key: str) -> str:
    """The token with its end a day ago, signed with the application's own key; CouldNotTell when it is not HS256."""
    parts = _parts(token)
    if parts is None or parts[0].get("alg") != "HS256":
        fix = "name a token that has run out as `expired` instead of `signing-key`"
        raise CouldNotTell("the good token is no JWT signed with HS256, so none that has run out can be made", fix)
    header, claims = parts
    head, body, signature = token.split(".")
    if not hmac.compare_digest(signed_part(f"{head}.{body}", key), signature):
        fix = "name the variable that holds this environment's own key as `signing-key`"
        raise CouldNotTell("the variable that `signing-key` names holds another key than the good token's", fix)
    then = int(time.time()) - 86400
    return signed(header, {**claims, "iat": then - 900, "exp": then}, key)


def ends(token: str) -> float | None:
    """When a JWT ends; None for one that does not say."""
    parts = _parts(token)
    end = parts[1].get("exp") if parts else None
    return float(end) if isinstance(end, int | float) else None


def signed(header: dict[str, Any], claims: dict[str, Any], key: str) -> str:
    """A token signed with HS256."""
    text = f"{_packed(header)}.{_packed(claims)}"
    return f"{text}.{signed_part(text, key)}"


def signed_part(text: str, key: str) -> str:
    """The signature of HS256."""
    return _base64(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest())


def _packed(value: dict[str, Any]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Header and claims of a JWT; None for anything else."""
    pieces = token.split(".")
    if len(pieces) != 3:
        return None
    try:
        header, claims = (json.loads(base64.urlsafe_b64decode(one + "=" * (-len(one) % 4))) for one in pieces[:2])
    except (ValueError, RecursionError):
        return None
    return (header, claims) if isinstance(header, dict) and isinstance(claims, dict) else None
