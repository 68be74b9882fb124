"""Orders and inventory."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from erp.models.catalog import SaleKind
from erp.models.orders import OrderStatus
from erp.schemas.common import MAX_PIECES, Identity, Incoming, Outgoing, Pieces, Sku


class LineIn(Incoming):
    """So many pieces of a product."""

    product_id: Identity
    quantity: Pieces


class OrderIn(Incoming):
    """A new order; a customer orders for itself and leaves `customer_id` out."""

    kind: SaleKind
    customer_id: Identity | None = None
    lines: Annotated[list[LineIn], Field(min_length=1, max_length=100)]


class LineOut(Outgoing):
    """A line at the price it was sold for."""

    product_id: int
    quantity: int
    unit_price: int


class OrderOut(Outgoing):
    """An order; `total` is `subtotal` plus `tax`, in whole dinars."""

    id: int
    reference: str
    customer_id: int
    kind: SaleKind
    status: OrderStatus
    subtotal: int
    tax: int
    total: int
    created_at: datetime
    cancelled_at: datetime | None
    lines: list[LineOut]


class StockOut(Outgoing):
    """A product's stock."""

    product_id: int
    sku: str
    quantity: int


class AdjustIn(Incoming):
    """A change of stock by hand: goods in, breakage, a count."""

    delta: Annotated[int, Field(ge=-MAX_PIECES, le=MAX_PIECES)]
    reason: Annotated[str, Field(min_length=1, max_length=40)]


class MovementOut(Outgoing):
    """One change of stock."""

    id: int
    delta: int
    reason: str
    order_id: int | None
    created_at: datetime


class LedgerIn(Incoming):
    """The other system's ledger: pieces by SKU."""

    source: Annotated[str, Field(min_length=1, max_length=40)]
    levels: Annotated[dict[Sku, Annotated[int, Field(ge=0, le=MAX_PIECES)]], Field(min_length=1, max_length=10_000)]


class DriftOut(Outgoing):
    """A product on which the ledgers disagree; null means that a ledger does not know it."""

    sku: str
    ours: int | None
    theirs: int | None


class SyncOut(Outgoing):
    """What a comparison of two ledgers found."""

    source: str
    matched: int
    drifted: int
    differences: list[DriftOut]


class SyncStatusOut(Outgoing):
    """How the synchronisation stands; `queue_length` counts stock movements since the last success."""

    status: Literal["ok", "late", "never"]
    last_success: datetime | None
    age_seconds: int | None
    queue_length: int
