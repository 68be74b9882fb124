"""Writing the audit log."""

from typing import Any

from sqlalchemy.orm import Session

from erp import faults
from erp.faults import Fault
from erp.models.outgoing import AuditEntry

MAX_TEXT = 200


def record(
    session: Session, actor: str, action: str, subject: str, *, address: str | None = None, **details: Any
) -> None:
    """Add an entry to the caller's transaction, so that deed and entry stand or fall together."""
    if faults.on(Fault.AUDIT_SILENT):
        return
    session.add(
        AuditEntry(
            actor=actor[:MAX_TEXT],
            action=action,
            subject=subject[:100],
            address=address and address[:60],
            details=details,
        )
    )
