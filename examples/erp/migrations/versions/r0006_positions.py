"""Positions of salespeople, with the index that reads a track.

Locks: a short share lock on `users` for the foreign key.
Downgrade: drops the table; all tracks are lost.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the table and its index."""
    op.create_table(
        "positions",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("latitude", sa.Float, nullable=False),
        sa.Column("longitude", sa.Float, nullable=False),
        sa.Column("accuracy_m", sa.Float),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_positions"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_positions_user_id_users", ondelete="CASCADE"),
        sa.CheckConstraint("latitude BETWEEN -90 AND 90", name=op.f("ck_positions_latitude_in_range")),
        sa.CheckConstraint("longitude BETWEEN -180 AND 180", name=op.f("ck_positions_longitude_in_range")),
    )
    op.create_index("ix_positions_user_id_recorded_at", "positions", ["user_id", "recorded_at"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("positions")
