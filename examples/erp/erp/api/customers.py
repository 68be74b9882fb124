"""Customers, for staff; and the customers' own log-in, for the consumer app."""

from fastapi import APIRouter, status
from sqlalchemy import select
from sqlalchemy.orm import Session

from erp import faults
from erp.api.auth import log_in
from erp.api.dependencies import Address, AnyUser, PageNumber, PageSize, SessionDep, Staff, StateDep, unauthorized
from erp.api.paging import page_of
from erp.errors import NotFoundError
from erp.faults import Fault
from erp.models import Customer, Role, User
from erp.schemas.access import Credentials, TokenPair
from erp.schemas.catalog import CustomerIn, CustomerOut
from erp.schemas.common import Identity, Page
from erp.services import audit

router = APIRouter(prefix="/api/customers", tags=["customers"])


@router.post("/login")
def customer_login(state: StateDep, session: SessionDep, address: Address, credentials: Credentials) -> TokenPair:
    """Log a customer in; staff are refused here."""
    if faults.on(Fault.CUSTOMER_LOGIN_401):
        raise unauthorized("e-mail or password is wrong")
    return log_in(state, session, address, credentials, Role.CUSTOMER)


def own_customer(session: Session, user: User) -> Customer:
    """Return the customer that this user is, or raise NotFoundError."""
    customer = session.scalar(select(Customer).where(Customer.user_id == user.id))
    if customer is None:
        raise NotFoundError("this account belongs to no customer")
    return customer


@router.get("/me")
def read_own(session: SessionDep, user: AnyUser) -> CustomerOut:
    """Return the signed-in customer."""
    return CustomerOut.model_validate(own_customer(session, user))


@router.get("")
def list_customers(session: SessionDep, _staff: Staff, page: PageNumber = 1, size: PageSize = 20) -> Page[CustomerOut]:
    """List the customers by name."""
    return page_of(session, select(Customer).order_by(Customer.name, Customer.id), CustomerOut, page, size)


@router.get("/{customer_id}")
def read_customer(session: SessionDep, _staff: Staff, customer_id: Identity) -> CustomerOut:
    """Return one customer."""
    customer = session.get(Customer, customer_id)
    if customer is None:
        raise NotFoundError(f"there is no customer {customer_id}")
    return CustomerOut.model_validate(customer)


@router.post("", status_code=status.HTTP_201_CREATED)
def create_customer(session: SessionDep, staff: Staff, address: Address, body: CustomerIn) -> CustomerOut:
    """Add a customer."""
    customer = Customer(**body.model_dump())
    session.add(customer)
    session.flush()
    audit.record(session, staff.email, "customer.created", f"customer:{customer.id}", address=address)
    session.commit()
    return CustomerOut.model_validate(customer)
