"""Placing, reading and cancelling orders."""

import secrets

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from erp import faults
from erp.errors import ConflictError, NotFoundError, RefusedError
from erp.faults import Fault
from erp.models.base import now
from erp.models.catalog import Customer, Product, SaleKind
from erp.models.orders import Order, OrderLine, OrderStatus
from erp.models.users import Role, User
from erp.services import inventory, pricing


def place(
    session: Session, actor: User, customer: Customer, kind: SaleKind, quantities: dict[int, int], tax_percent: int
) -> Order:
    """Price the lines, take the stock and add the order; the caller commits.

    `quantities` maps product ids to pieces. Raises RefusedError or ConflictError, and then nothing was changed
    that a rollback does not undo.
    """
    if kind is SaleKind.WHOLESALE and customer.kind is not SaleKind.WHOLESALE:
        raise RefusedError("a retail customer cannot buy wholesale")
    lines = [price_line(session, product_id, quantities[product_id], kind) for product_id in sorted(quantities)]
    subtotal = sum(line.quantity * line.unit_price for line in lines) + 1000 * faults.on(Fault.ORDER_TOTAL_WRONG)
    tax = pricing.tax_on(subtotal, kind, tax_percent)
    order = Order(
        customer_id=customer.id, created_by=actor.id, kind=kind, subtotal=subtotal, tax=tax, total=subtotal + tax
    )
    order.lines = lines
    order.reference = new_reference(kind)
    session.add(order)
    session.flush()
    # Always in the order of product ids, so that two orders cannot wait for each other.
    for line in lines:
        inventory.move(session, line.product_id, -line.quantity, "order", order.id)
    return order


def price_line(session: Session, product_id: int, quantity: int, kind: SaleKind) -> OrderLine:
    """Return a line at today's price, or raise RefusedError if the product is not for sale."""
    product = session.get(Product, product_id)
    if product is None or not product.active:
        raise RefusedError(f"product {product_id} is not for sale")
    price = pricing.unit_price(session, product, kind, quantity)
    return OrderLine(product_id=product_id, quantity=quantity, unit_price=price)


def new_reference(kind: SaleKind) -> str:
    """Return what customers call the order: it tells the kind, and nothing about how many orders there are."""
    return f"{kind.value[0].upper()}-{secrets.token_hex(5).upper()}"


def visible_to(user: User) -> Select[Order]:
    """Return a query for the orders this user may see: staff all, salespeople and customers their own."""
    query = select(Order)
    if user.role is Role.SALESPERSON:
        return query.where(Order.created_by == user.id)
    if user.role is Role.CUSTOMER:
        return query.join(Customer).where(Customer.user_id == user.id)
    return query


def find(session: Session, user: User, order_id: int) -> Order:
    """Return an order the user may see, or raise NotFoundError."""
    order = session.scalar(visible_to(user).where(Order.id == order_id))
    if order is None:
        raise NotFoundError(f"there is no order {order_id}")
    return order


def cancel(session: Session, order: Order) -> None:
    """Cancel an order and give its stock back; the caller commits.

    Raises ConflictError if it is cancelled already, also when two ask at the same moment.
    """
    won = session.scalar(
        update(Order)
        .where(Order.id == order.id, Order.status == OrderStatus.PLACED)
        .values(status=OrderStatus.CANCELLED, cancelled_at=now())
        .returning(Order.id)
    )
    if won is None:
        raise ConflictError(f"order {order.reference} is cancelled already")
    for line in order.lines:
        inventory.move(session, line.product_id, line.quantity, "cancel", order.id)
    session.refresh(order)
