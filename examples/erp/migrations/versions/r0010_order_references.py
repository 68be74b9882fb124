"""Data: every order gets the reference that customers call it by.

Orders from before this revision are called by their kind and number (`R-000017`).
Expand: old code that places an order without a reference is given one by the column's default, so the release before
this one keeps working on this schema.
Locks: `orders` exclusively for moments (column, unique constraint by a ready index); the rows are filled in batches,
each in a transaction of its own, and the index is built while reads and writes go on.
Interrupted, it may simply run again.
Downgrade: drops the column; references given out to customers are lost.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

DEFAULT = "upper(substr(md5(random()::text || clock_timestamp()::text), 1, 16))"
FILL = """
UPDATE orders SET reference = upper(left(kind::text, 1)) || '-' || lpad(id::text, greatest(6, length(id::text)), '0')
WHERE id IN (SELECT id FROM orders WHERE reference IS NULL ORDER BY id LIMIT 1000)
"""


def fill() -> None:
    """Give the orders without a reference theirs, batch by batch; as printed SQL it is the first batch only."""
    op.execute(FILL)
    while not op.get_context().as_sql and op.get_bind().execute(sa.text(FILL)).rowcount:
        pass


def upgrade() -> None:
    """Add the column, fill it, then make it unique and required."""
    op.add_column("orders", sa.Column("reference", sa.String(20)), if_not_exists=True)
    op.alter_column("orders", "reference", server_default=sa.text(DEFAULT))
    with op.get_context().autocommit_block():
        fill()
        op.drop_index("uq_orders_reference", "orders", postgresql_concurrently=True, if_exists=True)
        op.create_index("uq_orders_reference", "orders", ["reference"], unique=True, postgresql_concurrently=True)
    op.execute("ALTER TABLE orders ADD CONSTRAINT uq_orders_reference UNIQUE USING INDEX uq_orders_reference")
    op.alter_column("orders", "reference", nullable=False)


def downgrade() -> None:
    """Drop the column with its constraint."""
    op.drop_column("orders", "reference")
