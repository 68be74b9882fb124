"""What routes ask for: the state, a session, the caller."""

from collections.abc import Callable, Iterator
from typing import Annotated, cast

from fastapi import Depends, HTTPException, Query, Request, status
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.orm import Session

from erp import faults
from erp.faults import Fault
from erp.models import ApiKey, Role, User
from erp.services import api_keys, tokens
from erp.state import State

bearer = HTTPBearer(auto_error=False, description="The access token from /api/auth/login.")
key_header = APIKeyHeader(name="X-API-Key", auto_error=False, description="An API key made by an admin.")


def get_state(request: Request) -> State:
    """Return the application's state."""
    return cast(State, request.app.state.erp)


StateDep = Annotated[State, Depends(get_state)]


def get_session(state: StateDep) -> Iterator[Session]:
    """Lend a session for one request; what is not committed is rolled back."""
    with state.sessions() as session:
        yield session


SessionDep = Annotated[Session, Depends(get_session)]
PageNumber = Annotated[int, Query(ge=1, le=100_000)]
PageSize = Annotated[int, Query(ge=1, le=100)]


def unauthorized(text: str) -> HTTPException:
    """Return the 401 that tells how to sign in."""
    return HTTPException(status.HTTP_401_UNAUTHORIZED, text, {"WWW-Authenticate": "Bearer"})


def user_of(state: State, session: Session, token: str) -> User:
    """Return the active user of an access token; raises BadTokenError."""
    user_id, _ = tokens.read(state.settings, token, tokens.Purpose.ACCESS)
    user = session.get(User, user_id)
    if user is None or not user.active:
        raise tokens.BadTokenError("the account is closed")
    return user


def current_user(
    state: StateDep, session: SessionDep, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> User:
    """Return the signed-in user, or answer 401."""
    if credentials is None:
        raise unauthorized("log in first: the Authorization header is missing")
    try:
        return user_of(state, session, credentials.credentials)
    except tokens.BadTokenError as error:
        raise unauthorized(str(error)) from error


def allow(*roles: Role) -> Callable[..., User]:
    """Return a dependency that answers 403 unless the user has one of the roles; the role is the database's word."""

    def check(user: Annotated[User, Depends(current_user)]) -> User:
        if user.role not in roles and not faults.on(Fault.RBAC_HOLE):
            raise HTTPException(status.HTTP_403_FORBIDDEN, f"not for the role {user.role.value}")
        return user

    return check


AnyUser = Annotated[User, Depends(current_user)]
Staff = Annotated[User, Depends(allow(Role.ADMIN, Role.MANAGER, Role.SALESPERSON))]
Manager = Annotated[User, Depends(allow(Role.ADMIN, Role.MANAGER))]
Admin = Annotated[User, Depends(allow(Role.ADMIN))]
Salesperson = Annotated[User, Depends(allow(Role.SALESPERSON))]


def good_key(session: SessionDep, text: Annotated[str | None, Depends(key_header)]) -> ApiKey:
    """Return the API key of the request, or answer 401."""
    if faults.on(Fault.API_KEY_IGNORED):
        return ApiKey(name="anybody", key_id="0" * 16)
    key = api_keys.find(session, text) if text else None
    if key is None:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "a valid X-API-Key is needed", {"WWW-Authenticate": "ApiKey"})
    return key


GoodKey = Annotated[ApiKey, Depends(good_key)]


def address_of(request: Request) -> str:
    """Return the caller's address as the server sees it (the proxy is trusted by uvicorn's own settings)."""
    return request.client.host if request.client else "unknown"


Address = Annotated[str, Depends(address_of)]
