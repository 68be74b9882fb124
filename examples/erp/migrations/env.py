"""Run migrations against DATABASE_URL, each in a transaction of its own."""

from logging.config import fileConfig

from alembic import context
from sqlalchemy import Connection, create_engine, pool, text

from erp.database import POSTGRESQL_OPTIONS
from erp.models import Base
from erp.settings import DatabaseSettings

# A migration that waits for a lock makes every later query wait behind it: better that the migration fails.
LOCK_TIMEOUT = text("SELECT set_config('lock_timeout', '5s', false)")


def run_offline(url: str) -> None:
    """Print the SQL instead of running it (`alembic upgrade head --sql`)."""
    context.configure(url=url, target_metadata=Base.metadata, literal_binds=True, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


def run_with(connection: Connection) -> None:
    """Run the migrations over this connection."""
    connection.execute(LOCK_TIMEOUT)
    connection.commit()
    context.configure(connection=connection, target_metadata=Base.metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


def run() -> None:
    """Run offline or online, as alembic was called."""
    if context.config.config_file_name is not None:
        fileConfig(context.config.config_file_name, disable_existing_loggers=False)
    url = DatabaseSettings().database_url
    if context.is_offline_mode():
        run_offline(url)
        return
    engine = create_engine(url, poolclass=pool.NullPool, connect_args=POSTGRESQL_OPTIONS)
    with engine.connect() as connection:
        run_with(connection)


run()
