"""Faults that can be switched on, so that a gate can be seen to find them; none unless the settings ask for one.

`ERP_FAULTS` lists them for the whole life of a process; `ERP_FAULTS_FILE` names a file with such a list that is read
anew for every request, so that a test can switch while the application runs. Counters are exact, never random.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

MAX_FILE = 4096


class Fault(StrEnum):
    """Everything that can be broken on purpose; the comment on each says what a caller then sees."""

    ORDER_TOTAL_WRONG = "order-total-wrong"  # an order's subtotal and total are a thousand dinars too high
    ORDER_500 = "order-500"  # placing an order ends in an error
    STOCK_UNCHANGED = "stock-unchanged"  # orders and cancellations leave the stock as it is
    NOTIFICATION_LOST = "notification-lost"  # no event reaches a connected client
    ERRORS_0_2_PERCENT = "errors-0.2-percent"  # two in a thousand requests of the API answer 500
    ERRORS_6_PERCENT = "errors-6-percent"  # six in a hundred
    SLOW_2X = "slow-2x"  # every answer takes twice as long
    SLOW_5X = "slow-5x"  # five times
    LOG_TRACEBACKS = "log-tracebacks"  # every request of the API logs a traceback, and is answered well
    CONNECTION_LEAK = "connection-leak"  # every request of the API leaves one more database connection open
    HEADER_MISSING = "header-missing"  # neither HSTS nor CSP
    CORS_OPEN = "cors-open"  # every origin is let in, with credentials
    RBAC_HOLE = "rbac-hole"  # every signed-in user may do everything
    API_KEY_IGNORED = "api-key-ignored"  # what needs an API key does without
    ENV_SERVED = "env-served"  # /.env answers with made-up settings
    AUDIT_SILENT = "audit-silent"  # nothing is written into the audit log
    DEBUG_ON = "debug-on"  # health says so, and an error's answer shows its traceback
    WRONG_PRICE_LIST = "wrong-price-list"  # wholesale orders cost what retail ones do
    TAX_MISSING = "tax-missing"  # retail orders bear no tax
    PRODUCT_LIST_EMPTY = "product-list-empty"  # the list of products has none
    LOGIN_500 = "login-500"  # the staff's log-in ends in an error
    WRONG_PASSWORD_ACCEPTED = "wrong-password-accepted"  # noqa: S105 -- a fault's name
    CUSTOMER_LOGIN_401 = "customer-login-401"  # customers cannot log in
    POSITION_LOST = "position-lost"  # a position is taken and not kept
    MESSAGE_UNDELIVERED = "message-undelivered"  # the provider refuses every message
    SYNC_DRIFT = "sync-drift"  # one product's level differs from the sum of its movements by one
    WEBHOOK_FAILING = "webhook-failing"  # no delivery of a webhook arrives
    TOKEN_EXPIRY_IGNORED = "token-expiry-ignored"  # noqa: S105 -- a fault's name
    RATE_LIMIT_OFF = "rate-limit-off"  # failed log-ins are not limited
    HEALTH_LIES = "health-lies"  # health says that all is up, without asking
    HEALTH_503 = "health-503"  # health says that a component is down; /health/live does not
    DOCS_MISSING = "docs-missing"  # /docs answers 404
    OPENAPI_INVALID = "openapi-invalid"  # /openapi.json answers with something that is no OpenAPI document


class UnknownFaultError(ValueError):
    """A list names a fault that does not exist: then nothing would be broken, and a test would prove nothing."""


_active: ContextVar[frozenset[Fault]] = ContextVar("faults", default=frozenset())


def on(fault: Fault) -> bool:
    """Say whether a fault is switched on for the present request."""
    return fault in _active.get()


@contextmanager
def active(faults: frozenset[Fault]) -> Iterator[None]:
    """Switch faults on for what runs within, threads and background tasks of the request included."""
    token = _active.set(faults)
    try:
        yield
    finally:
        _active.reset(token)


def parse(text: str) -> frozenset[Fault]:
    """Return the faults of a list, its names separated by commas or white space; raises UnknownFaultError."""
    names = text.replace(",", " ").split()
    known = {fault.value for fault in Fault}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UnknownFaultError(f"there is no fault {unknown[0]!r}; there are: {', '.join(sorted(known))}")
    return frozenset(Fault(name) for name in names)


@dataclass(frozen=True)
class Switch:
    """Where the faults of one application come from."""

    fixed: frozenset[Fault]
    file: Path | None

    def now(self) -> frozenset[Fault]:
        """Return what is switched on at this moment; a file that is not there switches nothing on."""
        if self.file is None:
            return self.fixed
        try:
            with self.file.open(encoding="utf-8") as stream:
                text = stream.read(MAX_FILE)
        except FileNotFoundError:
            return self.fixed
        return self.fixed | parse(text)


def make_switch(names: str, file: str) -> Switch | None:
    """Return the switch for a list and a file's path, or None if both are empty: then no request is looked at."""
    if not names and not file:
        return None
    return Switch(parse(names), Path(file) if file else None)
