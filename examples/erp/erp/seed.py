"""Fill an empty database with test data: `python -m erp.seed`. It may run again; what is there stays.

Every seeded account gets the password of SEED_PASSWORD. A production database is refused.
"""

import sys

from pydantic import Field, SecretStr, ValidationError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from erp.database import make_engine, make_sessions
from erp.models import Customer, Product, Role, SaleKind, StockLevel, User, WholesalePrice
from erp.services import inventory, passwords
from erp.settings import DatabaseSettings

GOODS = ("Tea", "Rice", "Sugar", "Flour", "Beans", "Salt", "Oil", "Dates")
SIZES = (("1kg", 1), ("5kg", 5), ("10kg", 9), ("25kg", 21))
OPENING_STOCK = 500
CUSTOMERS = (
    ("Al-Noor Market", SaleKind.WHOLESALE, "+9647700000001"),
    ("River Trading", SaleKind.WHOLESALE, "+9647700000002"),
    ("Corner Shop", SaleKind.RETAIL, "+9647700000003"),
)


class SeedSettings(DatabaseSettings):
    """What seeding needs."""

    environment: str = "development"
    seed_password: SecretStr = Field(min_length=10)


def seed(session: Session, password: str) -> None:
    """Add users, customers, products, stock and prices, unless users are there; the caller commits."""
    if session.scalar(select(User.id).limit(1)) is not None:
        return
    users = {role: make_user(role, passwords.hash_password(password)) for role in Role}
    session.add_all(users.values())
    session.flush()
    session.add_all(Customer(name=name, kind=kind, phone=phone) for name, kind, phone in CUSTOMERS)
    own = Customer(name="Demo Customer", kind=SaleKind.RETAIL, phone="+9647700000004", user_id=users[Role.CUSTOMER].id)
    session.add(own)
    for number, good in enumerate(GOODS):
        for size, weight in SIZES:
            add_product(session, f"{good.upper()}-{size.upper()}", f"{good} {size}", 1000 * weight + 250 * number)
    inventory.synchronise(session, "seed", inventory.levels(session))


def make_user(role: Role, password_hash: str) -> User:
    """Return the demo account of a role."""
    return User(email=f"{role.value}@erp.example", name=f"Demo {role.value}", role=role, password_hash=password_hash)


def add_product(session: Session, sku: str, name: str, price: int) -> None:
    """Add a product with stock, and a price list: 10 % off from one piece, 20 % from fifty."""
    product = Product(sku=sku, name=name, retail_price=price)
    session.add(product)
    session.flush()
    session.add(StockLevel(product_id=product.id, quantity=0))
    for pieces, percent in ((1, 90), (50, 80)):
        session.add(WholesalePrice(product_id=product.id, min_quantity=pieces, unit_price=price * percent // 100))
    session.flush()
    inventory.move(session, product.id, OPENING_STOCK, "opening")


def main() -> int:
    """Seed the database of DATABASE_URL; return the exit code."""
    try:
        settings = SeedSettings()
    except ValidationError as error:
        names = ", ".join(str(part["loc"][0]).upper() for part in error.errors())
        sys.stderr.write(f"seed: set {names} (see .env.example); SEED_PASSWORD needs 10 characters\n")
        return 2
    if settings.environment == "production":
        sys.stderr.write("seed: test data has no place in a production database\n")
        return 2
    engine = make_engine(settings)
    try:
        with make_sessions(engine)() as session:
            seed(session, settings.seed_password.get_secret_value())
            session.commit()
    except SQLAlchemyError as error:
        sys.stderr.write(f"seed: {type(error).__name__}: is the database up, and migrated (alembic upgrade head)?\n")
        return 1
    finally:
        engine.dispose()
    sys.stdout.write("seeded: one account a role (admin@erp.example …), customers, products, stock and prices\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
