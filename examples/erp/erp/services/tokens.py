"""Access and refresh tokens: JWT (RFC 7519), HS256, each good for one purpose only."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import jwt

from erp import faults
from erp.faults import Fault
from erp.models.base import now
from erp.models.users import User
from erp.settings import Settings

ALGORITHM = "HS256"
ISSUER = "erp"


class Purpose(StrEnum):
    """What a token may be used for."""

    ACCESS = "access"
    REFRESH = "refresh"


@dataclass(frozen=True)
class Issued:
    """A token, its id, and when it ends."""

    text: str
    token_id: str
    expires_at: datetime


class BadTokenError(Exception):
    """The token is missing, forged, expired, or made for something else."""


def issue(settings: Settings, user: User, purpose: Purpose) -> Issued:
    """Return a signed token for the user."""
    lifetime = {
        Purpose.ACCESS: timedelta(minutes=settings.access_token_minutes),
        Purpose.REFRESH: timedelta(days=settings.refresh_token_days),
    }[purpose]
    moment = now()
    token_id = secrets.token_urlsafe(16)
    claims = {
        "iss": ISSUER,
        "sub": str(user.id),
        "role": user.role.value,
        "use": purpose.value,
        "jti": token_id,
        "iat": moment,
        "exp": moment + lifetime,
    }
    text = jwt.encode(claims, settings.secret_key.get_secret_value(), algorithm=ALGORITHM)
    return Issued(text, token_id, moment + lifetime)


def read(settings: Settings, text: str, purpose: Purpose) -> tuple[int, str]:
    """Return the user's id and the token's id.

    Raises BadTokenError for anything but a valid token of this purpose.
    """
    try:
        claims = jwt.decode(
            text,
            settings.secret_key.get_secret_value(),
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            options={
                "require": ["exp", "iat", "sub", "jti", "use"],
                "verify_exp": not faults.on(Fault.TOKEN_EXPIRY_IGNORED),
            },
        )
        user_id = int(claims["sub"])
    except (jwt.InvalidTokenError, ValueError) as error:
        raise BadTokenError("the token is not valid or has expired") from error
    if claims["use"] != purpose.value:
        raise BadTokenError(f"this is not a token for {purpose.value}")
    return user_id, str(claims["jti"])
