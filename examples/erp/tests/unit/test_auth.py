from collections.abc import Callable

import jwt
import pytest

from erp.models import Role, User
from erp.services import tokens
from tests.world import PASSWORD, World, make_settings

LOGIN = "/api/auth/login"


def credentials(role: str, password: str = PASSWORD) -> dict[str, str]:
    return {"email": f"{role}@erp.example", "password": password}


def test_login_gives_a_token_that_works(world: World) -> None:
    pair = world.client.post(LOGIN, json=credentials("manager")).json()
    me = world.client.get("/api/auth/me", headers={"Authorization": f"Bearer {pair['access_token']}"})
    assert me.json()["role"] == "manager"
    assert pair["expires_in"] == 15 * 60


@pytest.mark.parametrize("body", [credentials("manager", "wrong"), credentials("nobody")])
def test_wrong_credentials_get_the_same_401(world: World, body: dict[str, str]) -> None:
    answer = world.client.post(LOGIN, json=body)
    assert (answer.status_code, answer.json()["detail"]) == (401, "e-mail or password is wrong")


def test_closed_account_cannot_log_in_and_its_token_dies(world: World) -> None:
    headers = world.sign_in(Role.MANAGER)
    with world.state.sessions() as session:
        session.get_one(User, world.user(Role.MANAGER).id).active = False
        session.commit()
    assert world.client.post(LOGIN, json=credentials("manager")).status_code == 401
    assert world.client.get("/api/auth/me", headers=headers).status_code == 401


def test_refresh_token_works_once_and_a_second_use_ends_all_sessions(world: World) -> None:
    first = world.client.post(LOGIN, json=credentials("manager")).json()["refresh_token"]
    second = world.client.post("/api/auth/refresh", json={"refresh_token": first})
    assert second.status_code == 200
    assert world.client.post("/api/auth/refresh", json={"refresh_token": first}).status_code == 401
    stolen = world.client.post("/api/auth/refresh", json={"refresh_token": second.json()["refresh_token"]})
    assert stolen.status_code == 401


def test_logout_ends_the_refresh_token(world: World) -> None:
    pair = world.client.post(LOGIN, json=credentials("manager")).json()
    headers = {"Authorization": f"Bearer {pair['access_token']}"}
    assert world.client.post("/api/auth/logout", headers=headers).status_code == 204
    assert world.client.post("/api/auth/refresh", json={"refresh_token": pair["refresh_token"]}).status_code == 401


def test_token_for_one_purpose_is_refused_for_the_other(world: World) -> None:
    pair = world.client.post(LOGIN, json=credentials("manager")).json()
    headers = {"Authorization": f"Bearer {pair['refresh_token']}"}
    assert world.client.get("/api/auth/me", headers=headers).status_code == 401
    assert world.client.post("/api/auth/refresh", json={"refresh_token": pair["access_token"]}).status_code == 401


def forged(world: World, **changes: object) -> str:
    """Return the manager's token with claims changed, or signed with another key."""
    key = world.state.settings.secret_key.get_secret_value()
    claims = jwt.decode(world.token(Role.MANAGER), key, algorithms=["HS256"], issuer="erp")
    return jwt.encode({**claims, **changes}, str(changes.pop("sign_with", key)), algorithm="HS256")


def test_forged_and_expired_tokens_are_refused(world: World) -> None:
    other = make_settings(database_url="sqlite://").secret_key.get_secret_value()
    bad = ["", "x.y.z", forged(world, exp=1), forged(world, iss="other"), forged(world, sign_with=other)]
    bad.append(jwt.encode({"sub": "1", "use": "access"}, None, algorithm="none"))
    for text in bad:
        assert world.client.get("/api/auth/me", headers={"Authorization": f"Bearer {text}"}).status_code == 401
    good = {"Authorization": f"Bearer {forged(world)}"}
    assert world.client.get("/api/auth/me", headers=good).status_code == 200


def test_missing_token_says_how_to_sign_in(world: World) -> None:
    answer = world.client.get("/api/auth/me")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_failed_logins_meet_429_and_good_ones_do_not(build: Callable[..., World]) -> None:
    world = build(login_rate_limit=3)
    for _ in range(5):
        assert world.client.post(LOGIN, json=credentials("manager")).status_code == 200
    codes = [world.client.post(LOGIN, json=credentials("manager", "wrong")).status_code for _ in range(4)]
    assert codes == [401, 401, 401, 429]
    blocked = world.client.post(LOGIN, json=credentials("manager"))
    assert blocked.status_code == 429
    assert 1 <= int(blocked.headers["Retry-After"]) <= 60


def test_customer_login_is_for_customers_only(world: World) -> None:
    answer = world.client.post("/api/customers/login", json=credentials("customer"))
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert world.client.get("/api/customers/me", headers=headers).json()["name"] == "Demo Customer"
    assert world.client.post("/api/customers/login", json=credentials("admin")).status_code == 401


def test_token_read_checks_the_purpose() -> None:
    settings = make_settings(database_url="sqlite://")
    user = User(id=7, role=Role.ADMIN)
    issued = tokens.issue(settings, user, tokens.Purpose.REFRESH)
    assert tokens.read(settings, issued.text, tokens.Purpose.REFRESH) == (7, issued.token_id)
    with pytest.raises(tokens.BadTokenError, match="not a token for access"):
        tokens.read(settings, issued.text, tokens.Purpose.ACCESS)
