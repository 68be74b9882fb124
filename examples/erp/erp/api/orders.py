"""Orders: place, read, cancel."""

from fastapi import APIRouter, BackgroundTasks, status
from sqlalchemy.orm import Session

from erp import faults
from erp.api.customers import own_customer
from erp.api.dependencies import Address, AnyUser, PageNumber, PageSize, SessionDep, StateDep
from erp.api.paging import page_of
from erp.errors import RefusedError
from erp.faults import Fault
from erp.models import Customer, Order, Role, User
from erp.schemas.common import Identity, Page
from erp.schemas.trade import OrderIn, OrderOut
from erp.services import announce, audit, orders

router = APIRouter(prefix="/api/orders", tags=["orders"])


def buyer(session: Session, user: User, customer_id: int | None) -> Customer:
    """Return who the order is for: a customer orders for itself, staff name the customer."""
    if user.role is Role.CUSTOMER:
        own = own_customer(session, user)
        if customer_id not in (None, own.id):
            raise RefusedError("a customer orders for itself only: leave customer_id out")
        return own
    customer = session.get(Customer, customer_id) if customer_id is not None else None
    if customer is None:
        raise RefusedError("customer_id is missing or unknown")
    return customer


def merge(body: OrderIn) -> dict[int, int]:
    """Return pieces by product; the same product twice is refused, for one of the two may be a mistake."""
    quantities = {line.product_id: line.quantity for line in body.lines}
    if len(quantities) != len(body.lines):
        raise RefusedError("a product stands on two lines: put it on one")
    return quantities


@router.post("", status_code=status.HTTP_201_CREATED)
def create_order(
    state: StateDep, session: SessionDep, user: AnyUser, address: Address, body: OrderIn, tasks: BackgroundTasks
) -> OrderOut:
    """Place an order: prices by its kind, stock taken at once."""
    if faults.on(Fault.ORDER_500):
        raise RuntimeError("the fault order-500 is on")
    customer = buyer(session, user, body.customer_id)
    order = orders.place(session, user, customer, body.kind, merge(body), state.settings.retail_tax_percent)
    announcement = announce.prepare(session, "order.created", order, customer)
    audit.record(session, user.email, "order.created", f"order:{order.id}", address=address, total=order.total)
    session.commit()
    tasks.add_task(announce.send, state, announcement)
    return OrderOut.model_validate(order)


@router.get("")
def list_orders(session: SessionDep, user: AnyUser, page: PageNumber = 1, size: PageSize = 20) -> Page[OrderOut]:
    """List the orders that the user may see, newest first."""
    return page_of(session, orders.visible_to(user).order_by(Order.id.desc()), OrderOut, page, size)


@router.get("/{order_id}")
def read_order(session: SessionDep, user: AnyUser, order_id: Identity) -> OrderOut:
    """Return one order."""
    return OrderOut.model_validate(orders.find(session, user, order_id))


@router.post("/{order_id}/cancel")
def cancel_order(
    state: StateDep, session: SessionDep, user: AnyUser, address: Address, order_id: Identity, tasks: BackgroundTasks
) -> OrderOut:
    """Cancel an order, once; its stock comes back."""
    order = orders.find(session, user, order_id)
    orders.cancel(session, order)
    announcement = announce.prepare(session, "order.cancelled", order, session.get_one(Customer, order.customer_id))
    audit.record(session, user.email, "order.cancelled", f"order:{order.id}", address=address)
    session.commit()
    tasks.add_task(announce.send, state, announcement)
    return OrderOut.model_validate(order)
