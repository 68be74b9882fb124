"""Signing in, users and API keys."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from erp.models.users import Role
from erp.schemas.common import Incoming, Outgoing
from erp.services.passwords import MAX_LENGTH

Email = Annotated[str, Field(pattern=r"^[^@\s]{1,64}@[^@\s]{1,130}$", examples=["sales@erp.example"])]


class Credentials(Incoming):
    """E-mail and password."""

    email: Email
    password: Annotated[str, Field(min_length=1, max_length=MAX_LENGTH)]


class RefreshRequest(Incoming):
    """A refresh token, to be exchanged for a new pair."""

    refresh_token: Annotated[str, Field(max_length=2000)]


class TokenPair(Outgoing):
    """An access token for the Authorization header, and the refresh token that follows it."""

    access_token: str
    refresh_token: str
    token_type: str = "bearer"  # noqa: S105 -- the scheme's name in RFC 6750, not a password
    expires_in: int = Field(description="Seconds until the access token ends.")


class UserOut(Outgoing):
    """A user, without anything secret."""

    id: int
    email: str
    name: str
    role: Role


class ApiKeyIn(Incoming):
    """A new key's name."""

    name: Annotated[str, Field(min_length=1, max_length=100)]


class ApiKeyOut(Outgoing):
    """A key as it is listed: its public part only."""

    id: int
    name: str
    key_id: str
    created_at: datetime
    revoked_at: datetime | None


class ApiKeyCreated(ApiKeyOut):
    """A new key with its full text, which is never shown again."""

    key: str


class ApiKeyChecked(Outgoing):
    """The good key's name and public part."""

    name: str
    key_id: str
