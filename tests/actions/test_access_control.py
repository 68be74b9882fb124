"""access-control: a small application with real tokens, broken in one way at a time."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sites import Reply, Request, site

from deploy_gate.facts import forgery
from deploy_gate.result import Result, Status

Ask = Callable[..., Result]
KEY, GOOD, REVOKED, PASSWORD = "k" * 32, "key-good-1234567", "key-revoked-7654321", "correct horse battery"
FILE = """
version: 1
login:
  path: /login
  body: {who: "${account}", word: "${password}"}
  token: data.token
roles:
  admin: {account: ada, password: SHOP_PASSWORD}
  clerk: {account: bob, password: SHOP_PASSWORD}
auth: {route: GET /me, role: clerk, signing-key: SHOP_KEY}
rbac:
  routes:
    - {route: GET /audit, allow: [admin]}
    - {route: DELETE /orders/0, allow: [admin]}
    - {route: GET /orders, allow: [admin, clerk]}
    - {route: GET /health, allow: [admin, clerk, anybody]}
api-key: {route: GET /keyed, good: SHOP_API_KEY, revoked: SHOP_OLD_KEY}
"""
NAMES = "SHOP_PASSWORD, SHOP_KEY, SHOP_API_KEY, SHOP_OLD_KEY, SHOP_EXPIRED"


def claims_of(token: str, *broken: str) -> dict[str, Any] | None:
    """The claims of a good token; `broken` names what is not looked at."""
    try:
        head, body, signature = token.split(".")
        header, claims = (json.loads(base64.urlsafe_b64decode(one + "==")) for one in (head, body))
    except ValueError:
        return None
    keys = [KEY, *([""] if "empty-key" in broken else [])]
    right = any(hmac.compare_digest(forgery.signed_part(f"{head}.{body}", one), signature) for one in keys)
    if not right and not ("alg-none" in broken and header["alg"].lower() == "none") and "signature" not in broken:
        return None
    return claims if claims["exp"] > time.time() or "expiry" in broken else None


def shop_app(*broken: str) -> Callable[[Request], Reply]:
    def answer(request: Request) -> Reply:
        if request.path == "/login":
            return log_in(request)
        if request.path == "/keyed":
            known = {GOOD} | ({REVOKED} if "revoked" in broken else set())
            return Reply(200 if request.headers.get("x-api-key") in known or "no-key" in broken else 401)
        if request.path == "/health":
            return Reply(200)
        claims = claims_of(request.headers.get("authorization", "").removeprefix("Bearer "), *broken)
        if claims is None and "open" not in broken:
            return Reply(401)
        role = (claims or {}).get("role")
        if request.path in ("/audit", "/orders/0") and role != "admin" and "rbac" not in broken:
            return Reply(403)
        return Reply(404 if request.path == "/orders/0" else 403 if "shut" in broken else 200)

    return answer


def log_in(request: Request) -> Reply:
    given = json.loads(request.body)
    if given["word"] != PASSWORD:
        return Reply(401)
    role = {"ada": "admin", "bob": "clerk"}[given["who"]]
    return Reply(200, {"data": {"token": token(role, 900)}})


def token(role: str, seconds: int) -> str:
    return forgery.signed({"alg": "HS256"}, {"role": role, "exp": int(time.time()) + seconds}, KEY)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    values = {"PASSWORD": PASSWORD, "KEY": KEY, "API_KEY": GOOD, "OLD_KEY": REVOKED, "EXPIRED": token("clerk", -60)}
    for name, value in values.items():
        monkeypatch.setenv(f"SHOP_{name}", value)
    path = tmp_path / "access.yml"
    path.write_text(FILE)
    return path


def run(ask: Ask, file: Path, mode: str, *broken: str, **more: object) -> tuple[Result, list[Request]]:
    with site(shop_app(*broken)) as shop:
        result = ask("access-control", url=shop.url, mode=mode, file=file, secrets=NAMES, **more)
    text = str(result.as_json())
    assert not [one for one in (KEY, GOOD, REVOKED, PASSWORD) if one in text], text
    return result, shop.seen


def test_whole(ask: Ask, file: Path) -> None:
    auth, _ = run(ask, file, "auth")
    rbac, seen = run(ask, file, "rbac")
    keys, _ = run(ask, file, "api-key")
    assert (auth.status, auth.found) == (Status.PASSED, "1 of 12 cases let in, 11 refused, all as declared")
    assert (rbac.status, rbac.found) == (Status.PASSED, "7 of 12 cases let in, 5 refused, all as declared")
    assert (keys.status, keys.found) == (Status.PASSED, "1 of 5 cases let in, 4 refused, all as declared")
    assert sum(one.path == "/login" for one in seen) == 2, "each role logs in once"
    assert all("x-deploy-gate-probe" in one.headers for one in seen)


@pytest.mark.parametrize(
    ("fault", "red", "says"),
    [
        ("expiry", {"auth"}, "an expired token at GET /me was answered 200, expected 401"),
        ("alg-none", {"auth"}, "no signature (alg none) at GET /me was answered 200"),
        ("empty-key", {"auth"}, "an empty key's signature at GET /me"),
        ("signature", {"auth"}, "a wrong signature at GET /me was answered 200"),
        ("open", {"auth", "rbac"}, "no token at GET /me was answered 200"),
        ("shut", {"auth", "rbac"}, "a good token at GET /me was refused with 403, expected to be let in"),
        ("rbac", {"rbac"}, "clerk at GET /audit was answered 200, expected 401 or 403"),
        ("no-key", {"api-key"}, "no key at GET /keyed was answered 200, expected 401 or 403"),
        ("revoked", {"api-key"}, "a revoked key at GET /keyed was answered 200"),
    ],
)
def test_one_fault(ask: Ask, file: Path, fault: str, red: set[str], says: str) -> None:
    if fault == "shut":
        file.write_text(FILE.replace("signing-key: SHOP_KEY", "signing-key: SHOP_KEY, refused: [401, 403]"))
    results = {mode: run(ask, file, mode, fault)[0] for mode in ("auth", "rbac", "api-key")}
    assert {mode for mode, one in results.items() if one.status is not Status.PASSED} == red
    assert {one.status for mode, one in results.items() if mode in red} == {Status.FAILED}
    assert any(says in str(one.as_json()) for one in results.values())


def test_an_expired_token_that_was_kept(ask: Ask, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(FILE.replace("signing-key: SHOP_KEY", "expired: SHOP_EXPIRED"))
    assert run(ask, file, "auth")[0].status is Status.PASSED
    assert run(ask, file, "auth", "expiry")[0].status is Status.FAILED
    monkeypatch.setenv("SHOP_EXPIRED", token("clerk", 900))
    fresh, _ = run(ask, file, "auth")
    assert fresh.status is Status.ERROR
    assert "has not run out yet" in fresh.found


def test_what_cannot_be_had_is_an_error(ask: Ask, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", "another key")
    assert "another key than the good token's" in run(ask, file, "auth")[0].found.replace(" holds", "")
    monkeypatch.setenv("SHOP_PASSWORD", "wrong one")
    result, _ = run(ask, file, "rbac")
    assert result.status is Status.ERROR
    assert "the log-in of the role admin at" in result.found
    monkeypatch.delenv("SHOP_PASSWORD")
    assert "SHOP_PASSWORD is not set" in run(ask, file, "rbac")[0].found
    with site(lambda _: Reply(503)) as shop:
        broken = ask("access-control", url=shop.url, mode="api-key", file=file, secrets=NAMES)
    assert broken.status is Status.ERROR


def test_the_budget_ends_it(ask: Ask, file: Path) -> None:
    result, seen = run(ask, file, "rbac", budget=5)
    assert result.status is Status.ERROR
    assert len(seen) == 5


def test_a_limit_on_log_ins_is_waited_for_once(ask: Ask, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    count = iter(range(99))

    def answer(request: Request) -> Reply:
        limited = request.path == "/login" and next(count) == 0
        return Reply(429, headers={"Retry-After": "30"}) if limited else shop_app()(request)

    with site(answer) as shop:
        result = ask("access-control", url=shop.url, mode="rbac", file=file, secrets=NAMES)
    assert result.status is Status.PASSED, result.found


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("allow: [admin]}", "allow: [boss]}", "there is no role 'boss'"),
        ("GET /audit", "audit", "expected a method and a path"),
        ("signing-key: SHOP_KEY", "refused: [401]", "name `expired`"),
        ("good: SHOP_API_KEY", "good: my key", "api-key.good"),
        ("version: 1", "version: 1\nmore: 1", "more: Extra inputs"),
        ("{account: ada, password: SHOP_PASSWORD}", "{account: ada}", "roles.admin: give"),
        ("role: clerk", "role: nobody", "there is no role 'nobody'"),
    ],
)
def test_a_wrong_file_is_told(ask: Ask, file: Path, old: str, new: str, says: str) -> None:
    assert old in FILE
    file.write_text(FILE.replace(old, new, 1))
    result = ask("access-control", url="http://127.0.0.1:9", mode="rbac", file=file)
    assert (result.status, result.fix) == (Status.ERROR, "correct the input")
    assert says in result.found


def test_opaque_tokens_are_forged_too() -> None:
    found = dict(forgery.forged("a1b2c3d4e5f6"))
    assert set(found) == {"a made-up token", "a token cut short", "a token with one sign changed"}
    assert "a1b2c3d4e5f6" not in found.values()
