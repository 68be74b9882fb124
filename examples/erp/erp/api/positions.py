"""Positions of salespeople."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, status
from pydantic import AwareDatetime
from sqlalchemy import select

from erp import faults
from erp.api.dependencies import PageSize, Salesperson, SessionDep, Staff
from erp.errors import NotFoundError, RefusedError
from erp.faults import Fault
from erp.models import Position, Role, User
from erp.models.base import now
from erp.schemas.common import Identity
from erp.schemas.outside import PositionIn, PositionOut

router = APIRouter(prefix="/api/positions", tags=["positions"])
# Clocks of phones are a little off; a track from the future is a mistake.
CLOCK_SKEW = timedelta(minutes=5)


@router.post("", status_code=status.HTTP_201_CREATED)
def post_position(session: SessionDep, salesperson: Salesperson, body: PositionIn) -> PositionOut:
    """Record where the signed-in salesperson is."""
    recorded_at = body.recorded_at or now()
    if recorded_at > now() + CLOCK_SKEW:
        raise RefusedError("recorded_at lies in the future: check the phone's clock")
    fields = body.model_dump(exclude={"recorded_at"})
    position = Position(user_id=salesperson.id, recorded_at=recorded_at, **fields)
    session.add(position)
    session.flush()
    session.refresh(position)
    taken = PositionOut.model_validate(position)
    if not faults.on(Fault.POSITION_LOST):
        session.commit()
    return taken


@router.get("/{user_id}")
def read_track(
    session: SessionDep,
    user: Staff,
    user_id: Identity,
    since: Annotated[AwareDatetime | None, Query()] = None,
    limit: PageSize = 100,
) -> list[PositionOut]:
    """Return a salesperson's track, oldest first: the newest `limit` points; salespeople see their own only."""
    if user.role is Role.SALESPERSON and user.id != user_id:
        raise NotFoundError(f"there is no salesperson {user_id}")
    found = session.get(User, user_id)
    if found is None or found.role is not Role.SALESPERSON:
        raise NotFoundError(f"there is no salesperson {user_id}")
    query = (
        select(Position).where(Position.user_id == user_id).order_by(Position.recorded_at.desc(), Position.id.desc())
    )
    if since is not None:
        query = query.where(Position.recorded_at >= since)
    return [PositionOut.model_validate(point) for point in reversed(session.scalars(query.limit(limit)).all())]
