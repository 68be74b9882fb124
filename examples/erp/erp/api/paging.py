"""Paging of lists."""

from typing import Any, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from erp.schemas.common import Outgoing, Page

Shown = TypeVar("Shown", bound=Outgoing)


def page_of(
    session: Session, query: Select[*tuple[Any, ...]], schema: type[Shown], page: int, size: int
) -> Page[Shown]:
    """Run an ordered query for one page (pages count from 1) and count the whole."""
    total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    found = session.execute(query.limit(size).offset((page - 1) * size)).all()
    # A query for one entity gives rows of one column; a query for columns gives rows that read like objects.
    items = [schema.model_validate(row[0] if len(row) == 1 else row) for row in found]
    return Page(items=items, total=total, page=page, size=size)
