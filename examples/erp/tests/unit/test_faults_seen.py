"""Every fault breaks what it says; the few that no single answer shows have their own tests in test_faults.py."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from erp.faults import Fault
from erp.models import Role, SaleKind
from erp.services import tokens
from tests.world import PASSWORD, World

Build = Callable[..., World]
ORIGIN = "https://elsewhere.example"
PLACED = "TEA-1KG"


def log_in(world: World, role: Role = Role.MANAGER, password: str = PASSWORD, path: str = "/api/auth/login") -> Any:
    return world.client.post(path, json={"email": f"{role.value}@erp.example", "password": password})


def total(world: World, kind: SaleKind) -> int:
    answer = world.order(kind, PLACED, 2)
    assert answer.status_code == 201
    return int(answer.json()["total"])


def message(world: World) -> Any:
    manager = world.sign_in(Role.MANAGER)
    body = {"recipient": "+9647700000000", "template": "hello"}
    sent = world.client.post("/api/messages", json=body, headers=manager).json()["id"]
    found = world.client.get("/api/messages", headers=manager).json()["items"]
    return next(one["status"] for one in found if one["id"] == sent)


def drifted(world: World) -> Any:
    return world.client.get("/api/inventory/sync", headers=world.sign_in(Role.MANAGER)).json()["drifted"]


def track(world: World) -> int:
    headers = world.sign_in(Role.SALESPERSON)
    posted = world.client.post("/api/positions", json={"latitude": 33.3, "longitude": 44.4}, headers=headers)
    assert posted.status_code == 201
    return len(world.client.get(f"/api/positions/{posted.json()['user_id']}", headers=headers).json())


def audited(world: World) -> Any:
    log_in(world)
    return world.client.get("/api/audit", headers=world.sign_in(Role.ADMIN)).json()["total"]


def stock(world: World) -> int:
    world.order(SaleKind.WHOLESALE, PLACED, 2)
    return world.stock(PLACED)


def delivery(world: World) -> Any:
    admin = world.sign_in(Role.ADMIN)
    hook = {"url": "http://127.0.0.1:9/", "events": ["order.created"]}
    assert world.client.post("/api/webhooks", json=hook, headers=admin).status_code == 201
    world.order(SaleKind.RETAIL, PLACED, 1)
    return world.client.get("/api/webhooks/deliveries", headers=admin).json()["items"][0]["error"]


def expired(world: World) -> int:
    settings = world.state.settings.model_copy(update={"access_token_minutes": -1})
    token = tokens.issue(settings, world.user(Role.MANAGER), tokens.Purpose.ACCESS).text
    return int(world.client.get("/api/auth/me", headers={"Authorization": f"Bearer {token}"}).status_code)


def after_failures(world: World) -> int:
    for _ in range(world.state.settings.login_rate_limit):
        log_in(world, password="wrong")
    return int(log_in(world).status_code)


def status(path: str) -> Callable[[World], int]:
    return lambda world: world.client.get(path).status_code


def health(name: str) -> Callable[[World], Any]:
    return lambda world: world.client.get("/health").json()[name]


def header(name: str) -> Callable[[World], bool]:
    return lambda world: name in world.client.get("/api/products", headers={"Origin": ORIGIN}).headers


def preflight(world: World) -> int:
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "DELETE"}
    return world.client.options("/api/products", headers=headers).status_code


def audit_as_customer(world: World) -> int:
    return world.client.get("/api/audit", headers=world.sign_in(Role.CUSTOMER)).status_code


# What is asked, what a sound application answers, and what it answers with the fault on.
SEEN: list[tuple[Fault, Callable[[World], Any], Any, Any]] = [
    (Fault.ORDER_TOTAL_WRONG, lambda world: total(world, SaleKind.WHOLESALE), 1800, 2800),
    (Fault.ORDER_500, lambda world: world.order(SaleKind.RETAIL, PLACED, 1).status_code, 201, 500),
    (Fault.STOCK_UNCHANGED, stock, 498, 500),
    (Fault.HEADER_MISSING, header("strict-transport-security"), True, False),
    (Fault.HEADER_MISSING, header("content-security-policy"), True, False),
    (Fault.CORS_OPEN, header("access-control-allow-credentials"), False, True),
    (Fault.CORS_OPEN, preflight, 400, 200),
    (Fault.RBAC_HOLE, audit_as_customer, 403, 200),
    (Fault.API_KEY_IGNORED, status("/api/api-keys/check"), 401, 200),
    (Fault.ENV_SERVED, status("/.env"), 404, 200),
    (Fault.AUDIT_SILENT, audited, 1, 0),
    (Fault.DEBUG_ON, health("debug"), False, True),
    (Fault.WRONG_PRICE_LIST, lambda world: total(world, SaleKind.WHOLESALE), 1800, 2000),
    (Fault.TAX_MISSING, lambda world: total(world, SaleKind.RETAIL), 2100, 2000),
    (Fault.PRODUCT_LIST_EMPTY, lambda world: world.client.get("/api/products").json()["total"], 32, 0),
    (Fault.LOGIN_500, lambda world: log_in(world).status_code, 200, 500),
    (Fault.WRONG_PASSWORD_ACCEPTED, lambda world: log_in(world, password="wrong").status_code, 401, 200),
    (
        Fault.CUSTOMER_LOGIN_401,
        lambda world: log_in(world, Role.CUSTOMER, path="/api/customers/login").status_code,
        200,
        401,
    ),
    (Fault.POSITION_LOST, track, 1, 0),
    (Fault.MESSAGE_UNDELIVERED, message, "delivered", "failed"),
    (Fault.SYNC_DRIFT, drifted, 0, 1),
    (
        Fault.WEBHOOK_FAILING,
        delivery,
        "the address is private: set WEBHOOK_ALLOW_PRIVATE to allow it",
        "the fault webhook-failing is on",
    ),
    (Fault.TOKEN_EXPIRY_IGNORED, expired, 401, 200),
    (Fault.RATE_LIMIT_OFF, after_failures, 429, 200),
    (Fault.HEALTH_503, status("/health"), 200, 503),
    (Fault.DOCS_MISSING, status("/docs"), 200, 404),
    (Fault.OPENAPI_INVALID, lambda world: "info" in world.client.get("/openapi.json").json(), True, False),
]
# No single answer shows these.
ELSEWHERE = {
    Fault.ERRORS_0_2_PERCENT,
    Fault.ERRORS_6_PERCENT,
    Fault.SLOW_2X,
    Fault.SLOW_5X,
    Fault.LOG_TRACEBACKS,
    Fault.CONNECTION_LEAK,
    Fault.HEALTH_LIES,
    Fault.NOTIFICATION_LOST,
}


def quiet(world: World) -> World:
    """An error answers 500 as it would from a server, instead of being raised in the test."""
    world.client = TestClient(world.app, raise_server_exceptions=False)
    return world


@pytest.mark.parametrize(
    ("fault", "ask", "sound", "broken"), SEEN, ids=[f"{row[0]}-{number}" for number, row in enumerate(SEEN)]
)
def test_each_fault_breaks_what_it_says(
    build: Build, fault: Fault, ask: Callable[[World], Any], sound: Any, broken: Any
) -> None:
    assert ask(quiet(build())) == sound
    assert ask(quiet(build(erp_faults=fault.value))) == broken


def test_no_fault_is_without_a_test() -> None:
    assert {row[0] for row in SEEN} | ELSEWHERE == set(Fault)
