"""Stock, its movements, and the comparison with the other system's ledger."""

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session

from erp.api.dependencies import Address, GoodKey, Manager, PageNumber, PageSize, SessionDep, Staff
from erp.api.paging import page_of
from erp.errors import NotFoundError
from erp.models import Product, StockLevel, StockMovement
from erp.schemas.common import Identity, Page
from erp.schemas.trade import AdjustIn, DriftOut, LedgerIn, MovementOut, StockOut, SyncOut
from erp.services import audit, inventory

router = APIRouter(prefix="/api/inventory", tags=["inventory"])


def one(session: Session, product_id: int) -> StockOut:
    """Return a product's stock, or raise NotFoundError."""
    query = select(Product.id.label("product_id"), Product.sku, StockLevel.quantity).join(StockLevel)
    row = session.execute(query.where(Product.id == product_id)).first()
    if row is None:
        raise NotFoundError(f"there is no product {product_id}")
    return StockOut.model_validate(row)


@router.get("/sync")
def compare_own_ledgers(session: SessionDep, _manager: Manager) -> SyncOut:
    """Compare our stock levels with the sum of the movements; they should never differ."""
    levels, sums = inventory.levels(session), inventory.summed_movements(session)
    drifts = [DriftOut.model_validate(drift) for drift in inventory.compare(levels, sums)]
    return SyncOut(source="movements", matched=len(levels) - len(drifts), drifted=len(drifts), differences=drifts)


@router.post("/sync")
def compare_with_other(session: SessionDep, key: GoodKey, address: Address, body: LedgerIn) -> SyncOut:
    """Compare the other system's ledger with ours; the other system signs in by API key."""
    run, drifts = inventory.synchronise(session, body.source, dict(body.levels))
    audit.record(
        session, f"api key {key.name}", "inventory.synchronised", f"sync:{run.id}", address=address, drifted=run.drifted
    )
    session.commit()
    differences = [DriftOut.model_validate(drift) for drift in drifts]
    return SyncOut(source=run.source, matched=run.matched, drifted=run.drifted, differences=differences)


@router.get("/{product_id}")
def read_stock(session: SessionDep, _staff: Staff, product_id: Identity) -> StockOut:
    """Return a product's stock."""
    return one(session, product_id)


@router.get("/{product_id}/movements")
def list_movements(
    session: SessionDep, _staff: Staff, product_id: Identity, page: PageNumber = 1, size: PageSize = 20
) -> Page[MovementOut]:
    """List the changes of a product's stock, newest first."""
    query = select(StockMovement).where(StockMovement.product_id == product_id).order_by(StockMovement.id.desc())
    return page_of(session, query, MovementOut, page, size)


@router.post("/{product_id}/adjust")
def adjust_stock(
    session: SessionDep, manager: Manager, address: Address, product_id: Identity, body: AdjustIn
) -> StockOut:
    """Change a product's stock by hand."""
    one(session, product_id)
    inventory.move(session, product_id, body.delta, body.reason)
    audit.record(session, manager.email, "stock.adjusted", f"product:{product_id}", address=address, delta=body.delta)
    session.commit()
    return one(session, product_id)
