"""Stock: moved in one statement that cannot go below zero, and compared with another ledger."""

from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from erp import faults
from erp.errors import ConflictError
from erp.faults import Fault
from erp.models.base import now
from erp.models.catalog import Product
from erp.models.inventory import StockLevel, StockMovement, SyncRun


@dataclass(frozen=True)
class Drift:
    """A product on which two ledgers disagree; None means that a ledger does not know it."""

    sku: str
    ours: int | None
    theirs: int | None


def move(session: Session, product_id: int, delta: int, reason: str, order_id: int | None = None) -> int:
    """Change a product's stock and return the new level; the caller commits.

    Raises ConflictError if there is less than is asked for.
    """
    if order_id is not None and faults.on(Fault.STOCK_UNCHANGED):
        delta = 0
    level: int | None = session.scalar(
        update(StockLevel)
        .where(StockLevel.product_id == product_id, StockLevel.quantity + delta >= 0)
        .values(quantity=StockLevel.quantity + delta)
        .returning(StockLevel.quantity)
    )
    if level is None:
        raise ConflictError(f"not enough stock of product {product_id}: {abs(delta)} asked for")
    session.add(StockMovement(product_id=product_id, delta=delta, reason=reason, order_id=order_id))
    return level


def levels(session: Session) -> dict[str, int]:
    """Return the level of every active product by SKU."""
    query = select(Product.sku, StockLevel.quantity).join(StockLevel).where(Product.active)
    found = dict(session.execute(query).all())
    if found and faults.on(Fault.SYNC_DRIFT):
        found[min(found)] += 1
    return found


def summed_movements(session: Session) -> dict[str, int]:
    """Return what the movements of every active product add up to, by SKU."""
    total = func.coalesce(func.sum(StockMovement.delta), 0)
    query = select(Product.sku, total).outerjoin(StockMovement).where(Product.active).group_by(Product.sku)
    return {sku: int(quantity) for sku, quantity in session.execute(query)}


def compare(ours: dict[str, int], theirs: dict[str, int]) -> list[Drift]:
    """Return every SKU on which the two ledgers differ, in order."""
    return [
        Drift(sku, ours.get(sku), theirs.get(sku))
        for sku in sorted(ours.keys() | theirs.keys())
        if ours.get(sku) != theirs.get(sku)
    ]


def synchronise(session: Session, source: str, theirs: dict[str, int]) -> tuple[SyncRun, list[Drift]]:
    """Compare the other system's ledger with ours and record the run; the caller commits."""
    last = session.scalar(select(func.max(StockMovement.id))) or 0
    ours = levels(session)
    drifts = compare(ours, theirs)
    matched = len(ours.keys() | theirs.keys()) - len(drifts)
    run = SyncRun(source=source, matched=matched, drifted=len(drifts), last_movement_id=last, finished_at=now())
    session.add(run)
    session.flush()
    return run, drifts
