"""Signing in, staying signed in, and signing out."""

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from erp import faults
from erp.faults import Fault
from erp.models.base import now
from erp.models.users import RefreshToken, Role, User
from erp.services import passwords, tokens
from erp.settings import Settings


def authenticate(session: Session, email: str, password: str, role: Role | None = None) -> User | None:
    """Return the active user with this e-mail and password (and role, if one is asked for), or None."""
    user = session.scalar(select(User).where(User.email == email.lower()))
    right = passwords.matches(user.password_hash if user else None, password)
    right = right or faults.on(Fault.WRONG_PASSWORD_ACCEPTED)
    if user is None or not right or not user.active:
        return None
    return user if role is None or user.role is role else None


def open_session(session: Session, settings: Settings, user: User) -> tuple[str, str]:
    """Return a new access and refresh token; the caller commits."""
    refresh = tokens.issue(settings, user, tokens.Purpose.REFRESH)
    session.execute(delete(RefreshToken).where(RefreshToken.user_id == user.id, RefreshToken.expires_at < now()))
    session.add(RefreshToken(token_id=refresh.token_id, user_id=user.id, expires_at=refresh.expires_at))
    return tokens.issue(settings, user, tokens.Purpose.ACCESS).text, refresh.text


def renew_session(session: Session, settings: Settings, text: str) -> tuple[str, str]:
    """Exchange a refresh token for a new pair; a token used twice was stolen once, so all of the user's end.

    Raises BadTokenError, after which the caller commits what was ended.
    """
    user_id, token_id = tokens.read(settings, text, tokens.Purpose.REFRESH)
    used = session.execute(
        update(RefreshToken)
        .where(RefreshToken.token_id == token_id, RefreshToken.used_at.is_(None))
        .values(used_at=now())
        .returning(RefreshToken.token_id)
    ).first()
    user = session.get(User, user_id)
    if used is None or user is None or not user.active:
        close_sessions(session, user_id)
        raise tokens.BadTokenError("the refresh token was used before or withdrawn: log in again")
    return open_session(session, settings, user)


def close_sessions(session: Session, user_id: int) -> None:
    """End all sessions of a user; the caller commits."""
    session.execute(delete(RefreshToken).where(RefreshToken.user_id == user_id))
