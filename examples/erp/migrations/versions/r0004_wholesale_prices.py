"""The wholesale price list: a unit price from a quantity upwards.

Locks: a short share lock on `products` for the foreign key.
Downgrade: drops the table; the price list is lost.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "wholesale_prices",
        sa.Column("product_id", sa.Integer, nullable=False),
        sa.Column("min_quantity", sa.Integer, nullable=False),
        sa.Column("unit_price", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("product_id", "min_quantity", name="pk_wholesale_prices"),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name="fk_wholesale_prices_product_id_products", ondelete="CASCADE"
        ),
        sa.CheckConstraint("min_quantity >= 1", name=op.f("ck_wholesale_prices_min_quantity_positive")),
        sa.CheckConstraint("unit_price > 0", name=op.f("ck_wholesale_prices_unit_price_positive")),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("wholesale_prices")
