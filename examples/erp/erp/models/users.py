"""People and programs that may sign in."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from erp.models.base import Base, Created, Moment, PrimaryKey, UtcDateTime, by_value


class Role(StrEnum):
    """What a user may do; a user has exactly one role."""

    ADMIN = "admin"
    MANAGER = "manager"
    SALESPERSON = "salesperson"
    CUSTOMER = "customer"


class User(Base):
    """An account with a password."""

    __tablename__ = "users"

    id: Mapped[PrimaryKey]
    email: Mapped[str] = mapped_column(String(200), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[Role] = mapped_column(by_value(Role, "role", native=True))
    password_hash: Mapped[str] = mapped_column(String(200))
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[Created]


class RefreshToken(Base):
    """A refresh token that was issued; it works once, and a second use ends all of the user's sessions."""

    __tablename__ = "refresh_tokens"

    token_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[Moment]
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ApiKey(Base):
    """A key for a program; only the hash of its secret part is kept."""

    __tablename__ = "api_keys"

    id: Mapped[PrimaryKey]
    name: Mapped[str] = mapped_column(String(100))
    key_id: Mapped[str] = mapped_column(String(16), unique=True)
    secret_sha256: Mapped[str] = mapped_column(String(64))
    created_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[Created]
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
