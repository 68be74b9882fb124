"""Stock, the movements that made it, and the comparisons with the other system's ledger."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from erp.models.base import Base, Created, PrimaryKey, UtcDateTime


class StockLevel(Base):
    """How many pieces are there now; the database refuses to go below zero."""

    __tablename__ = "stock_levels"
    __table_args__ = (CheckConstraint("quantity >= 0", name="quantity_not_negative"),)

    product_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"), primary_key=True)
    quantity: Mapped[int] = mapped_column(default=0)


class StockMovement(Base):
    """One change of stock; the sum of a product's movements is its level."""

    __tablename__ = "stock_movements"

    id: Mapped[PrimaryKey]
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"), index=True)
    delta: Mapped[int]
    reason: Mapped[str] = mapped_column(String(40))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id", ondelete="SET NULL"))
    created_at: Mapped[Created]


class SyncRun(Base):
    """One comparison of our ledger with the other system's; it covers movements up to `last_movement_id`."""

    __tablename__ = "sync_runs"

    id: Mapped[PrimaryKey]
    source: Mapped[str] = mapped_column(String(40))
    matched: Mapped[int]
    drifted: Mapped[int]
    last_movement_id: Mapped[int]
    finished_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
