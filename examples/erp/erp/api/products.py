"""Products: a public list with search, and the item with its prices."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, status
from sqlalchemy import Select, false, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from erp import faults
from erp.api.dependencies import Address, Manager, PageNumber, PageSize, SessionDep, Staff
from erp.api.paging import page_of
from erp.errors import ConflictError, NotFoundError
from erp.faults import Fault
from erp.models import Product, StockLevel, WholesalePrice
from erp.schemas.catalog import ProductDetail, ProductIn, ProductOut, WholesalePriceOut
from erp.schemas.common import Identity, Page
from erp.services import audit, inventory

router = APIRouter(prefix="/api/products", tags=["products"])

SearchText = Annotated[str | None, Query(min_length=1, max_length=100, description="Part of the name or the SKU.")]


def listed() -> Select[*tuple[Any, ...]]:
    """Return the query behind every list of products."""
    columns = (Product.id, Product.sku, Product.name, Product.retail_price, StockLevel.quantity.label("stock"))
    return select(*columns).join(StockLevel).where(Product.active).order_by(Product.name, Product.id)


@router.get("")
def list_products(
    session: SessionDep, q: SearchText = None, page: PageNumber = 1, size: PageSize = 20
) -> Page[ProductOut]:
    """List or search the products for sale, by name."""
    query = listed()
    if faults.on(Fault.PRODUCT_LIST_EMPTY):
        query = query.where(false())
    if q is not None:
        query = query.where(or_(Product.name.icontains(q, autoescape=True), Product.sku.icontains(q, autoescape=True)))
    return page_of(session, query, ProductOut, page, size)


def one(session: Session, product_id: int) -> ProductOut:
    """Return a product for sale, or raise NotFoundError."""
    row = session.execute(listed().where(Product.id == product_id)).first()
    if row is None:
        raise NotFoundError(f"there is no product {product_id}")
    return ProductOut.model_validate(row)


@router.get("/{product_id}")
def read_product(session: SessionDep, product_id: Identity) -> ProductOut:
    """Return one product."""
    return one(session, product_id)


@router.get("/{product_id}/prices")
def read_prices(session: SessionDep, _staff: Staff, product_id: Identity) -> ProductDetail:
    """Return one product with its wholesale price list, for staff."""
    product = one(session, product_id)
    query = select(WholesalePrice).where(WholesalePrice.product_id == product_id).order_by(WholesalePrice.min_quantity)
    prices = [WholesalePriceOut.model_validate(price) for price in session.scalars(query)]
    return ProductDetail(**product.model_dump(), wholesale_prices=prices)


@router.post("", status_code=status.HTTP_201_CREATED)
def create_product(session: SessionDep, manager: Manager, address: Address, body: ProductIn) -> ProductOut:
    """Add a product with its opening stock and its wholesale prices."""
    product = Product(sku=body.sku, name=body.name, retail_price=body.retail_price)
    session.add(product)
    try:
        session.flush()
    except IntegrityError as error:
        raise ConflictError(f"there is a product {body.sku} already") from error
    session.add(StockLevel(product_id=product.id, quantity=0))
    prices = {price.min_quantity: price.unit_price for price in body.wholesale_prices}
    session.add_all(WholesalePrice(product_id=product.id, min_quantity=n, unit_price=p) for n, p in prices.items())
    session.flush()
    if body.stock:
        inventory.move(session, product.id, body.stock, "opening")
    audit.record(session, manager.email, "product.created", f"product:{product.id}", address=address, sku=body.sku)
    session.commit()
    return one(session, product.id)
