"""How the synchronisation with the other system stands."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from erp.models.base import now
from erp.models.inventory import StockMovement, SyncRun


@dataclass(frozen=True)
class SyncStatus:
    """The last run without drift, and how many stock movements came after it."""

    status: Literal["ok", "late", "never"]
    last_success: datetime | None
    age_seconds: int | None
    queue_length: int


def sync_status(session: Session, max_age: timedelta) -> SyncStatus:
    """Return the present state; *late* means that the last success is older than `max_age`."""
    run = session.scalar(select(SyncRun).where(SyncRun.drifted == 0).order_by(SyncRun.finished_at.desc()).limit(1))
    covered = run.last_movement_id if run else 0
    queue = session.scalar(select(func.count()).select_from(StockMovement).where(StockMovement.id > covered)) or 0
    if run is None:
        return SyncStatus("never", None, None, queue)
    age = now() - run.finished_at
    return SyncStatus("late" if age > max_age else "ok", run.finished_at, int(age.total_seconds()), queue)
