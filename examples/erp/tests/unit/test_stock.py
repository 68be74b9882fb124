from datetime import timedelta
from typing import Any

from sqlalchemy import update

from erp.models import Role, SaleKind, StockLevel, SyncRun
from erp.models.base import now
from tests.world import World


def ledger(world: World, **changes: int) -> dict[str, int]:
    items = world.client.get("/api/products?size=100").json()["items"]
    return {item["sku"]: item["stock"] for item in items} | changes


def sync(world: World, levels: dict[str, int]) -> Any:
    return world.client.post(
        "/api/inventory/sync", json={"source": "tds", "levels": levels}, headers=world.key()
    ).json()


def test_equal_ledgers_match(world: World) -> None:
    answer = sync(world, ledger(world))
    assert (answer["matched"], answer["drifted"], answer["differences"]) == (32, 0, [])


def test_each_kind_of_drift_is_named(world: World) -> None:
    theirs = ledger(world, **{"TEA-1KG": 499, "UNKNOWN": 3})
    del theirs["RICE-1KG"]
    answer = sync(world, theirs)
    assert (answer["matched"], answer["drifted"]) == (30, 3)
    assert answer["differences"] == [
        {"sku": "RICE-1KG", "ours": 500, "theirs": None},
        {"sku": "TEA-1KG", "ours": 500, "theirs": 499},
        {"sku": "UNKNOWN", "ours": None, "theirs": 3},
    ]


def test_levels_that_left_their_movements_are_found(world: World) -> None:
    manager = world.sign_in(Role.MANAGER)
    assert world.client.get("/api/inventory/sync", headers=manager).json()["drifted"] == 0
    with world.state.sessions() as session:
        session.execute(update(StockLevel).where(StockLevel.product_id == 1).values(quantity=9))
        session.commit()
    answer = world.client.get("/api/inventory/sync", headers=manager).json()
    assert answer["differences"] == [{"sku": "TEA-1KG", "ours": 9, "theirs": 500}]


def test_sync_needs_a_key_and_a_ledger(world: World) -> None:
    body = {"source": "tds", "levels": {"TEA-1KG": 1}}
    manager = world.sign_in(Role.MANAGER)
    assert world.client.post("/api/inventory/sync", json=body, headers=manager).status_code == 401
    empty = world.client.post("/api/inventory/sync", json={**body, "levels": {}}, headers=world.key())
    assert empty.status_code == 422


def test_stock_is_adjusted_but_never_below_zero(world: World) -> None:
    manager = world.sign_in(Role.MANAGER)
    path = "/api/inventory/1/adjust"
    assert world.client.post(path, json={"delta": -20, "reason": "broken"}, headers=manager).json()["quantity"] == 480
    assert world.client.post(path, json={"delta": -481, "reason": "broken"}, headers=manager).status_code == 409
    assert world.client.get("/api/inventory/1", headers=manager).json()["quantity"] == 480
    assert world.client.get("/api/inventory/999", headers=manager).status_code == 404


def test_status_counts_what_came_after_the_last_success(world: World) -> None:
    assert world.client.get("/tds/status").json() | {"last_success": "", "age_seconds": 0} == {
        "status": "ok",
        "last_success": "",
        "age_seconds": 0,
        "queue_length": 0,
    }
    world.order(SaleKind.RETAIL, "TEA-1KG", 1)
    sync(world, ledger(world, **{"TEA-1KG": 1}))
    assert world.client.get("/tds/status").json()["queue_length"] == 1
    sync(world, ledger(world))
    assert world.client.get("/tds/status").json()["queue_length"] == 0


def test_status_turns_late_and_starts_as_never(world: World) -> None:
    with world.state.sessions() as session:
        session.execute(update(SyncRun).values(finished_at=now() - timedelta(hours=2)))
        session.commit()
    late = world.client.get("/tds/status").json()
    assert (late["status"], late["age_seconds"] // 60) == ("late", 120)
    with world.state.sessions() as session:
        session.execute(update(SyncRun).values(drifted=1))
        session.commit()
    never = world.client.get("/tds/status").json()
    assert (never["status"], never["last_success"], never["queue_length"]) == ("never", None, 32)
