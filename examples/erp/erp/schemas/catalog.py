"""Products and customers."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from erp.models.catalog import SaleKind
from erp.schemas.common import MAX_PIECES, Incoming, Money, Name, Outgoing, Pieces, Sku

Phone = Annotated[str, Field(pattern=r"^\+[0-9]{7,15}$", examples=["+9647700000000"])]


class WholesalePriceIn(Incoming):
    """One line of the wholesale price list."""

    min_quantity: Pieces
    unit_price: Money


class ProductIn(Incoming):
    """A new product, with its opening stock and its wholesale prices."""

    sku: Sku
    name: Name
    retail_price: Money
    stock: Annotated[int, Field(ge=0, le=MAX_PIECES)] = 0
    wholesale_prices: Annotated[list[WholesalePriceIn], Field(max_length=10, default_factory=list)]


class ProductOut(Outgoing):
    """A product as it is listed."""

    id: int
    sku: str
    name: str
    retail_price: int
    stock: int


class WholesalePriceOut(Outgoing):
    """One line of the wholesale price list."""

    min_quantity: int
    unit_price: int


class ProductDetail(ProductOut):
    """A product with its wholesale price list, which only staff see."""

    wholesale_prices: list[WholesalePriceOut]


class CustomerIn(Incoming):
    """A new customer."""

    name: Name
    kind: SaleKind
    phone: Phone | None = None


class CustomerOut(Outgoing):
    """A customer."""

    id: int
    name: str
    kind: SaleKind
    phone: str | None
    created_at: datetime
