from typing import Any

import pytest

from erp.models import Role, SaleKind
from erp.services.pricing import tax_on
from tests.world import World

WHOLESALE, RETAIL = SaleKind.WHOLESALE, SaleKind.RETAIL


@pytest.mark.parametrize(
    ("kind", "quantity", "unit", "tax"),
    [(RETAIL, 3, 1000, 150), (WHOLESALE, 3, 900, 0), (WHOLESALE, 50, 800, 0), (WHOLESALE, 49, 900, 0)],
)
def test_price_follows_the_kind_and_the_list(world: World, kind: SaleKind, quantity: int, unit: int, tax: int) -> None:
    order = world.order(kind, "TEA-1KG", quantity).json()
    assert order["lines"] == [{"product_id": 1, "quantity": quantity, "unit_price": unit}]
    assert (order["subtotal"], order["tax"], order["total"]) == (quantity * unit, tax, quantity * unit + tax)
    assert order["reference"].startswith(kind.value[0].upper() + "-")


@pytest.mark.parametrize(("subtotal", "percent", "tax"), [(10, 5, 1), (9, 5, 0), (110, 5, 6), (99, 0, 0)])
def test_half_a_dinar_of_tax_is_rounded_up(subtotal: int, percent: int, tax: int) -> None:
    assert tax_on(subtotal, RETAIL, percent) == tax


def test_stock_falls_with_the_order_and_returns_with_the_cancel(world: World) -> None:
    order = world.order(RETAIL, "TEA-1KG", 7).json()
    assert world.stock("TEA-1KG") == 493
    manager = world.sign_in(Role.MANAGER)
    cancelled = world.client.post(f"/api/orders/{order['id']}/cancel", headers=manager).json()
    assert (cancelled["status"], world.stock("TEA-1KG")) == ("cancelled", 500)
    assert cancelled["cancelled_at"]
    again = world.client.post(f"/api/orders/{order['id']}/cancel", headers=manager)
    assert (again.status_code, world.stock("TEA-1KG")) == (409, 500)


def test_too_large_an_order_changes_nothing(world: World) -> None:
    lines = [{"product_id": 1, "quantity": 5}, {"product_id": 2, "quantity": 501}]
    body = {"kind": "retail", "customer_id": world.customer(RETAIL), "lines": lines}
    answer = world.client.post("/api/orders", json=body, headers=world.sign_in(Role.MANAGER))
    assert (answer.status_code, world.stock("TEA-1KG")) == (409, 500)
    assert "not enough stock" in answer.json()["detail"]
    assert world.client.get("/api/orders", headers=world.sign_in(Role.ADMIN)).json()["total"] == 0


def refused(world: World, role: Role = Role.MANAGER, **changes: Any) -> int:
    body = {"kind": "retail", "customer_id": 3, "lines": [{"product_id": 1, "quantity": 1}], **changes}
    return world.client.post("/api/orders", json=body, headers=world.sign_in(role)).status_code


def test_orders_that_make_no_sense_are_422(world: World) -> None:
    line = {"product_id": 1, "quantity": 1}
    assert refused(world) == 201
    assert refused(world, lines=[]) == 422
    assert refused(world, lines=[line, line]) == 422
    assert refused(world, lines=[{"product_id": 999, "quantity": 1}]) == 422
    assert refused(world, lines=[{"product_id": 1, "quantity": 0}]) == 422
    assert refused(world, customer_id=None) == 422
    assert refused(world, customer_id=999) == 422
    assert refused(world, kind="wholesale") == 422
    assert refused(world, Role.CUSTOMER, customer_id=1) == 422


def test_product_without_a_wholesale_price_is_not_sold_wholesale(world: World) -> None:
    body = {"sku": "SOLO", "name": "Solo", "retail_price": 5, "stock": 5}
    world.client.post("/api/products", json=body, headers=world.sign_in(Role.ADMIN))
    answer = world.order(WHOLESALE, "SOLO", 1)
    assert (answer.status_code, "no wholesale price" in answer.json()["detail"]) == (422, True)


def test_everyone_sees_their_own_orders_only(world: World) -> None:
    of_manager = world.order(RETAIL, "TEA-1KG", 1).json()["id"]
    of_sales = world.order(WHOLESALE, "TEA-1KG", 1, Role.SALESPERSON).json()["id"]
    of_customer = world.order(RETAIL, "TEA-1KG", 1, Role.CUSTOMER).json()["id"]
    seen = {
        role: [order["id"] for order in world.client.get("/api/orders", headers=world.sign_in(role)).json()["items"]]
        for role in Role
    }
    everything = [of_customer, of_sales, of_manager]
    assert seen == {
        Role.ADMIN: everything,
        Role.MANAGER: everything,
        Role.SALESPERSON: [of_sales],
        Role.CUSTOMER: [of_customer],
    }
    foreign = world.client.get(f"/api/orders/{of_manager}", headers=world.sign_in(Role.CUSTOMER))
    assert foreign.status_code == 404
    cancel = world.client.post(f"/api/orders/{of_manager}/cancel", headers=world.sign_in(Role.SALESPERSON))
    assert cancel.status_code == 404
    own = world.client.get(f"/api/orders/{of_customer}", headers=world.sign_in(Role.CUSTOMER))
    assert own.json()["total"] == 1050
