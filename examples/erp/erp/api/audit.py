"""The audit log, for admins."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import select

from erp.api.dependencies import Admin, PageNumber, PageSize, SessionDep
from erp.api.paging import page_of
from erp.models import AuditEntry
from erp.schemas.common import Page
from erp.schemas.outside import AuditOut

router = APIRouter(prefix="/api/audit", tags=["audit"])


@router.get("")
def list_entries(
    session: SessionDep,
    _admin: Admin,
    action: Annotated[str | None, Query(max_length=60)] = None,
    page: PageNumber = 1,
    size: PageSize = 20,
) -> Page[AuditOut]:
    """List the entries, newest first, of one action or of all."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc())
    if action is not None:
        query = query.where(AuditEntry.action == action)
    return page_of(session, query, AuditOut, page, size)
