"""The engine and its sessions."""

from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import StaticPool

from erp.settings import DatabaseSettings

# A database that hangs must not hold a worker for minutes: connecting, one statement and a dead peer are all bounded.
POSTGRESQL_OPTIONS: dict[str, Any] = {"connect_timeout": 2, "tcp_user_timeout": 5000, "application_name": "erp"}
STATEMENT_TIMEOUT = "-c statement_timeout=10000"


def make_engine(settings: DatabaseSettings) -> Engine:
    """Return an engine for PostgreSQL, or for SQLite in tests."""
    url = settings.database_url
    if url.startswith("sqlite"):
        return create_engine(url, connect_args={"check_same_thread": False}, poolclass=StaticPool)
    return create_engine(
        url,
        pool_size=settings.db_pool_size,
        max_overflow=settings.db_pool_size,
        pool_pre_ping=True,
        pool_timeout=5,
        connect_args=connect_arguments(url),
    )


def connect_arguments(url: str) -> dict[str, Any]:
    """Return libpq's arguments; `options` given in the URL are the caller's and stay."""
    if "options=" in url:
        return dict(POSTGRESQL_OPTIONS)
    return {**POSTGRESQL_OPTIONS, "options": STATEMENT_TIMEOUT}


def make_sessions(engine: Engine) -> sessionmaker[Session]:
    """Return a session factory whose objects stay readable after a commit."""
    return sessionmaker(engine, expire_on_commit=False)
