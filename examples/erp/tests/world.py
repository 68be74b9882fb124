"""What tests of both kinds share: an application with a seeded world in it, and signed-in users."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select

from erp.app import create_app
from erp.models import Customer, Product, Role, SaleKind, StockLevel, User
from erp.seed import seed
from erp.services import tokens
from erp.settings import Settings
from erp.state import State

PASSWORD = secrets.token_urlsafe(16)


def make_settings(**values: Any) -> Settings:
    """Return settings that the environment has no part in: what is not given is the default."""
    defaults = {name: field.default for name, field in Settings.model_fields.items() if not field.is_required()}
    return Settings(**{**defaults, "environment": "test", "secret_key": secrets.token_hex(32), **values})


@dataclass
class World:
    app: FastAPI
    client: TestClient
    state: State

    def user(self, role: Role) -> User:
        with self.state.sessions() as session:
            return session.scalars(select(User).where(User.role == role)).one()

    def token(self, role: Role) -> str:
        return tokens.issue(self.state.settings, self.user(role), tokens.Purpose.ACCESS).text

    def sign_in(self, role: Role) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(role)}"}

    def customer(self, kind: SaleKind) -> int:
        with self.state.sessions() as session:
            return (
                session.scalars(select(Customer.id).where(Customer.kind == kind, Customer.user_id.is_(None))).first()
                or 0
            )

    def product(self, sku: str) -> Product:
        with self.state.sessions() as session:
            return session.scalars(select(Product).where(Product.sku == sku)).one()

    def stock(self, sku: str) -> int:
        with self.state.sessions() as session:
            return session.scalars(select(StockLevel.quantity).join(Product).where(Product.sku == sku)).one()

    def order(self, kind: SaleKind, sku: str, quantity: int, role: Role = Role.MANAGER) -> Any:
        body = {
            "kind": kind.value,
            "customer_id": None if role is Role.CUSTOMER else self.customer(kind),
            "lines": [{"product_id": self.product(sku).id, "quantity": quantity}],
        }
        return self.client.post("/api/orders", json=body, headers=self.sign_in(role))

    def key(self) -> dict[str, str]:
        answer = self.client.post("/api/api-keys", json={"name": "partner"}, headers=self.sign_in(Role.ADMIN))
        return {"X-API-Key": answer.json()["key"]}


def make_world(settings: Settings, fill: Callable[[State], None]) -> World:
    """Return an application whose database `fill` has given tables and rows."""
    app = create_app(settings)
    state: State = app.state.erp
    fill(state)
    return World(app, TestClient(app), state)


def fill_with_seed(state: State) -> None:
    with state.sessions() as session:
        seed(session, PASSWORD)
        session.commit()
