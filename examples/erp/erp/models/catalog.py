"""Products, their wholesale prices, and customers."""

from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from erp.models.base import Base, Created, PrimaryKey, by_value


class SaleKind(StrEnum):
    """How something is sold, and to whom."""

    WHOLESALE = "wholesale"
    RETAIL = "retail"


class Customer(Base):
    """A shop that buys wholesale or a person who buys retail; with `user_id` it can sign in."""

    __tablename__ = "customers"

    id: Mapped[PrimaryKey]
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[SaleKind] = mapped_column(by_value(SaleKind, "sale_kind", native=True))
    phone: Mapped[str | None] = mapped_column(String(30))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), unique=True)
    created_at: Mapped[Created]


class Product(Base):
    """Something for sale; the retail price is in whole dinars, without tax."""

    __tablename__ = "products"
    __table_args__ = (CheckConstraint("retail_price > 0", name="retail_price_positive"),)

    id: Mapped[PrimaryKey]
    sku: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(200), index=True)
    retail_price: Mapped[int] = mapped_column(BigInteger)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[Created]


class WholesalePrice(Base):
    """One line of the wholesale price list: the unit price from a quantity upwards."""

    __tablename__ = "wholesale_prices"
    __table_args__ = (
        CheckConstraint("min_quantity >= 1", name="min_quantity_positive"),
        CheckConstraint("unit_price > 0", name="unit_price_positive"),
    )

    product_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"), primary_key=True)
    min_quantity: Mapped[int] = mapped_column(primary_key=True)
    unit_price: Mapped[int] = mapped_column(BigInteger)
