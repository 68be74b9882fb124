"""Orders and their lines."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from erp.models.base import Base, Created, PrimaryKey, UtcDateTime, by_value
from erp.models.catalog import SaleKind


class OrderStatus(StrEnum):
    """An order is placed, and may be cancelled once."""

    PLACED = "placed"
    CANCELLED = "cancelled"


class Order(Base):
    """A sale; amounts are whole dinars, and `total = subtotal + tax`."""

    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint("total = subtotal + tax", name="total_adds_up"),
        Index("ix_orders_customer_id_created_at", "customer_id", "created_at"),
    )

    id: Mapped[PrimaryKey]
    reference: Mapped[str] = mapped_column(String(20), unique=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    created_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[SaleKind] = mapped_column(by_value(SaleKind, "sale_kind", native=True))
    status: Mapped[OrderStatus] = mapped_column(
        by_value(OrderStatus, "status_known", native=False), default=OrderStatus.PLACED
    )
    subtotal: Mapped[int] = mapped_column(BigInteger)
    tax: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[Created]
    cancelled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lines: Mapped[list["OrderLine"]] = relationship(order_by="OrderLine.product_id", lazy="selectin")


class OrderLine(Base):
    """One product of an order, at the price it was sold for."""

    __tablename__ = "order_lines"
    __table_args__ = (CheckConstraint("quantity > 0", name="quantity_positive"),)

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"), primary_key=True)
    quantity: Mapped[int]
    unit_price: Mapped[int] = mapped_column(BigInteger)
