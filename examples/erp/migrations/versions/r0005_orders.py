"""Orders and their lines; a stock movement may name its order.

Locks: `stock_movements` exclusively, for the moment it takes to add a column without a default.
Downgrade: drops both tables and the column; all orders are lost, the movements stay.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the tables and the column."""
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("customer_id", sa.Integer, nullable=False),
        sa.Column("created_by", sa.Integer, nullable=False),
        sa.Column("kind", postgresql.ENUM(name="sale_kind", create_type=False), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("subtotal", sa.BigInteger, nullable=False),
        sa.Column("tax", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_orders"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_orders_customer_id_customers"),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_orders_created_by_users"),
        sa.CheckConstraint("status IN ('placed', 'cancelled')", name=op.f("ck_orders_status_known")),
    )
    op.create_table(
        "order_lines",
        sa.Column("order_id", sa.Integer, nullable=False),
        sa.Column("product_id", sa.Integer, nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("unit_price", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("order_id", "product_id", name="pk_order_lines"),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_order_lines_order_id_orders", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name="fk_order_lines_product_id_products"),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_order_lines_quantity_positive")),
    )
    op.add_column("stock_movements", sa.Column("order_id", sa.Integer))
    op.create_foreign_key(
        "fk_stock_movements_order_id_orders", "stock_movements", "orders", ["order_id"], ["id"], ondelete="SET NULL"
    )


def downgrade() -> None:
    """Drop the column and the tables."""
    op.drop_constraint("fk_stock_movements_order_id_orders", "stock_movements", type_="foreignkey")
    op.drop_column("stock_movements", "order_id")
    op.drop_table("order_lines")
    op.drop_table("orders")
