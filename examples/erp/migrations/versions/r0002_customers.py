"""Customers, wholesale or retail.

Locks: a short share lock on `users` for the foreign key.
Downgrade: drops the table and the type `sale_kind`; all customers are lost.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "customers",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("kind", sa.Enum("wholesale", "retail", name="sale_kind"), nullable=False),
        sa.Column("phone", sa.String(30)),
        sa.Column("user_id", sa.Integer),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_customers"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_customers_user_id_users", ondelete="SET NULL"),
        sa.UniqueConstraint("user_id", name="uq_customers_user_id"),
    )


def downgrade() -> None:
    """Drop the table and the type."""
    op.drop_table("customers")
    op.execute("DROP TYPE sale_kind")
