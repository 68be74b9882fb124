import pytest

from erp.models import Role
from tests.world import World

ADMIN, MANAGER, SALES, CUSTOMER = Role.ADMIN, Role.MANAGER, Role.SALESPERSON, Role.CUSTOMER
STAFF = {ADMIN, MANAGER, SALES}

# Every guarded read with the roles that may use it.
MATRIX = {
    "/api/auth/me": set(Role),
    "/api/orders": set(Role),
    "/api/customers": STAFF,
    "/api/products/1/prices": STAFF,
    "/api/inventory/1": STAFF,
    "/api/inventory/1/movements": STAFF,
    "/api/positions/3": STAFF,
    "/api/inventory/sync": {ADMIN, MANAGER},
    "/api/messages": {ADMIN, MANAGER},
    "/api/api-keys": {ADMIN},
    "/api/webhooks": {ADMIN},
    "/api/webhooks/deliveries": {ADMIN},
    "/api/audit": {ADMIN},
}


@pytest.mark.parametrize("path", MATRIX)
def test_each_role_gets_what_is_its_own(world: World, path: str) -> None:
    for role in Role:
        expected = 200 if role in MATRIX[path] else 403
        assert world.client.get(path, headers=world.sign_in(role)).status_code == expected, role
    assert world.client.get(path).status_code == 401


@pytest.mark.parametrize(
    ("path", "body", "allowed"),
    [
        ("/api/products", {"sku": "NEW", "name": "New", "retail_price": 5}, {ADMIN, MANAGER}),
        ("/api/customers", {"name": "New", "kind": "retail"}, STAFF),
        ("/api/inventory/1/adjust", {"delta": 1, "reason": "count"}, {ADMIN, MANAGER}),
        ("/api/positions", {"latitude": 33.3, "longitude": 44.4}, {SALES}),
        ("/api/api-keys", {"name": "x"}, {ADMIN}),
        ("/api/messages", {"recipient": "+9647700000009", "template": "hello"}, {ADMIN, MANAGER}),
    ],
)
def test_each_role_writes_what_is_its_own(world: World, path: str, body: dict[str, object], allowed: set[Role]) -> None:
    for role in Role:
        code = world.client.post(path, json=body, headers=world.sign_in(role)).status_code
        assert (code != 403) == (role in allowed), (role, code)
        assert code < 500
