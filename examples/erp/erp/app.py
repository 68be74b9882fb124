"""The application: `uvicorn --factory erp.app:create_app`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from erp import __version__
from erp.api import (
    audit,
    auth,
    customers,
    health,
    keys,
    messages,
    notifications,
    orders,
    positions,
    products,
    stock,
    tds,
    webhooks,
)
from erp.errors import DomainError, answer_domain_error
from erp.fault_middleware import FaultMiddleware
from erp.faults import make_switch
from erp.headers import SecurityHeaders
from erp.settings import Settings
from erp.state import State, make_state

ROUTERS = (
    auth,
    keys,
    products,
    customers,
    orders,
    stock,
    positions,
    notifications,
    webhooks,
    messages,
    audit,
    tds,
    health,
)
CANCEL_AGAIN_SECONDS = 0.2


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Listen for events while the application runs, then close all connections."""
    state: State = app.state.erp
    listener = asyncio.create_task(state.broker.run())
    try:
        yield
    finally:
        await end(listener)
        state.close()


async def end(task: asyncio.Task[None]) -> None:
    """Cancel a task until it ends: a Redis client that is just connecting may swallow a cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=CANCEL_AGAIN_SECONDS)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application, with settings from the environment unless they are given."""
    settings = settings or Settings()
    app = FastAPI(
        title="ERP",
        version=__version__,
        summary="Products, customers, orders, inventory and field sales.",
        debug=settings.debug,
        lifespan=lifespan,
    )
    state = make_state(settings)
    app.state.erp = state
    app.add_exception_handler(DomainError, answer_domain_error)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.allowed_origins,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["Authorization", "Content-Type"],
        max_age=600,
    )
    app.add_middleware(SecurityHeaders)
    switch = make_switch(settings.erp_faults, settings.erp_faults_file)
    if switch is not None:
        # Last, which is outermost: what the others do can be spoilt too.
        app.add_middleware(FaultMiddleware, switch=switch, engine=state.engine)
    for module in ROUTERS:
        app.include_router(module.router)
    return app
