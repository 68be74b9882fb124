"""Log-in, refresh, log-out; for staff and customers, and for customers alone."""

from fastapi import APIRouter, HTTPException, status
from sqlalchemy.orm import Session

from erp import faults
from erp.api.dependencies import Address, AnyUser, SessionDep, StateDep, unauthorized
from erp.faults import Fault
from erp.models import Role
from erp.schemas.access import Credentials, RefreshRequest, TokenPair, UserOut
from erp.services import audit, sessions, tokens
from erp.state import State

router = APIRouter(prefix="/api/auth", tags=["auth"])


def log_in(state: State, session: Session, address: str, credentials: Credentials, role: Role | None) -> TokenPair:
    """Check the password, within the limit of failed attempts from one address."""
    wait = 0 if faults.on(Fault.RATE_LIMIT_OFF) else state.limiter.hit(address)
    if wait:
        raise HTTPException(
            status.HTTP_429_TOO_MANY_REQUESTS, "too many failed log-ins, wait a little", {"Retry-After": str(wait)}
        )
    user = sessions.authenticate(session, credentials.email, credentials.password, role)
    if user is None:
        audit.record(session, credentials.email, "login.failed", "session", address=address)
        session.commit()
        raise unauthorized("e-mail or password is wrong")
    state.limiter.forgive(address)
    access, refresh = sessions.open_session(session, state.settings, user)
    audit.record(session, user.email, "login.succeeded", "session", address=address)
    session.commit()
    return pair(state, access, refresh)


def pair(state: State, access: str, refresh: str) -> TokenPair:
    """Return the answer to a log-in."""
    return TokenPair(access_token=access, refresh_token=refresh, expires_in=state.settings.access_token_minutes * 60)


@router.post("/login")
def login(state: StateDep, session: SessionDep, address: Address, credentials: Credentials) -> TokenPair:
    """Log in with e-mail and password; 429 after too many failures."""
    if faults.on(Fault.LOGIN_500):
        raise RuntimeError("the fault login-500 is on")
    return log_in(state, session, address, credentials, None)


@router.post("/refresh")
def refresh(state: StateDep, session: SessionDep, body: RefreshRequest) -> TokenPair:
    """Exchange a refresh token for a new pair; each works once."""
    try:
        access, renewed = sessions.renew_session(session, state.settings, body.refresh_token)
    except tokens.BadTokenError as error:
        session.commit()
        raise unauthorized(str(error)) from error
    session.commit()
    return pair(state, access, renewed)


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT)
def logout(session: SessionDep, user: AnyUser, address: Address) -> None:
    """End all of the user's sessions."""
    sessions.close_sessions(session, user.id)
    audit.record(session, user.email, "logout", "session", address=address)
    session.commit()


@router.get("/me")
def me(user: AnyUser) -> UserOut:
    """Return the signed-in user."""
    return UserOut.model_validate(user)
