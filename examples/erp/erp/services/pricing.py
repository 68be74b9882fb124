"""Prices: the wholesale list by quantity, retail with tax. All amounts are whole dinars."""

from decimal import ROUND_HALF_UP, Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from erp import faults
from erp.errors import RefusedError
from erp.faults import Fault
from erp.models.catalog import Product, SaleKind, WholesalePrice


def unit_price(session: Session, product: Product, kind: SaleKind, quantity: int) -> int:
    """Return the price of one piece.

    Raises RefusedError if the product is not sold wholesale in this quantity.
    """
    if kind is SaleKind.RETAIL or faults.on(Fault.WRONG_PRICE_LIST):
        return product.retail_price
    price = session.scalar(
        select(WholesalePrice.unit_price)
        .where(WholesalePrice.product_id == product.id, WholesalePrice.min_quantity <= quantity)
        .order_by(WholesalePrice.min_quantity.desc())
        .limit(1)
    )
    if price is None:
        raise RefusedError(f"{product.sku} has no wholesale price for a quantity of {quantity}")
    return price


def tax_on(subtotal: int, kind: SaleKind, percent: int) -> int:
    """Return the tax: on retail only, half a dinar rounded up."""
    if kind is SaleKind.WHOLESALE or faults.on(Fault.TAX_MISSING):
        return 0
    return int((Decimal(subtotal) * percent / 100).quantize(Decimal(1), ROUND_HALF_UP))
