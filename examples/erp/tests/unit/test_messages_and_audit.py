from typing import Any

from erp.models import Role, SaleKind
from tests.world import PASSWORD, World


def messages(world: World, query: str = "") -> Any:
    return world.client.get(f"/api/messages{query}", headers=world.sign_in(Role.MANAGER)).json()["items"]


def test_order_sends_a_message_to_the_customers_phone(world: World) -> None:
    order = world.order(SaleKind.RETAIL, "TEA-1KG", 1).json()
    (message,) = messages(world, f"?order_id={order['id']}")
    assert (message["recipient"], message["template"], message["status"]) == (
        "+9647700000003",
        "order_created",
        "delivered",
    )


def test_provider_reports_a_failure_by_api_key(world: World) -> None:
    body = {"recipient": "+9647700000009", "template": "hello"}
    sent = world.client.post("/api/messages", json=body, headers=world.sign_in(Role.MANAGER)).json()
    path, report = f"/api/messages/{sent['provider_id']}/status", {"status": "failed", "error": "no such number"}
    assert world.client.post(path, json=report, headers=world.sign_in(Role.ADMIN)).status_code == 401
    assert world.client.post(path, json=report, headers=world.key()).json()["status"] == "failed"
    assert messages(world)[0]["error"] == "no such number"
    assert world.client.post("/api/messages/unknown/status", json=report, headers=world.key()).status_code == 404


def entries(world: World, query: str = "") -> Any:
    return world.client.get(f"/api/audit{query}", headers=world.sign_in(Role.ADMIN)).json()["items"]


def test_deeds_are_in_the_log_with_actor_and_address(world: World) -> None:
    order = world.order(SaleKind.RETAIL, "TEA-1KG", 1).json()
    (entry,) = entries(world, "?action=order.created")
    assert (entry["actor"], entry["subject"]) == ("manager@erp.example", f"order:{order['id']}")
    assert (entry["address"], entry["details"]) == ("testclient", {"total": 1050})


def test_logins_are_in_the_log_without_the_password(world: World) -> None:
    for password in (PASSWORD, "wrong-password"):
        world.client.post("/api/auth/login", json={"email": "admin@erp.example", "password": password})
    assert [entry["action"] for entry in entries(world)] == ["login.failed", "login.succeeded"]
    assert "wrong-password" not in str(entries(world))


def test_deed_that_fails_leaves_no_entry(world: World) -> None:
    assert world.order(SaleKind.RETAIL, "TEA-1KG", 501).status_code == 409
    assert entries(world, "?action=order.created") == []
