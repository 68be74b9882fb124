from typing import Any

import pytest

from erp.models import Role
from tests.world import World


def get(world: World, path: str) -> Any:
    return world.client.get(path).json()


def test_list_is_paged_and_complete(world: World) -> None:
    first, last = get(world, "/api/products?size=20"), get(world, "/api/products?size=20&page=2")
    assert (first["total"], len(first["items"]), len(last["items"])) == (32, 20, 12)
    skus = [item["sku"] for item in first["items"] + last["items"]]
    assert len(set(skus)) == 32
    assert get(world, "/api/products?page=9")["items"] == []


@pytest.mark.parametrize(("text", "count"), [("rice", 4), ("RICE-5", 1), ("25KG", 8), ("zzz", 0), ("%", 0), ("_", 0)])
def test_search_finds_by_name_and_sku_and_takes_wildcards_literally(world: World, text: str, count: int) -> None:
    assert world.client.get("/api/products", params={"q": text}).json()["total"] == count


def test_item_has_price_and_stock_but_no_wholesale_price(world: World) -> None:
    item = get(world, f"/api/products/{world.product('TEA-1KG').id}")
    assert (item["sku"], item["retail_price"], item["stock"]) == ("TEA-1KG", 1000, 500)
    assert "wholesale_prices" not in item


def test_staff_see_the_wholesale_price_list(world: World) -> None:
    path = f"/api/products/{world.product('TEA-1KG').id}/prices"
    prices = world.client.get(path, headers=world.sign_in(Role.SALESPERSON)).json()["wholesale_prices"]
    assert prices == [{"min_quantity": 1, "unit_price": 900}, {"min_quantity": 50, "unit_price": 800}]


@pytest.mark.parametrize("path", ["/api/products/999", "/api/products/2147483647"])
def test_unknown_item_is_404(world: World, path: str) -> None:
    assert world.client.get(path).status_code == 404


@pytest.mark.parametrize(
    "path", ["/api/products/0", "/api/products/99999999999", "/api/products?size=101", "/api/products?page=0"]
)
def test_values_out_of_bounds_are_422(world: World, path: str) -> None:
    assert world.client.get(path).status_code == 422


def test_new_product_comes_with_stock_and_its_movement(world: World) -> None:
    body = {
        "sku": "NEW-1",
        "name": "New",
        "retail_price": 750,
        "stock": 12,
        "wholesale_prices": [{"min_quantity": 6, "unit_price": 600}],
    }
    manager = world.sign_in(Role.MANAGER)
    created = world.client.post("/api/products", json=body, headers=manager)
    assert (created.status_code, created.json()["stock"]) == (201, 12)
    moves = world.client.get(f"/api/inventory/{created.json()['id']}/movements", headers=manager).json()["items"]
    assert [(move["delta"], move["reason"]) for move in moves] == [(12, "opening")]
    assert world.client.post("/api/products", json=body, headers=manager).status_code == 409


def test_misspelt_key_is_refused(world: World) -> None:
    body = {"sku": "NEW-1", "name": "New", "retail_price": 750, "stok": 12}
    assert world.client.post("/api/products", json=body, headers=world.sign_in(Role.MANAGER)).status_code == 422


def test_customers_are_added_read_and_listed(world: World) -> None:
    sales = world.sign_in(Role.SALESPERSON)
    body = {"name": "New Shop", "kind": "wholesale", "phone": "+9647712345678"}
    created = world.client.post("/api/customers", json=body, headers=sales).json()
    assert world.client.get(f"/api/customers/{created['id']}", headers=sales).json() == created
    assert world.client.get("/api/customers?size=2", headers=sales).json()["total"] == 5
    assert world.client.get("/api/customers/999", headers=sales).status_code == 404
    assert world.client.get("/api/customers/me", headers=sales).status_code == 404
