"""Amounts that cannot be right are refused by the database itself.

Locks: each check is added without looking at the rows (a moment's exclusive lock), then validated under a lock that
lets reads and writes go on. Interrupted, it may simply run again.
Downgrade: drops the checks; nothing is lost.
"""

from alembic import op

revision = "0009"
down_revision = "0008"

CHECKS = (
    ("products", "retail_price_positive", "retail_price > 0"),
    ("stock_levels", "quantity_not_negative", "quantity >= 0"),
    ("orders", "total_adds_up", "total = subtotal + tax"),
)


def upgrade() -> None:
    """Add the checks, then validate them."""
    for table, name, condition in CHECKS:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS ck_{table}_{name}")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{name} CHECK ({condition}) NOT VALID")
    with op.get_context().autocommit_block():
        for table, name, _ in CHECKS:
            op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_{name}")


def downgrade() -> None:
    """Drop the checks."""
    for table, name, _ in CHECKS:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
