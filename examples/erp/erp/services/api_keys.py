"""API keys: `erp_<id>_<secret>`; the secret is shown once and only its SHA-256 is kept.

A plain hash is enough because the secret is 32 random bytes: there is nothing to guess.
"""

import hashlib
import hmac
import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from erp.models.base import now
from erp.models.users import ApiKey, User

SCHEME = "erp"
PARTS = 3


def create(session: Session, owner: User, name: str) -> tuple[ApiKey, str]:
    """Add a key and return it with its full text; the caller commits."""
    key_id, secret = secrets.token_hex(8), secrets.token_hex(32)
    key = ApiKey(name=name, key_id=key_id, secret_sha256=digest(secret), created_by=owner.id)
    session.add(key)
    session.flush()
    return key, f"{SCHEME}_{key_id}_{secret}"


def find(session: Session, text: str) -> ApiKey | None:
    """Return the key that this text is, unless it is malformed, unknown, wrong or revoked."""
    parts = text.split("_")
    if len(parts) != PARTS or parts[0] != SCHEME:
        return None
    key = session.scalar(select(ApiKey).where(ApiKey.key_id == parts[1]))
    if key is None or key.revoked_at is not None:
        return None
    return key if hmac.compare_digest(key.secret_sha256, digest(parts[2])) else None


def revoke(key: ApiKey) -> None:
    """Make a key useless from now on; the caller commits."""
    key.revoked_at = key.revoked_at or now()


def digest(secret: str) -> str:
    """Return the hexadecimal SHA-256 of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
