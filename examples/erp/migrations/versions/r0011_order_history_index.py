"""An index for a customer's orders, newest first.

Locks: none that block; the index is built concurrently, outside of a transaction. Interrupted, it leaves an invalid
index behind, which the next run drops first.
Downgrade: drops the index concurrently; nothing is lost.
"""

from alembic import op

revision = "0011"
down_revision = "0010"

INDEX = "ix_orders_customer_id_created_at"


def upgrade() -> None:
    """Build the index."""
    with op.get_context().autocommit_block():
        op.drop_index(INDEX, "orders", postgresql_concurrently=True, if_exists=True)
        op.create_index(INDEX, "orders", ["customer_id", "created_at"], postgresql_concurrently=True)


def downgrade() -> None:
    """Drop the index."""
    with op.get_context().autocommit_block():
        op.drop_index(INDEX, "orders", postgresql_concurrently=True, if_exists=True)
